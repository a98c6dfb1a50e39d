"""Notices that the machine's clock was set, and sees that no run is late for it.

Due times do not move with the wall clock, so nothing has to happen at once. But they were reckoned with what was taken
for GitHub's time: where a virtual machine slept, or the clock was wrong at the start, it was another. So GitHub's hosts
are asked for their time, one request each, and then every object is looked at once, without haste.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final, Protocol

from githubtoken_operator.domain.vocabulary.times import format_duration

LOOK: Final = 1.0
"""Seconds between two looks at the clock."""
STEP: Final = timedelta(seconds=2)
"""A leap second, and what the two clocks differ by from one read to the next, are less."""
MEASURED_WITHIN: Final = 3.0
"""Seconds for all hosts together: one that hangs makes nobody's run late."""

logger = logging.getLogger(__name__)


class HostClocks(Protocol):
    """Who asks GitHub's hosts for their time."""

    async def measure_clocks(self) -> None:
        """Asks each host that has answered before."""


class ClockWatch:
    """`look_again` makes every object run once, soon."""

    def __init__(
        self,
        *,
        set_by: Callable[[], timedelta],
        hosts: HostClocks,
        look_again: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._set_by = set_by
        self._hosts = hosts
        self._look_again = look_again
        self._sleep = sleep

    async def run(self) -> None:
        """Watches until it is cancelled."""
        known = self._set_by()
        while True:
            await self._sleep(LOOK)
            now = self._set_by()
            if abs(now - known) < STEP:
                continue
            step, known = now - known, now
            way = "forward" if step > timedelta(0) else "back"
            whole = timedelta(seconds=round(abs(step).total_seconds()))
            logger.warning("the machine's clock was set %s by %s", way, format_duration(whole))
            with suppress(TimeoutError):
                async with asyncio.timeout(MEASURED_WITHIN):
                    await self._hosts.measure_clocks()
            self._look_again()
