"""One simulated GitHub: its clock, state, limits, faults and books, without any network."""

from __future__ import annotations

from dataclasses import dataclass, field

from github_simulator.authentication import LoginGuard
from github_simulator.clock import VirtualClock
from github_simulator.documents import Documents
from github_simulator.faults import Faults
from github_simulator.ledger import Ledger
from github_simulator.rate_limits import Points, RateLimits
from github_simulator.spends import Spends
from github_simulator.state import State


@dataclass(slots=True)
class Settings:
    """Knobs that may be turned while the simulator runs.

    Attributes:
        latency: Real seconds that every request to the API and the web host takes at least.
        replication_lag: Virtual seconds for which a new token is answered 401.
        narrowed_replication_lag: Virtual seconds for which a narrowed installation token is answered 403.
        unknown_token_deletion_status: What `DELETE /applications/{client_id}/token` answers for an unknown token;
            GitHub's documentation says 422, clients have seen 404.
        retired_api_versions: Answered 410.
        rate_limit: Requests per hour of a new bucket.
        client_id_issuers: Whether a JWT may name its App by the client id, as an Enterprise Server takes it since 3.14.
        points_per_minute: For each App's requests with its JWT, a POST costing five: GitHub documents 900; 0 is none.
        failed_login_limit: Bad credentials within a minute that close the door; 0 switches the guard off.
    """

    latency: float = 0.0
    replication_lag: float = 0.0
    narrowed_replication_lag: float = 0.0
    unknown_token_deletion_status: int = 404
    retired_api_versions: list[str] = field(default_factory=list)
    rate_limit: int = 5000
    client_id_issuers: bool = True
    points_per_minute: int = 0
    failed_login_limit: int = 10


class Simulation:
    """The parts that every handler needs.

    Attributes:
        ghes: Whether this is a GitHub Enterprise Server: classic token formats, no primary rate limit.
        documents: Renders the state; made anew when the listeners' addresses are known.
    """

    def __init__(self, *, ghes: bool = False, clock: VirtualClock | None = None) -> None:
        self.ghes = ghes
        self.clock = clock or VirtualClock()
        self.settings = Settings()
        self.state = State(stateless_tokens=not ghes)
        self.ledger = Ledger()
        self.spends = Spends()
        self.faults = Faults()
        self.rate_limits = RateLimits(self.settings.rate_limit)
        self.points = Points(self.settings.points_per_minute)
        self.guard = LoginGuard(self.settings.failed_login_limit)
        self.documents = Documents("http://127.0.0.1", "http://127.0.0.1")

    def apply(self, settings: Settings) -> None:
        """Turn the knobs."""
        self.settings = settings
        self.rate_limits.limit = settings.rate_limit
        self.points.limit = settings.points_per_minute
        self.guard.limit = settings.failed_login_limit
