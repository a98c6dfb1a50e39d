"""Who is behind a request to the REST API: an App by JWT, a token's holder, an OAuth client by Basic, or nobody.

Two of GitHub's habits live here: a fresh token may be unknown for a moment (replication lag), and several bad
credentials within a minute close the door even to good ones (failed-login guard).
Source: docs.github.com, "Authenticating to the REST API" (failed login limit); octokit/auth-app.js issue 65 (lag).
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from github_simulator import jwt_check, tokens
from github_simulator.clock import iso8601
from github_simulator.errors import ApiError
from github_simulator.model import PersonalToken

if TYPE_CHECKING:
    from github_simulator.model import App
    from github_simulator.state import AnyToken, State

REQUIRES_AUTHENTICATION = "Requires authentication"
BAD_CREDENTIALS = "Bad credentials"
NOT_ACCESSIBLE = "Resource not accessible by integration"
MUST_BE_ANONYMOUS = "This endpoint must be called without credentials."
TOO_MANY_FAILURES = "Maximum number of login attempts exceeded. Please try again later."
GUARD_WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """An `Authorization` header, parsed and not yet believed.

    Attributes:
        kind: `none`, `jwt`, `token`, `basic` or `malformed`.
        value: The JWT, the token, or the Basic password.
        user: The Basic user name, which is a client id.
    """

    kind: str
    value: str = ""
    user: str = ""

    @property
    def sha256(self) -> str | None:
        """How the ledger names the value; None where there is none."""
        return tokens.sha256(self.value) if self.value else None


def parse_authorization(header: str | None) -> Credentials:
    """Read an `Authorization` header. A JWT is taken only behind `Bearer`."""
    if not header:
        return Credentials("none")
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    match scheme.lower():
        case "bearer" | "token" if tokens.looks_like_a_token(value):
            return Credentials("token", value)
        case "bearer":
            return Credentials("jwt", value)
        case "basic":
            return _basic(value)
        case _:
            return Credentials("malformed", value)


def _basic(value: str) -> Credentials:
    try:
        user, separator, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return Credentials("malformed", value)
    if password.startswith(tokens.TOKEN_PREFIXES):
        # As curl sends what is in `.netrc`: any user name, and a token for a password.
        return Credentials("token", password)
    return Credentials("basic", password, user) if separator else Credentials("malformed", value)


def seeming_app(state: State, credentials: Credentials) -> App | None:
    """Whose request it seems to be, without any check: for the ledger and for faults of one App."""
    match credentials.kind:
        case "jwt":
            issuer = jwt_check.unverified_issuer(credentials.value)
            return state.app_by_issuer(issuer) if issuer else None
        case "token":
            token = state.access_tokens.get(tokens.sha256(credentials.value))
            return token.app if token else None
        case "basic":
            return state.app_by_client_id(credentials.user)
        case _:
            return None


def app_by_jwt(state: State, credentials: Credentials, *, now: float, client_ids: bool = True) -> App:
    """The App behind a JWT.

    Raises `ApiError`: 401 or 404, in the words of `jwt_check`; also for a token where a JWT is needed.
    """
    if credentials.kind == "none":
        raise ApiError(401, jwt_check.UNDECODABLE)
    if credentials.kind in {"basic", "malformed"}:
        raise ApiError(401, BAD_CREDENTIALS)
    return jwt_check.verify(credentials.value, now=now, find_app=state.app_by_issuer, client_ids=client_ids)


def live_token(state: State, credentials: Credentials, *, now: float, lag: float, narrowed_lag: float) -> AnyToken:
    """The live token behind a request: of an installation that is not suspended, or a user's.

    For `lag` seconds after its issue a token is still unknown; for `narrowed_lag` seconds a narrowed installation
    token is known without its permissions.

    Raises:
        ApiError: 401 for no or a dead token, 403 for a suspended installation or permissions that have not arrived.
    """
    if credentials.kind == "none":
        raise ApiError(401, REQUIRES_AUTHENTICATION)
    token = state.find_token(credentials.value) if credentials.kind == "token" else None
    if token is None or not token.is_live(now) or now < token.created_at + lag:
        raise ApiError(401, BAD_CREDENTIALS)
    if isinstance(token, PersonalToken):
        return token
    installation = token.installation
    if installation is not None and installation.suspended_at is not None:
        owner, at = installation.account.login, iso8601(installation.suspended_at)
        raise ApiError(403, f"This installation owned by {owner} suspended your access at {at}")
    if token.narrowed and now < token.created_at + narrowed_lag:
        raise ApiError(403, NOT_ACCESSIBLE)
    return token


def oauth_client(state: State, credentials: Credentials, client_id: str) -> App:
    """The client whose own `/applications/{client_id}` this is.

    Raises `ApiError`: 404 for an unknown client or no credentials, 401 where they do not match.
    """
    app = state.app_by_client_id(client_id)
    if app is None or credentials.kind == "none":
        raise ApiError(404, "Not Found")
    if credentials.kind != "basic" or credentials.user != client_id or not secret_fits(app, credentials.value):
        raise ApiError(401, BAD_CREDENTIALS)
    return app


def secret_fits(app: App, secret: str) -> bool:
    """Whether `secret` is one of the App's client secrets."""
    return any(secrets.compare_digest(secret.encode(), known.encode()) for known in app.client_secrets)


class LoginGuard:
    """Counts bad credentials per principal and closes the door when there were too many within a minute.

    Attributes:
        limit: How many failures within 60 s close the door; 0 switches the guard off.
        trips: How many requests met a closed door.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.trips = 0
        self._failures: dict[str, deque[float]] = defaultdict(deque)

    def check(self, principal: str, *, now: float) -> None:
        """Refuse a principal with too many failures; a knock at a closed door keeps it closed.

        Raises `ApiError`: 403.
        """
        failures = self._failures.get(principal)
        if failures is None or not self.limit:
            return
        while failures and not now - GUARD_WINDOW < failures[0] <= now:
            failures.popleft()
        if len(failures) >= self.limit:
            self.trips += 1
            failures.append(now)
            raise ApiError(403, TOO_MANY_FAILURES)

    def failed(self, principal: str, *, now: float) -> None:
        """Record bad credentials."""
        self._failures[principal].append(now)
        while len(self._failures[principal]) > max(self.limit, 1):
            self._failures[principal].popleft()

    def reset(self) -> None:
        """Forget all failures and trips."""
        self.trips = 0
        self._failures.clear()
