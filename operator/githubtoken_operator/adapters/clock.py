"""The one place that asks the machine for the time.

Whoever sets a clock, or a node that sets its own by NTP, moves no due time here: the wall clock is read once, at the
start, and carried on by CLOCK_BOOTTIME, which nobody sets and which counts a suspension too. What that leaves out is a
clock that was wrong at the start, and a virtual machine that was put to sleep without a word: so how far the wall clock
has been set since is told as well (`set_by`), and `clock_watch` looks at it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final


def wall_now() -> datetime:
    """What the machine's clock shows, aware. It may be set at any time."""
    return datetime.now(UTC)


def boottime() -> float:
    """Seconds since the machine started, suspension included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SteadyClock:
    """The wall clock as it would be if nobody had set it since the start."""

    def __init__(self, wall: Callable[[], datetime] = wall_now, boottime: Callable[[], float] = boottime) -> None:
        self._wall = wall
        self._boottime = boottime
        self._start = wall() - timedelta(seconds=boottime())

    def now(self) -> datetime:
        """The time, aware; it never jumps."""
        return self._start + timedelta(seconds=self._boottime())

    def set_by(self) -> timedelta:
        """By how much the wall clock has been set since the start, forward being positive."""
        return self._wall() - self.now()


_steady = SteadyClock()
utc_now: Final = _steady.now
"""The time of this process, aware: that of the machine's clock at the start, carried on."""
set_by: Final = _steady.set_by
"""By how much the machine's clock has been set since this process started."""


def unix_now() -> float:
    """`utc_now` in Unix seconds, for the scheduler."""
    return utc_now().timestamp()


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Waits for the event, and not for longer than this."""
    # No `wait_for`: before Python 3.12 it begins a task, for which kopf waits five seconds at its end.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
