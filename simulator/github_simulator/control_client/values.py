"""What the control API tells, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from github_simulator.ledger import Request


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
