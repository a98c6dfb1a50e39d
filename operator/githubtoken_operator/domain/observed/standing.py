"""How an object stands where nothing was attempted: values, which nobody raises.

An attempt that failed is a `TokenError`, and so is why one would fail; `Standing` is either. Each has a `reason` for
the `Ready` condition and a `message`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from githubtoken_operator.domain.user.device_flow import Awaiting, Ended, Resting
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import TokenError

TURN: Final = "for its App's turn"


@dataclass(frozen=True, slots=True)
class Paused:
    """`spec.suspend` is set."""

    reason: str = reasons.SUSPENDED
    message: str = "suspended"


@dataclass(frozen=True, slots=True)
class BackingOff:
    """An attempt of an earlier process failed and the next one is not due; status already says why."""

    reason: str = reasons.PENDING
    message: str = "the next attempt is not due"


@dataclass(frozen=True, slots=True)
class Queued:
    """GitHub is asked for an App only so often, and so many are before this one; `out`: the host that is away."""

    before: int
    out: str = ""

    @property
    def reason(self) -> str:
        """That GitHub does not answer is no turn that comes."""
        return reasons.GITHUB_UNAVAILABLE if self.out else reasons.PENDING

    @property
    def message(self) -> str:
        """What is waited for."""
        return f"waiting {f'until {self.out} answers again' if self.out else TURN}, {self.before} before it"


State = Paused | BackingOff | Queued | Awaiting | Resting | Ended
Standing = State | TokenError
