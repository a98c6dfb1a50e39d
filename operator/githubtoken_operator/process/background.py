"""The tasks that live as long as the process. One that ends before its time ends the process: there is no half leader.

They are begun before `kopf.operator()`, which ends tasks that it does not know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Self

logger = logging.getLogger(__name__)


class TaskEnded(Exception):
    """A task without which the process is none ended by itself; the message is one clear line."""


class Background:
    """The tasks of one process. `stop` is set where one of them ends early; leaving the block then says which."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._tasks: list[asyncio.Task[None]] = []
        self._ended = ""
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._ended and error is None:
            raise TaskEnded(self._ended)

    async def end(self) -> None:
        """Ends all of them, before what they ask by is closed."""
        self._over = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def start(self, name: str, coroutine: Coroutine[None, None, None], *, ends: bool = False) -> asyncio.Task[None]:
        """Runs `coroutine` until the process ends; only one that `ends` may return before. None may raise."""

        def watch(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                logger.error("the task `%s` failed", name, exc_info=error)
                self._end(f"the task `{name}` failed with {type(error).__name__} (see the log)")
            elif not (ends or self._over or self._stop.is_set()):
                self._end(f"the task `{name}` ended by itself")

        task = asyncio.create_task(coroutine, name=name)
        task.add_done_callback(watch)
        self._tasks.append(task)
        return task

    def _end(self, why: str) -> None:
        self._ended = self._ended or f"{why}: the operator cannot go on, and ends"
        self._stop.set()
