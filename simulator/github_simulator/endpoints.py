"""The endpoints of GitHub's REST API that a keeper of tokens and its consumers use.

Source: docs.github.com, REST API, "Apps", "OAuth authorizations", "Rate limit", "Installations", "Users",
    "Repositories".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from github_simulator import authentication, installations, oauth, tokens
from github_simulator.api import ApiCall, Endpoint, budget, page_of
from github_simulator.documents import OLD_VERSION
from github_simulator.errors import ApiError
from github_simulator.exchange import Answer
from github_simulator.model import PersonalToken
from github_simulator.state import revoke

if TYPE_CHECKING:
    from collections.abc import Callable

    from github_simulator.model import AccessToken, Installation, Repository
    from github_simulator.state import AnyToken

STATELESS_HEADER = "X-GitHub-Stateless-S2S-Token"
MOST_CREDENTIALS = 1000
REDIRECTS = "https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects"


def endpoints() -> list[Endpoint]:
    """All endpoints."""
    return [
        Endpoint("GET", "/app", "get_app", "jwt", _get_app),
        Endpoint("GET", "/app/installations", "list_installations", "jwt", _list_installations),
        Endpoint("GET", "/app/installations/{installation_id}", "get_installation", "jwt", _get_installation),
        Endpoint("GET", "/orgs/{account}/installation", "find_installation", "jwt", _on_account("Organization")),
        Endpoint(
            "GET", "/users/{account}/installation", "find_installation", "jwt", _on_account("Organization", "User")
        ),
        Endpoint(
            "GET", "/repos/{account}/{repository}/installation", "find_installation", "jwt", _repository_installation
        ),
        Endpoint("GET", "/enterprises/{account}/installation", "find_installation", "jwt", _on_account("Enterprise")),
        Endpoint("GET", "/repositories/{id}/installation", "find_installation", "jwt", _repository_id_installation),
        Endpoint("POST", "/app/installations/{installation_id}/access_tokens", "mint", "jwt", _mint),
        Endpoint("DELETE", "/installation/token", "revoke_installation_token", "token", _revoke_installation_token),
        Endpoint("GET", "/installation/repositories", "installation_repositories", "token", _installation_repositories),
        Endpoint("GET", "/user", "get_user", "token", _get_user),
        Endpoint("GET", "/repos/{account}/{repository}", "get_repository", "token", _get_repository),
        Endpoint("GET", "/repositories/{id}", "get_repository", "token", _get_repository_by_id),
        Endpoint("GET", "/rate_limit", "rate_limit", "any", _rate_limit, counted=False),
        Endpoint("POST", "/applications/{client_id}/token", "check_token", "client", _check_token),
        Endpoint("PATCH", "/applications/{client_id}/token", "reset_token", "client", _reset_token),
        Endpoint("DELETE", "/applications/{client_id}/token", "delete_token", "client", _delete_token),
        Endpoint("DELETE", "/applications/{client_id}/grant", "delete_grant", "client", _delete_grant),
        Endpoint("POST", "/credentials/revoke", "revoke_credentials", "nobody", _revoke_credentials),
    ]


def _get_app(api_call: ApiCall) -> Answer:
    simulation, app = api_call.call.simulation, api_call.caller
    count = len(simulation.state.installations_of(app))
    return Answer(200, simulation.documents.app(app, installations=count))


def _list_installations(api_call: ApiCall) -> Answer:
    simulation = api_call.call.simulation
    page, headers = page_of(simulation.state.installations_of(api_call.caller), api_call.call)
    return Answer(200, [simulation.documents.installation(installation) for installation in page], headers)


def _get_installation(api_call: ApiCall) -> Answer:
    return _shown(api_call, _installation(api_call))


def _on_account(*types: str) -> Callable[[ApiCall], Answer]:
    """Shows the App's installation on an account of one of these types."""

    def answer(api_call: ApiCall) -> Answer:
        wanted = api_call.call.parameters["account"].lower()
        for installation in api_call.call.simulation.state.installations_of(api_call.caller):
            if installation.account.login.lower() == wanted and installation.account.type in types:
                return _shown(api_call, installation)
        raise ApiError(404, "Not Found")

    return answer


