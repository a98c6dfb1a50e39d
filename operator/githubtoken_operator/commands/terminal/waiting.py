"""Waiting for the operator: one look a second until it is done or the time is over.

An API server that is away for a moment ends no wait.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import click

from githubtoken_operator.adapters.kubernetes.errors import Unavailable
from githubtoken_operator.commands.terminal.layout import printable

POLL: Final = 1.0
"""Seconds between two looks."""
IDLE_FOR: Final = 15.0
"""Seconds after which an object that needs a human, and made no attempt, counts as failed: none can be made."""

_FINAL: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND})
_REWRITE: Final = "\r\x1b[2K"


class Progress:
    """How a wait goes on, on standard error: one line, which is wiped before anything else is written.

    It is rewritten on a terminal, else written when it says something new.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = ""

    def show(self, text: str, *, seconds: float) -> None:
        """Says what is waited for, and on a terminal for how many seconds."""
        if self._terminal:
            # Cut to the width, because a line that wraps cannot be rewritten.
            line = f"{printable(text)} ({seconds:.0f}s)"[: shutil.get_terminal_size().columns - 1]
            click.echo(_REWRITE + line, err=True, nl=False)
        elif text != self._last:
            click.echo(printable(text), err=True)
        self._last = text

    def wipe(self) -> None:
        """Takes the line away."""
        if self._terminal and self._last:
            click.echo(_REWRITE, err=True, nl=False)
            self._last = ""


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
