"""The simulator's clock, which can be set, moved, stopped and sped up apart from the machine's.

Everything that GitHub decides by time (lives of tokens, claims of a JWT, rate limit windows, the `Date` header) asks
this clock. Artificial latency does not: a client's time-outs run on real seconds.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class VirtualClock:
    """Seconds since the epoch that pass `speed` times as fast as those of `real`.

    Attributes:
        speed: Virtual seconds per real second; 0 is a stopped clock.
    """

    def __init__(self, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self._real_base = real()
        self._virtual_base = self._real_base
        self.speed = 1.0

    def now(self) -> float:
        """The virtual time, in seconds since the epoch."""
        return self._virtual_base + (self._real() - self._real_base) * self.speed

    def offset(self) -> float:
        """How many seconds this clock is ahead of the machine's (negative: behind)."""
        return self.now() - self._real()

    def set(self, instant: float) -> None:
        """Make it `instant` (seconds since the epoch) now; the speed stays."""
        self._real_base = self._real()
        self._virtual_base = instant

    def set_offset(self, seconds: float) -> None:
        """Set the clock to the machine's time plus `seconds`."""
        self.set(self._real() + seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock on by `seconds` (negative: back)."""
        self.set(self.now() + seconds)

    def run_at(self, speed: float) -> None:
        """Let time pass `speed` times as fast from now on; 0 stops it. Raises `ValueError`: the speed is negative."""
        if speed < 0:
            raise ValueError("`speed` must be 0 or more")
        self.set(self.now())
        self.speed = speed


def http_date(instant: float) -> str:
    """The instant as the `Date` header has it."""
    return formatdate(instant, usegmt=True)


def iso8601(instant: float) -> str:
    """The instant as GitHub's documents have it: UTC, whole seconds, `Z`."""
    return datetime.fromtimestamp(int(instant), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