def _repository_installation(api_call: ApiCall) -> Answer:
    parameters, state = api_call.call.parameters, api_call.call.simulation.state
    if moved := state.find_moved(parameters["account"], parameters["repository"]):
        _installation_with(api_call, moved)
        return _moved_to(api_call, f"/repositories/{moved.id}/installation")
    return _shown(api_call, _installation_with(api_call, _repository(api_call)))


def _repository_id_installation(api_call: ApiCall) -> Answer:
    return _shown(api_call, _installation_with(api_call, _repository_by_id(api_call)))


def _mint(api_call: ApiCall) -> Answer:
    call = api_call.call
    simulation = call.simulation
    installation = _installation(api_call)
    asked = call.headers.get(STATELESS_HEADER, "").lower()
    formats = {"enabled": True, "disabled": False} if not simulation.ghes else {}
    value, token, repositories = installations.mint(
        simulation.state,
        installation,
        api_call.body(),
        now=call.now,
        stateless=formats.get(asked, simulation.state.stateless_tokens),
    )
    document = simulation.documents.installation_token(value, token, repositories, version=api_call.version)
    return Answer(201, document)


def _revoke_installation_token(api_call: ApiCall) -> Answer:
    revoke(_installation_token(api_call), api_call.call.now)
    return Answer(204)


def _installation_repositories(api_call: ApiCall) -> Answer:
    token, simulation = _installation_token(api_call), api_call.call.simulation
    if "metadata" not in (token.permissions or {}):
        raise ApiError(403, authentication.NOT_ACCESSIBLE)
    reachable = [repository for repository in _reachable(api_call) if _in_scope(token, repository)]
    page, headers = page_of(reachable, api_call.call)
    selection = token.installation.repository_selection if token.installation else "selected"
    document = {
        "total_count": len(reachable),
        "repository_selection": selection if token.repository_ids is None else "selected",
        "repositories": [simulation.documents.repository(item, version=api_call.version) for item in page],
    }
    return Answer(200, document, headers)


def _get_user(api_call: ApiCall) -> Answer:
    user = api_call.bearer.user
    if user is None:
        raise ApiError(403, authentication.NOT_ACCESSIBLE)
    return Answer(200, api_call.call.simulation.documents.private_user(user))


def _get_repository(api_call: ApiCall) -> Answer:
    parameters = api_call.call.parameters
    moved = api_call.call.simulation.state.find_moved(parameters["account"], parameters["repository"])
    if moved is None:
        return _full_repository(api_call, _repository(api_call))
    _full_repository(api_call, moved)
    return _moved_to(api_call, f"/repositories/{moved.id}")


def _get_repository_by_id(api_call: ApiCall) -> Answer:
    return _full_repository(api_call, _repository_by_id(api_call))


def _full_repository(api_call: ApiCall, repository: Repository) -> Answer:
    token = api_call.bearer
    if repository.private and not (repository in _reachable(api_call) and _in_scope(token, repository)):
        raise ApiError(404, "Not Found")
    document = api_call.call.simulation.documents.full_repository(repository, version=api_call.version)
    return Answer(200, document)


def _rate_limit(api_call: ApiCall) -> Answer:
    call = api_call.call
    if call.simulation.ghes:
        raise ApiError(404, "Rate limiting is not enabled.")
    principal = budget(api_call) or f"ip {call.remote}"
    core = call.simulation.rate_limits.bucket(principal, now=call.now).document()
    unused = {"limit": 30, "used": 0, "remaining": 30, "reset": core["reset"]}
    document: dict[str, Any] = {"resources": {"core": core, "search": unused, "graphql": unused}}
    if api_call.version == OLD_VERSION:
        document["rate"] = core
    return Answer(200, document)


def _check_token(api_call: ApiCall) -> Answer:
    value, token = _presented(api_call)
    if token is None:
        raise ApiError(404, "Not Found")
    return Answer(200, api_call.call.simulation.documents.authorization(value, token))


def _reset_token(api_call: ApiCall) -> Answer:
    simulation, now = api_call.call.simulation, api_call.call.now
    _, token = _presented(api_call)
    if token is None or token.sign_in is None:
        raise ApiError(404, "Not Found")
    value = oauth.reset_token(simulation.state, token.sign_in, now=now)
    return Answer(200, simulation.documents.authorization(value, simulation.state.access_tokens[tokens.sha256(value)]))


