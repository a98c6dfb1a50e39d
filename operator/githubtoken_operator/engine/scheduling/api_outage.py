"""An API server that is away, or says that it has too much to do: nothing begins until it answers one that looks.

Without this each object would find out for itself, again and again. Three requests in a row that nobody answers, or
that are answered with 429, 503 or 504, are an outage; one that is answered in between says that it is not. Then one
request is made at a time, after pauses that grow (`domain.lanes.outage`) and never before a `Retry-After`. One log line
tells the beginning and one the end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.domain.lanes.outage import LONGEST_PAUSE, Outage

FAILURES: Final = 3
"""In a row."""
AGAIN: Final = 60.0
"""Seconds after its end within which another outage counts as the same one: its pauses go on growing."""
_AWAY: Final = frozenset({0, 429, 503, 504})

logger = logging.getLogger(__name__)


class ApiOutage:
    """Knows of every answer of the API server. `now` gives seconds on a clock that nobody sets."""

    def __init__(
        self,
        look: Callable[[], Awaitable[object]],
        *,
        now: Callable[[], float],
        ended: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`look` asks the API server for something small, and raises `ApiError`; `ended` is told of each end."""
        self._look = look
        self._now = now
        self._ended = ended
        self._sleep = sleep
        self._outage = Outage()
        self._failures = 0
        self._last: tuple[float, float] | None = None
        self._begun = asyncio.Event()

    @property
    def out(self) -> bool:
        """Whether nothing is to be begun."""
        return self._outage.since is not None

    def heard(self, status: int, retry_after: float | None = None) -> None:
        """An answer with that status, 0 where none came."""
        if status not in _AWAY:
            self._failures = 0
            self._end()
            return
        self._failures += 1
        if self._failures >= FAILURES and not self.out:
            self._begin(status)
        if retry_after is not None and self.out:
            self._outage.hung(retry_after, self._now())

    async def run(self) -> None:
        """Looks whether the API server answers while it does not, until it is cancelled."""
        while True:
            await self._begun.wait()
            await self._sleep(max(self._outage.opens(self._now()) - self._now(), 0.0))
            if self.out:
                self._outage.look(self._now())
                with suppress(ApiError):
                    await self._look()

    def _begin(self, status: int) -> None:
        now = self._now()
        self._outage.begin(now)
        if self._last is not None and now - self._last[1] < AGAIN:
            self._outage.since = self._last[0]
        self._begun.set()
        how = f"answers with {status}" if status else "does not answer"
        logger.warning("the API server %s: nothing begins until it answers one that looks", how)

    def _end(self) -> None:
        since = self._outage.since
        if since is None:
            return
        now = self._now()
        self._last = since, now
        self._outage.end()
        self._begun.clear()
        logger.info("the API server answers again, after %.0f s", now - since)
        self._ended()


def retry_after(text: str | None) -> float | None:
    """Seconds, as the API server writes them; None where it says none, and never longer than the longest pause."""
    return min(float(text), LONGEST_PAUSE) if text is not None and text.isascii() and text.isdigit() else None
