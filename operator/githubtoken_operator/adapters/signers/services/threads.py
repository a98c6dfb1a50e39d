"""A thread for a library that is not asynchronous.

Each signer has its own: one that hangs keeps no other waiting, nor what else runs in the process's common threads.
A call whose caller gave up goes on until the library's own limit; calls that come meanwhile wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class OneThread:
    """Runs one call at a time. `name` is the thread's."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Takes no more calls; one that runs comes to its end by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
