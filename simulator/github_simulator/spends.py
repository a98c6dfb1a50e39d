"""Who presented which single-use token when, and whether that was an offence.

A *presentation* is one request that carries a refresh token. Its answer is *delivered* when the whole, unaltered pair
was written to a connection that was still open. A presentation is judged when it arrives:

* **double spend**: the token was spent by a presentation whose answer was delivered, or another presentation of it is
  under way for a client that still waits. A client that keeps its own house in order never does this.
* **replay**: the token was presented before and that answer was never delivered (the connection was dropped after the
  effect, the client went away before the answer was written, or the answer was mangled on its way), or it was lost
  with a client that was killed (`lose`). Nothing better can be done by a client that does not know what became of its
  request.
* otherwise it is the first one, or one after a request that had no effect.

Judging at arrival is what makes two requests under way at once an offence of the second, whichever of them wins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Verdict(StrEnum):
    """What a presentation was, seen at its arrival."""

    FIRST = "first"
    DOUBLE_SPEND = "double_spend"
    REPLAY = "replay"


@dataclass(slots=True, eq=False)
class Presentation:
    """One request that carries a single-use token.

    Attributes:
        client_waits: Whether the connection that it came on is still open.
        spent: Whether this request is the one that spent the token.
        delivered: None while it is under way.
    """

    sha256: str
    at: float
    app_id: int | None
    verdict: Verdict
    client_waits: Callable[[], bool]
    spent: bool = False
    delivered: bool | None = None

    @property
    def awaited(self) -> bool:
        """Under way, for a client that still waits."""
        return self.delivered is None and self.client_waits()


@dataclass(slots=True)
class Spends:
    """All presentations of single-use tokens, by the token's SHA-256.

    Attributes:
        double_spends: The presentations judged so since the last `reset`.
        replays: Likewise.
    """

    double_spends: list[Presentation] = field(default_factory=list)
    replays: list[Presentation] = field(default_factory=list)
    _by_token: dict[str, list[Presentation]] = field(default_factory=dict)

    def present(self, sha256: str, *, at: float, app_id: int | None, client_waits: Callable[[], bool]) -> Presentation:
        """Judge and record a presentation at its arrival."""
        earlier = self._by_token.setdefault(sha256, [])
        presentation = Presentation(sha256, at, app_id, _verdict(earlier), client_waits)
        earlier.append(presentation)
        if presentation.verdict is Verdict.DOUBLE_SPEND:
            self.double_spends.append(presentation)
        elif presentation.verdict is Verdict.REPLAY:
            self.replays.append(presentation)
        return presentation

    def finish(self, presentation: Presentation, *, delivered: bool) -> None:
        """Record that the request is over.

        Args:
            presentation: What `present` returned.
            delivered: Whether its answer reached the client whole.
        """
        presentation.delivered = delivered
        presentation.client_waits = _nobody_waits
        if not presentation.spent:
            self._by_token[presentation.sha256].remove(presentation)

    def lose(self, sha256: str) -> bool:
        """Take back that the answer to a token was delivered; False where none was.

        Only who killed the client, and saw that it kept nothing, can say this.
        """
        lost = [spend for spend in self._by_token.get(sha256, []) if spend.spent and spend.delivered]
        for spend in lost:
            spend.delivered = False
        return bool(lost)

    def reset(self) -> None:
        """Forget the offences; what was spent stays spent."""
        self.double_spends.clear()
        self.replays.clear()


def _nobody_waits() -> bool:
    return False


def _verdict(earlier: list[Presentation]) -> Verdict:
    if any(other.awaited or (other.spent and other.delivered) for other in earlier):
        return Verdict.DOUBLE_SPEND
    return Verdict.REPLAY if earlier else Verdict.FIRST
