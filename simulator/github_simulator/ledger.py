"""What the simulator counts: requests, bad manners and what was answered.

Nothing in it is a secret: tokens, codes, secrets and `Authorization` appear as their SHA-256.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from github_simulator import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_REQUESTS = 200_000
SECRET_FIELDS = frozenset(
    {"client_secret", "refresh_token", "access_token", "device_code", "code", "code_verifier", "token", "credentials"}
)


@dataclass(slots=True)
class Request:
    """One request to the API or the web host.

    Attributes:
        at: Virtual seconds since the epoch, at arrival.
        operation: What it asks for: `mint`, `refresh`, `device_poll`, `get_app` ...
        app_id: Whose request it seems to be, by issuer, client id or token; None where that is unknown.
        installation_id: Of a mint.
        authorization: `none`, `jwt`, `token`, `basic` or `malformed`.
        authorization_sha256: SHA-256 of the JWT, token or Basic password.
        body: The fields sent, secret ones as `sha256:...`.
        status: What was answered; 0 where the connection was dropped or the client went away.
        error: The OAuth error inside the answer, or the API's message.
        fault: The id of the fault that struck.
        verdict: Of a refresh: `first`, `double_spend` or `replay`.
        delivered: Whether the true answer was written whole to a connection that was still open.
    """

    at: float
    method: str
    path: str
    operation: str
    app_id: int | None = None
    client_id: str | None = None
    installation_id: int | None = None
    authorization: str = "none"
    authorization_sha256: str | None = None
    user_agent: str | None = None
    api_version: str | None = None
    body: dict[str, Any] = field(default_factory=dict)
    status: int = 0
    error: str | None = None
    fault: int | None = None
    verdict: str | None = None
    delivered: bool = False


class Ledger:
    """The newest requests, and counts of all since the last reset."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=MAX_REQUESTS)
        self.counts: Counter[str] = Counter()
        self.in_flight = 0
        self.most_in_flight = 0

    def begin(self, request: Request) -> None:
        """Record an arrival."""
        self.requests.append(request)
        self.counts[request.operation] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self) -> None:
        """Record that a request is over."""
        self.in_flight -= 1

    def reset(self) -> None:
        """Forget the requests and counts."""
        self.requests.clear()
        self.counts.clear()
        self.most_in_flight = self.in_flight


def redacted(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a body with every secret replaced by its SHA-256."""
    return {
        name: f"sha256:{tokens.sha256(str(value))}" if name in SECRET_FIELDS and value is not None else value
        for name, value in fields.items()
    }