def _delete_token(api_call: ApiCall) -> Answer:
    _, token = _presented(api_call)
    if token is None:
        status = api_call.call.simulation.settings.unknown_token_deletion_status
        raise ApiError(status, "Not Found" if status == 404 else "Validation Failed")  # noqa: PLR2004 - an HTTP status
    revoke(token, api_call.call.now)
    return Answer(204)


def _delete_grant(api_call: ApiCall) -> Answer:
    _, token = _presented(api_call)
    if token is None or token.sign_in is None:
        raise ApiError(404, "Not Found")
    api_call.call.simulation.state.revoke_grant(api_call.caller, token.sign_in.user, now=api_call.call.now)
    return Answer(204)


def _revoke_credentials(api_call: ApiCall) -> Answer:
    """Kills user and refresh tokens; what is unknown, dead or of another kind is passed over without a word."""
    credentials = api_call.body().get("credentials")
    if not (
        isinstance(credentials, list)
        and 0 < len(credentials) <= MOST_CREDENTIALS
        and all(isinstance(value, str) for value in credentials)
    ):
        raise ApiError(422, "Validation Failed")
    for value in credentials:
        api_call.call.simulation.state.revoke_credential(value, now=api_call.call.now)
    return Answer(202, {})


def _shown(api_call: ApiCall, installation: Installation) -> Answer:
    return Answer(200, api_call.call.simulation.documents.installation(installation))


def _installation(api_call: ApiCall) -> Installation:
    number = api_call.call.parameters["installation_id"]
    if not (number.isascii() and number.isdigit()):
        raise ApiError(404, "Not Found")
    return installations.find(api_call.call.simulation.state, api_call.caller, int(number))


def _installation_with(api_call: ApiCall, repository: Repository) -> Installation:
    """The App's installation that reaches the repository; of what it does not reach an App learns nothing."""
    state = api_call.call.simulation.state
    for installation in state.installations_of(api_call.caller):
        if repository in state.repositories_of(installation):
            return installation
    raise ApiError(404, "Not Found")


def _moved_to(api_call: ApiCall, path: str) -> Answer:
    """GitHub redirects what was renamed or transferred to its number."""
    url = api_call.call.simulation.documents.api_url + path
    document = {"message": "Moved Permanently", "url": url, "documentation_url": REDIRECTS}
    return Answer(301, document, {"Location": url})


def _repository(api_call: ApiCall) -> Repository:
    parameters = api_call.call.parameters
    found = api_call.call.simulation.state.find_repository(parameters["account"], parameters["repository"])
    if found is None:
        raise ApiError(404, "Not Found")
    return found


def _repository_by_id(api_call: ApiCall) -> Repository:
    number = api_call.call.parameters["id"]
    found = api_call.call.simulation.state.repository_by_id(int(number)) if number.isdecimal() else None
    if found is None:
        raise ApiError(404, "Not Found")
    return found


def _installation_token(api_call: ApiCall) -> AccessToken:
    bearer = api_call.bearer
    if isinstance(bearer, PersonalToken) or bearer.installation is None:
        raise ApiError(403, "You must authenticate with an installation access token.")
    return bearer


def _reachable(api_call: ApiCall) -> list[Repository]:
    """What the token's installation reaches; for a user's token what any installation of its App reaches.

    Who may see what is not simulated: an OAuth app's and a personal token reach everything.
    """
    state, token = api_call.call.simulation.state, api_call.bearer
    if isinstance(token, PersonalToken):
        return list(state.repositories.values())
    if token.installation is not None:
        return state.repositories_of(token.installation)
    if token.app.kind == "oauth-app":
        return list(state.repositories.values())
    return [item for installation in state.installations_of(token.app) for item in state.repositories_of(installation)]


def _in_scope(token: AnyToken, repository: Repository) -> bool:
    return isinstance(token, PersonalToken) or token.repository_ids is None or repository.id in token.repository_ids


def _presented(api_call: ApiCall) -> tuple[str, AccessToken | None]:
    """The `access_token` of the body and its record, where it is a live user token of the calling client."""
    value = api_call.body().get("access_token")
    if not isinstance(value, str) or not value:
        raise ApiError(422, "Validation Failed")
    token = api_call.call.simulation.state.access_tokens.get(tokens.sha256(value))
    mine = token is not None and token.app is api_call.caller and token.sign_in is not None
    return value, token if mine and token is not None and token.is_live(api_call.call.now) else None
