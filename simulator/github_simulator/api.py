"""What applies to every call to GitHub's REST API: the common checks, whose budget it takes from, and the headers.

The order: user agent, API version, failed-login guard, credentials, rate limit, then the endpoint. A limit needs to
know whose it is, so an unknown token is refused before anything is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from github_simulator import authentication
from github_simulator.authentication import BAD_CREDENTIALS
from github_simulator.documents import NEW_VERSION, OLD_VERSION
from github_simulator.errors import ApiError
from github_simulator.exchange import Answer, Call, Route, encode_json
from github_simulator.model import PersonalToken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from github_simulator.model import App
    from github_simulator.state import AnyToken

T = TypeVar("T")

Auth = Literal["jwt", "token", "client", "any", "nobody"]

NO_USER_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header "
    "(https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required)."
)
VERSIONS = (OLD_VERSION, NEW_VERSION)


@dataclass(slots=True)
class ApiCall:
    """A call that passed the common checks; `app` is set for JWT and client, `token` for a token."""

    call: Call
    version: str
    app: App | None = None
    token: AnyToken | None = None

    @property
    def caller(self) -> App:
        """The App behind the JWT or the client credentials."""
        if self.app is None:
            raise ApiError(401, authentication.REQUIRES_AUTHENTICATION)
        return self.app

    @property
    def bearer(self) -> AnyToken:
        """The token behind the request."""
        if self.token is None:
            raise ApiError(401, authentication.REQUIRES_AUTHENTICATION)
        return self.token

    def body(self) -> dict[str, Any]:
        """The JSON object in the body; empty where there is no body. Raises `ApiError`: 400."""
        if self.call.invalid_json:
            raise ApiError(400, "Problems parsing JSON")
        if self.call.document is None:
            return {}
        if not isinstance(self.call.document, dict):
            raise ApiError(400, "Body should be a JSON object")
        return self.call.document


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of the REST API; `counted` says whether it takes from the rate limit."""

    method: str
    path: str
    operation: str
    auth: Auth
    answer: Callable[[ApiCall], Answer]
    counted: bool = True


def route(endpoint: Endpoint) -> Route:
    """The endpoint with everything that surrounds it."""

    def answer(call: Call) -> Answer:
        headers = {"X-GitHub-Media-Type": "github.v3; format=json"}
        try:
            version = _version(call)
            headers["X-GitHub-Api-Version-Selected"] = version
            answered = _checked(endpoint, ApiCall(call, version), headers)
        except ApiError as error:
            answered = Answer(error.status, error.document(), dict(error.headers), error.message)
        answered.headers = {**headers, **answered.headers}
        return answered

    return Route(endpoint.method, endpoint.path, lambda _: endpoint.operation, answer, encode_json)


def unknown_route() -> Route:
    """What answers a path that the simulator does not have."""

    def answer(_call: Call) -> Answer:
        error = ApiError(404, "Not Found")
        return Answer(error.status, error.document(), error=error.message)

    return Route("*", "", lambda _: "unknown", answer, encode_json)


def _version(call: Call) -> str:
    if not call.headers.get("User-Agent"):
        raise ApiError(403, NO_USER_AGENT)
    version = call.headers.get("X-GitHub-Api-Version", OLD_VERSION)
    if version in call.simulation.settings.retired_api_versions:
        raise ApiError(410, f"API version {version} is no longer supported.")
    if version not in VERSIONS:
        raise ApiError(400, f"Invalid API version: {version}. Supported versions: {', '.join(VERSIONS)}.")
    return version


