"""How far a host's clock is ahead of ours, by what its answers say of the time.

A host is many machines, and one of them may have a wrong clock. So the skew is the median of the last few readings, and
a reading that is far from it changes nothing until the next one says the same: two in a row are a clock that was set,
theirs or ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

READINGS: Final = 5
"""So many count."""
TOLERANCE: Final = timedelta(seconds=5)
"""A `Date` has whole seconds, and an answer may take some to arrive."""


@dataclass(frozen=True, slots=True)
class Skew:
    """The readings that count, oldest first, and one that is doubted."""

    readings: tuple[timedelta, ...] = ()
    doubted: timedelta | None = None

    @property
    def value(self) -> timedelta:
        """The median; zero where nothing was read."""
        return sorted(self.readings)[len(self.readings) // 2] if self.readings else timedelta()

    def read(self, reading: timedelta) -> Skew:
        """The same after one more answer."""
        if not self.readings or abs(reading - self.value) <= TOLERANCE:
            return Skew((*self.readings, reading)[-READINGS:])
        if self.doubted is not None and abs(reading - self.doubted) <= TOLERANCE:
            return Skew((self.doubted, reading))
        return replace(self, doubted=reading)
