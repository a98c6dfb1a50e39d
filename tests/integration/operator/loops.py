"""A server in an event loop of its own, in a thread beside the test."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
Serve = Callable[[Callable[[T], object], asyncio.Event], Awaitable[None]]
"""Tells what it has made once it listens, and serves until the event is set."""


@contextmanager
def beside(serve: Serve[T]) -> Iterator[T]:
    """What the server tells. What is under way at the end is cancelled."""
    told: queue.Queue[tuple[T, Callable[[], object]]] = queue.Queue()

    async def run() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        await serve(lambda made: told.put((made, lambda: loop.call_soon_threadsafe(ended.set))), ended)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    made, end = told.get(timeout=30)
    try:
        yield made
    finally:
        end()
        thread.join()
