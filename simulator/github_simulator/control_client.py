"""A typed client of the control API, for tests, the demo and the benchmark. Sync; safe to share between threads.

ControlFailedError    the control API refused a request; its message says why
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_TIMEOUT_SECONDS = 30.0


class ControlFailedError(Exception):
    """The control API refused a request."""


@dataclass(frozen=True, slots=True)
class App:
    """An App as it was created; `private_key` is PEM (PKCS#1), None for an OAuth app or an App without a key."""

    id: int
    slug: str
    client_id: str
    client_secret: str = field(repr=False)
    private_key: str | None = field(repr=False)
    key_id: str | None


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation; `repositories` are the reachable ones' ids by name."""

    id: int
    app_id: int
    account: str
    account_id: int
    repository_selection: str
    repositories: dict[str, int]
    permissions: dict[str, str]
    suspended: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """A user token; the last three are None where it does not expire."""

    access_token: str = field(repr=False)
    token_type: str
    scope: str
    expires_in: int | None = None
    refresh_token: str | None = field(default=None, repr=False)
    refresh_token_expires_in: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One recorded request; see `github_simulator.ledger.Request`."""

    at: float
    method: str
    path: str
    operation: str
    app_id: int | None
    client_id: str | None
    installation_id: int | None
    authorization: str
    authorization_sha256: str | None
    user_agent: str | None
    api_version: str | None
    body: dict[str, Any]
    status: int
    error: str | None
    fault: int | None
    verdict: str | None
    delivered: bool


@dataclass(frozen=True, slots=True)
class Spend:
    """A presentation of a single-use token that was an offence (`double_spend`) or a forgivable `replay`."""

    sha256: str
    at: float
    app_id: int | None
    verdict: str


@dataclass(frozen=True, slots=True)
class LiveToken:
    """An access token that is neither expired nor revoked."""

    sha256: str
    prefix: str
    app_id: int
    installation_id: int | None
    user: str | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was counted since the last reset.

    Attributes:
        requests: To the API and the web host, oldest first.
        counts: Requests by operation.
        most_in_flight: The most requests that were under way at once.
        guard_trips: Requests that met the failed-login guard's closed door.
    """

    requests: tuple[Request, ...]
    counts: dict[str, int]
    most_in_flight: int
    double_spends: tuple[Spend, ...]
    replays: tuple[Spend, ...]
    guard_trips: int
    live_tokens: tuple[LiveToken, ...]

    def of(self, operation: str, app: App | None = None) -> tuple[Request, ...]:
        """The requests of one operation, of one App or of all."""
        return tuple(
            request
            for request in self.requests
            if request.operation == operation and (app is None or request.app_id == app.id)
        )

    def live(self, app: App | None = None, installation: Installation | None = None) -> int:
        """How many access tokens are live, of an App, of an installation or in all."""
        return sum(
            (app is None or token.app_id == app.id)
            and (installation is None or token.installation_id == installation.id)
            for token in self.live_tokens
        )


@dataclass(frozen=True, slots=True)
class TokenState:
    """What GitHub knows of an access or refresh token; times are virtual seconds since the epoch."""

    known: bool
    alive: bool
    prefix: str | None = None
    app_id: int | None = None
    installation_id: int | None = None
    user: str | None = None
    created_at: float | None = None
    expires_at: float | None = None
    revoked_at: float | None = None
    spent_at: float | None = None
    permissions: dict[str, str] | None = None
    repository_ids: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """The virtual clock: seconds since the epoch, seconds ahead of the machine's, virtual seconds per real second."""

    now: float
    iso8601: str
    offset: float
    speed: float


class Control:
    """Speaks to the control API at `url`; close it, or use it as a context manager."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def create_app(
        self, slug: str, *, token_life: float | None = None, user_token_life: float | None = None, **settings: object
    ) -> App:
        """A new App.

        Args:
            slug: Its name; must be new.
            token_life: Seconds that an installation token lives (default 3600).
            user_token_life: Seconds that a user token lives (default 28800).
            settings: `owner`, `kind` (`github-app`, `oauth-app`), `key=False`, `private_key` (PEM, instead of a
                generated one), `permissions`, `tokens_expire`,
                `device_flow`, `refresh_token_life`, `device_code_life`, `device_interval`, `stale_device_polls`,
                `user_token_prefix`, `user_token_tail`.
        """
        lives = {"installation_token_life": token_life, "user_token_life": user_token_life}
        given = {name: value for name, value in lives.items() if value is not None}
        document = self._call("POST", "/apps", {"slug": slug, **given, **settings})
        return App(**{name: document[name] for name in App.__slots__})

    def change_app(self, app: App, **settings: object) -> None:
        """Change an App's settings: those of `create_app`, with `installation_token_life` in full."""
        self._call("PATCH", f"/apps/{app.id}", settings)

    def add_key(self, app: App, *, keep_old: bool = True) -> tuple[str, str]:
        """Generate another private key; returns its id and its PEM. `keep_old=False` rotates."""
        document = self._call("POST", f"/apps/{app.id}/keys", {"keep_old": keep_old})
        return document["key_id"], document["private_key"]

    def delete_key(self, app: App, key_id: str | None = None) -> None:
        """Delete one of the App's keys, or all of them."""
        self._call("DELETE", f"/apps/{app.id}/keys" + (f"/{key_id}" if key_id else ""))

    def rotate_client_secret(self, app: App, *, keep_old: bool = False) -> str:
        """A new client secret; the old one stops working unless it is kept."""
        secret: str = self._call("POST", f"/apps/{app.id}/client-secrets", {"keep_old": keep_old})["client_secret"]
        return secret

    def install(
        self,
        app: App,
        account: str,
        *,
        repositories: Sequence[str] | None = None,
        permissions: dict[str, str] | None = None,
        repository_selection: str | None = None,
        account_type: str = "Organization",
    ) -> Installation:
        """Install the App on an account; account and repositories (names without owner) are made where they are new.

        Named repositories make the selection `selected`, unless `repository_selection="all"`.
        """
        body = {
            "app": app.id,
            "account": account,
            "account_type": account_type,
            "repositories": None if repositories is None else list(repositories),
            "permissions": permissions,
            "repository_selection": repository_selection,
        }
        return _installation(self._call("POST", "/installations", body))

    def change_installation(self, installation: Installation, **changes: object) -> Installation:
        """Change `permissions`, `repositories`, `repository_selection` or `suspended`."""
        return _installation(self._call("PATCH", f"/installations/{installation.id}", changes))

    def suspend(self, installation: Installation) -> None:
        """Suspend the installation: its tokens answer 403, no new one is minted."""
        self.change_installation(installation, suspended=True)

    def unsuspend(self, installation: Installation) -> None:
        """Take the suspension back; tokens that have not expired work again."""
        self.change_installation(installation, suspended=False)

    def uninstall(self, installation: Installation) -> None:
        """Remove the installation; its tokens are dead and it is unknown."""
        self._call("DELETE", f"/installations/{installation.id}")

    def reinstall(self, installation: Installation) -> Installation:
        """Uninstall the App and install it again with the same choices: another id, and the old tokens are dead."""
        return _installation(self._call("POST", f"/installations/{installation.id}/reinstall"))

    def rename_repository(self, full_name: str, name: str) -> None:
        """Call `owner/name` otherwise. Its old name is redirected, and refused where a token is minted for it."""
        self._call("PATCH", f"/repositories/{full_name}", {"name": name})

    def transfer_repository(self, full_name: str, owner: str) -> None:
        """Give `owner/name` to another owner: installations that had selected it have it no more."""
        self._call("PATCH", f"/repositories/{full_name}", {"owner": owner})

    def rename_account(self, login: str, new_login: str) -> None:
        """Call a user or an organization otherwise. Its repositories are redirected, its old login is unknown."""
        self._call("PATCH", f"/accounts/{login}", {"login": new_login})

    def create_user(self, login: str, *, email_verified: bool = True) -> None:
        """A user; users are also made when they are first named."""
        self._call("POST", "/users", {"login": login, "email_verified": email_verified})

    def sign_in(self, app: App, user: str, *, flow: str = "web", scopes: Sequence[str] = ()) -> Pair:
        """Sign a user in at once; `flow="device"` gives a pair that is refreshed without a client secret."""
        body = {"app": app.id, "user": user, "flow": flow, "scopes": list(scopes)}
        return Pair(**self._call("POST", "/sign-ins", body))

    def web_code(
        self, app: App, user: str, *, redirect_uri: str | None = None, code_challenge: str | None = None
    ) -> str:
        """The code that the browser would bring back from the web flow."""
        body = {"app": app.id, "user": user, "redirect_uri": redirect_uri, "code_challenge": code_challenge}
        code: str = self._call("POST", "/web-codes", body)["code"]
        return code

    def create_personal_token(
        self,
        user: str,
        *,
        kind: str = "classic",
        life: float | None = None,
        scopes: Sequence[str] = (),
        utc_offset: int = 0,
    ) -> str:
        """A personal token that a user made.

        Args:
            user: Whose.
            kind: `classic`, `fine-grained`, or `legacy` (40 hexadecimal digits).
            life: Seconds until it expires; None: it does not.
            scopes: Of a classic token.
            utc_offset: Hours: GitHub tells some users the expiry in their own zone.
        """
        body = {"user": user, "kind": kind, "life": life, "scopes": list(scopes), "utc_offset": utc_offset}
        token: str = self._call("POST", "/personal-tokens", body)["token"]
        return token

    def revoke_personal_token(self, token: str) -> None:
        """The user deletes the personal token on GitHub's page."""
        self._call("DELETE", f"/personal-tokens/{sha256(token)}")

    def revoke_grant(self, app: App, user: str) -> None:
        """The user takes the App's authorization back: all tokens of all sign-ins die."""
        self._call("DELETE", "/grants", {"app": app.id, "user": user})

    def device_codes(self) -> list[dict[str, Any]]:
        """The device flows: `user_code`, `app`, `interval`, `expired`, `approved`, `denied`, `consumed`."""
        found: list[dict[str, Any]] = self._call("GET", "/device-codes")
        return found

    def approve(self, user_code: str, user: str) -> None:
        """The user enters the code and agrees."""
        self._call("PATCH", f"/device-codes/{user_code}", {"approve": True, "user": user})

    def deny(self, user_code: str) -> None:
        """The user enters the code and cancels."""
        self._call("PATCH", f"/device-codes/{user_code}", {"approve": False})

    def fail(self, operation: str, *, times: int | None = 1, app: App | None = None, **fault: object) -> int:
        """Let requests of an operation go wrong; returns the fault's id.

        Args:
            operation: `mint`, `refresh`, `get_app` ... (docs/simulator.md lists them), or `*`.
            times: How often; None until it is cleared.
            app: Only this App's requests.
            fault: `installation_id`; `words`, or `status`, `body`, `content_type`, `headers`, `reset_in`, `drop`,
                `when` (`before`, `after`), `delay`, `body_delay`, `truncate`, `set_fields`, `remove_fields`.
        """
        body = {"operation": operation, "times": times, "app": app.id if app else None, **fault}
        number: int = self._call("POST", "/faults", body)["id"]
        return number

    def override(
        self,
        operation: str,
        *,
        remove: Sequence[str] = (),
        times: int | None = 1,
        app: App | None = None,
        **set_fields: object,
    ) -> int:
        """Edit fields of the true answer: `sim.override("refresh", expires_in="28800")`; the effect takes place."""
        return self.fail(operation, times=times, app=app, set_fields=set_fields, remove_fields=list(remove))

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are set, with how often each has `struck`."""
        found: list[dict[str, Any]] = self._call("GET", "/faults")
        return found

    def clear_faults(self, fault_id: int | None = None) -> None:
        """Clear one fault, or all."""
        self._call("DELETE", "/faults" + (f"/{fault_id}" if fault_id is not None else ""))

    def exhaust_rate_limit(self, installation: Installation, *, reset_in: float = 60) -> None:
        """Use the primary rate limit of an installation's tokens up."""
        body = {"principal": f"installation {installation.id}", "reset_in": reset_in}
        self._call("POST", "/rate-limits/exhaust", body)

    def settings(self, **changes: object) -> dict[str, Any]:
        """Turn knobs (`latency`, `replication_lag` ...; see `github_simulator.simulation.Settings`); returns all."""
        found: dict[str, Any] = self._call("PATCH", "/settings", changes)
        return found

    def clock(self, **changes: float) -> Clock:
        """Change the clock (`set`, `offset`, `advance`, `speed`; 0 stops it); without changes only look."""
        return Clock(**self._call("PUT" if changes else "GET", "/clock", changes or None))

    def ledger(self) -> Ledger:
        """What was counted since the last reset."""
        document = self._call("GET", "/ledger")
        return Ledger(
            requests=tuple(Request(**request) for request in document["requests"]),
            counts=document["counts"],
            most_in_flight=document["most_in_flight"],
            double_spends=tuple(Spend(**spend) for spend in document["double_spends"]),
            replays=tuple(Spend(**spend) for spend in document["replays"]),
            guard_trips=document["guard_trips"],
            live_tokens=tuple(LiveToken(**token) for token in document["live_tokens"]),
        )

    def reset_ledger(self) -> None:
        """Forget requests, counts and offences; what was spent stays spent."""
        self._call("DELETE", "/ledger")

    def lose_answer(self, sha256: str) -> bool:
        """Say that the answer to a refresh token died with the client that had it; False where none was delivered.

        For who killed that client and saw that it kept nothing: what presents the token again is a replay.
        """
        lost: bool = self._call("POST", "/answers/lose", {"sha256": sha256})["lost"]
        return lost

    def token(self, sha256: str) -> TokenState:
        """What GitHub knows of the token with this SHA-256 (hexadecimal or base64)."""
        return TokenState(**self._call("POST", "/tokens/lookup", {"sha256": sha256}))

    def token_is_alive(self, sha256: str) -> bool:
        """Whether GitHub would take the token now."""
        return self.token(sha256).alive

    def _call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        response = self._client.request(method, path, json=body)
        if response.is_error:
            raise ControlFailedError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json() if response.content else None


def sha256(token: str) -> str:
    """The SHA-256 by which the simulator knows a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _installation(document: dict[str, Any]) -> Installation:
    renamed = {"app_id": document["app"], **{name: value for name, value in document.items() if name != "app"}}
    return Installation(**renamed)
