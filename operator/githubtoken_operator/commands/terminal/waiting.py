"""Waiting for the operator: one look a second until it is done or the time is over.

An API server that is away for a moment ends no wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import Unavailable
from githubtoken_operator.commands.terminal.progress import Progress

POLL: Final = 1.0
"""Seconds between two looks."""
IDLE_FOR: Final = 15.0
"""Seconds after which an object that needs a human, and made no attempt, counts as failed: none can be made."""

_FINAL: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND})


async def until_done(
    look: Callable[[float], Awaitable[str | None]],
    *,
    within: timedelta,
    progress: Progress,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str | None:
    """Looks until `look` says None; where the time is over before, returns what it said last.

    `look` is given the seconds since the first look, and says what is still waited for. Raises `ApiError`.
    """
    started, limit = monotonic(), within.total_seconds()
    try:
        while True:
            waited = monotonic() - started
            missing = await _missing(look, waited)
            if missing is None or waited >= limit:
                return missing
            progress.show(missing, seconds=waited)
            await sleep(min(POLL, limit - waited))
    finally:
        progress.wipe()


async def _missing(look: Callable[[float], Awaitable[str | None]], waited: float) -> str | None:
    try:
        return await look(waited)
    except Unavailable as error:
        if error.status in _FINAL:
            raise
        return error.message
