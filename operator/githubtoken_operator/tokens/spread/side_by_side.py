"""Many requests to the API server at the same time, and no more than it takes beside all others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def side_by_side(items: Sequence[T], act: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Does it with each, so many at the same time."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await act(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(items))):
            group.create_task(work())