def _checked(endpoint: Endpoint, api_call: ApiCall, headers: dict[str, str]) -> Answer:
    call = api_call.call
    guarded = call.credentials.kind in {"jwt", "token", "malformed"}
    known = call.simulation.state.find_token(call.credentials.value)
    suspect = _suspect(call, known)
    if guarded:
        call.simulation.guard.check(suspect, now=call.now)
    try:
        _authenticate(endpoint, api_call)
    except ApiError as error:
        # A live token that is refused has not reached this replica yet; that is nobody's fault.
        at_fault = known is None or not known.is_live(call.now)
        if guarded and at_fault and error.status == 401:  # noqa: PLR2004 - an HTTP status
            call.simulation.guard.failed(suspect, now=call.now)
        raise
    if call.credentials.kind == "jwt" and api_call.app is not None:
        call.simulation.points.take(api_call.app.id, endpoint.method, now=call.now)
    if isinstance(api_call.token, PersonalToken):
        headers |= api_call.token.headers()
    principal = budget(api_call)
    if principal is not None and not call.simulation.ghes:
        limits = call.simulation.rate_limits
        take = limits.take if endpoint.counted else limits.bucket
        headers |= take(principal, now=call.now).headers()
    return endpoint.answer(api_call)


def _authenticate(endpoint: Endpoint, api_call: ApiCall) -> None:
    call = api_call.call
    state, credentials = call.simulation.state, call.credentials
    client_ids = call.simulation.settings.client_id_issuers
    match endpoint.auth:
        case "jwt":
            api_call.app = authentication.app_by_jwt(state, credentials, now=call.now, client_ids=client_ids)
        case "client":
            api_call.app = authentication.oauth_client(state, credentials, call.parameters["client_id"])
        case "nobody" if credentials.kind != "none":
            raise ApiError(403, authentication.MUST_BE_ANONYMOUS)
        case "nobody" | "any" if credentials.kind == "none":
            return
        case "any" if credentials.kind == "basic":
            api_call.app = authentication.oauth_client(state, credentials, credentials.user)
        case "any" if credentials.kind == "jwt":
            api_call.app = authentication.app_by_jwt(state, credentials, now=call.now, client_ids=client_ids)
        case _:
            if credentials.kind not in {"none", "token"}:
                raise ApiError(401, BAD_CREDENTIALS)
            settings = call.simulation.settings
            api_call.token = authentication.live_token(
                state,
                credentials,
                now=call.now,
                lag=settings.replication_lag,
                narrowed_lag=settings.narrowed_replication_lag,
            )


def budget(api_call: ApiCall) -> str | None:
    """Whose rate limit the call takes from; None for a JWT, which has none."""
    call, token = api_call.call, api_call.token
    if call.credentials.kind == "jwt":
        return None
    if token is not None:
        return holder(token)
    return f"client {api_call.app.client_id}" if api_call.app is not None else f"ip {call.remote}"


def holder(token: AnyToken) -> str:
    """The principal behind a token: its installation or its user."""
    if isinstance(token, PersonalToken):
        return f"user {token.user.id}"
    if token.installation is not None:
        return f"installation {token.installation.id}"
    return f"user {token.sign_in.user.id}" if token.sign_in is not None else f"app {token.app.id}"


def _suspect(call: Call, known: AnyToken | None) -> str:
    """Whom the failed-login guard blames."""
    if known is not None:
        return holder(known)
    app = authentication.seeming_app(call.simulation.state, call.credentials)
    return f"app {app.id}" if app is not None else f"ip {call.remote}"


def page_of(items: list[T], call: Call) -> tuple[list[T], dict[str, str]]:
    """One page of a list by `per_page` (30, at most 100) and `page`, and the `Link` header that names the others."""
    size = min(_positive(call.query, "per_page", 30), 100)
    page = _positive(call.query, "page", 1)
    last = max(1, -(-len(items) // size))
    base = f"{call.simulation.documents.api_url}{call.path}?per_page={size}&page="
    links = [(page - 1, "prev"), (page + 1, "next"), (last, "last"), (1, "first")]
    shown = [
        f'<{base}{number}>; rel="{relation}"'
        for number, relation in links
        if 1 <= number <= last
        and (page < last or relation in {"prev", "first"})
        and (page > 1 or relation in {"next", "last"})
    ]
    return items[(page - 1) * size : page * size], {"Link": ", ".join(shown)} if shown else {}


def _positive(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, "")
    return max(1, int(value)) if value.isascii() and value.isdigit() else default
