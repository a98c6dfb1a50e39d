"""Pure: what a row of looks at one token means, and whether all of them went well.

A look reads the Secret and asks GitHub whether it takes the token. A token fails when GitHub refuses it, when its
Secret does not come, or when its Secret stays away for longer than the operator may take to restore it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

FIRST_SECRET_WITHIN: Final = timedelta(seconds=30)
"""From the first look until the Secret must be there; two seconds are usual."""
RESTORED_WITHIN: Final = timedelta(seconds=5)
"""A Secret that somebody deleted is back by then."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a consumer's Secret holds: the token, and what its annotations say of it. `uid` is the Secret's own."""

    uid: str
    token: str = field(repr=False)
    revision: int
    expires: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """One look; `held` is None where there is no Secret, `alive` says that GitHub took the token."""

    at: datetime
    held: Held | None
    alive: bool = False


# --- What happened ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Appeared:
    """The first Secret is there."""

    held: Held


@dataclass(frozen=True, slots=True)
class Rotated:
    """The Secret holds another token than before."""

    before: Held
    after: Held


@dataclass(frozen=True, slots=True)
class Restored:
    """Somebody deleted the Secret, and it was made again."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The token is not what a consumer needs. Told once, until it recovers."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """After a failure, a living token is there again."""


Happening = Appeared | Rotated | Restored | Failed | Recovered


# --- The tally -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """What the looks at one token came to: how many, the rotations among them, and the failures."""

    name: str
    looks: int = 0
    rotations: int = 0
    held: Held | None = None
    failures: tuple[Failed, ...] = ()
    failing: bool = False
    absent_since: datetime | None = None

    def after(self, look: Look) -> tuple[Tally, tuple[Happening, ...]]:
        """The tally with one more look, and what this look shows to have happened."""
        counted = replace(self, looks=self.looks + 1)
        if look.held is None:
            return _without_secret(counted, look.at)
        happened: list[Happening] = []
        if self.held is None:
            happened.append(Appeared(look.held))
        elif look.held.revision != self.held.revision:
            happened.append(Rotated(self.held, look.held))
        elif look.held.uid != self.held.uid:
            happened.append(Restored())
        rotations = self.rotations + sum(isinstance(each, Rotated) for each in happened)
        now = replace(counted, held=look.held, rotations=rotations, absent_since=None)
        if not look.alive:
            now, failed = _failed(now, look.at, f"GitHub refuses the token of revision {look.held.revision}")
            return now, (*happened, *failed)
        if self.failing:
            happened.append(Recovered())
        return replace(now, failing=False), tuple(happened)


def _without_secret(tally: Tally, at: datetime) -> tuple[Tally, tuple[Happening, ...]]:
    since = tally.absent_since or at
    missing = replace(tally, absent_since=since)
    limit = FIRST_SECRET_WITHIN if tally.held is None else RESTORED_WITHIN
    if at - since <= limit:
        return missing, ()
    return _failed(missing, at, f"there has been no Secret for {limit.total_seconds():.0f} seconds")


def _failed(tally: Tally, at: datetime, why: str) -> tuple[Tally, tuple[Happening, ...]]:
    if tally.failing:
        return tally, ()
    failed = Failed(at, why)
    return replace(tally, failing=True, failures=(*tally.failures, failed)), (failed,)


class Milestone(IntEnum):
    """How far all tokens have come."""

    BEGUN = 0
    ISSUED = 1
    ROTATED = 2


def milestone(tallies: Collection[Tally]) -> Milestone:
    """What every token has reached."""
    if any(tally.held is None for tally in tallies):
        return Milestone.BEGUN
    return Milestone.ROTATED if all(tally.rotations for tally in tallies) else Milestone.ISSUED


def problems(tallies: Collection[Tally], double_spends: int) -> list[str]:
    """Why the demo did not go well, one sentence each; empty where it did."""
    found: list[str] = []
    for tally in tallies:
        found += [f"{tally.name} failed at {failed.at:%H:%M:%S}: {failed.why}" for failed in tally.failures]
        if tally.held is None:
            found.append(f"{tally.name} never got a token")
        elif tally.rotations == 0:
            found.append(f"{tally.name} was not rotated: it is still at revision {tally.held.revision}")
    if double_spends:
        found.append(f"GitHub was sent a spent refresh token (double spends: {double_spends})")
    return found
