"""A typed client of the control API, for tests, the demo and the benchmark. Sync; safe to share between threads.

ControlFailedError    the control API refused a request; its message says why
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from github_simulator.control_client.connection import ControlFailedError
from github_simulator.control_client.owners import Owners
from github_simulator.control_client.people import People, sha256
from github_simulator.control_client.values import (
    App,
    Clock,
    Installation,
    Ledger,
    LiveToken,
    Pair,
    Spend,
    TokenState,
)
from github_simulator.ledger import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["App", "Control", "ControlFailedError", "Installation", "Ledger", "Pair", "Request", "sha256"]


class Control(Owners, People):
    """Everything that is done behind GitHub's back, and what it knows and has counted."""

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
        number: int = self.call("POST", "/faults", body)["id"]
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
        found: list[dict[str, Any]] = self.call("GET", "/faults")
        return found

    def clear_faults(self, fault_id: int | None = None) -> None:
        """Clear one fault, or all."""
        self.call("DELETE", "/faults" + (f"/{fault_id}" if fault_id is not None else ""))

    def exhaust_rate_limit(self, installation: Installation, *, reset_in: float = 60) -> None:
        """Use the primary rate limit of an installation's tokens up."""
        body = {"principal": f"installation {installation.id}", "reset_in": reset_in}
        self.call("POST", "/rate-limits/exhaust", body)

    def settings(self, **changes: object) -> dict[str, Any]:
        """Turn knobs (`latency`, `replication_lag` ...; see `github_simulator.simulation.Settings`); returns all."""
        found: dict[str, Any] = self.call("PATCH", "/settings", changes)
        return found

    def clock(self, **changes: float) -> Clock:
        """Change the clock (`set`, `offset`, `advance`, `speed`; 0 stops it); without changes only look."""
        return Clock(**self.call("PUT" if changes else "GET", "/clock", changes or None))

    def ledger(self) -> Ledger:
        """What was counted since the last reset."""
        document = self.call("GET", "/ledger")
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
        self.call("DELETE", "/ledger")

    def lose_answer(self, sha256: str) -> bool:
        """Say that the answer to a refresh token died with the client that had it; False where none was delivered.

        For who killed that client and saw that it kept nothing: what presents the token again is a replay.
        """
        lost: bool = self.call("POST", "/answers/lose", {"sha256": sha256})["lost"]
        return lost

    def token(self, sha256: str) -> TokenState:
        """What GitHub knows of the token with this SHA-256 (hexadecimal or base64)."""
        return TokenState(**self.call("POST", "/tokens/lookup", {"sha256": sha256}))

    def token_is_alive(self, sha256: str) -> bool:
        """Whether GitHub would take the token now."""
        return self.token(sha256).alive
