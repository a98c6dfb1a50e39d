"""Whether this process may still send what works only once, and which runs have done so: the rotation protocol's fence.

At the end of the process, or of its Lease, a run is cut off wherever it is, unless it is inside of `irreversible`: then
it goes on to the end of that block, so that what GitHub answers is saved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from githubtoken_operator.adapters.github.sending import SEND_LIMIT
from githubtoken_operator.adapters.kubernetes.lease import Leadership
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import LeaseShort, Transient

FINISH: Final = 2.0
"""Seconds that a leader that ends gives a run to publish what it has just saved: its predecessor is dead already."""


def send_limit(lease_duration: float) -> float:
    """Seconds that sending may take where it works only once: less with a short Lease, which has to outlast them."""
    return min(SEND_LIMIT, lease_duration / 3)


class Fence:
    """The Lease, and whether the process was asked to end."""

    def __init__(
        self, leadership: Leadership, *, stopping: Callable[[], bool], send_margin: float = SEND_LIMIT
    ) -> None:
        """`send_margin`: seconds for which the Lease must still be held when something is sent."""
        self._leadership = leadership
        self._stopping = stopping
        self._send_margin = send_margin
        self._irreversible: set[asyncio.Task[object]] = set()

    @property
    def term(self) -> int:
        """The term of the Lease, to be remembered at the start of what `check` is asked about later."""
        return self._leadership.term

    @property
    def contested(self) -> bool:
        """Whether another process may be writing too: never so where there is no election."""
        return self._leadership.contested

    def check(self, term: int) -> None:
        """Raises `Transient` unless it is the same term as at the start, with time enough left to send."""
        if self._stopping():
            raise Transient(reasons.PENDING, "the operator is ending: the next one goes on")
        if self._leadership.term != term or not self._leadership.held():
            raise LeaseShort("the operator does not hold its Lease: the one that does goes on")
        if not self._leadership.held(self._send_margin):
            raise LeaseShort("the operator's Lease was not renewed for seconds: nothing is sent before it is")

    @contextmanager
    def irreversible(self) -> Iterator[None]:
        """Around the checks, the request, and whatever its outcome asks for, down to the last write."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("there is no run to be marked")
        self._irreversible.add(task)
        try:
            yield
        finally:
            self._irreversible.discard(task)
            if self._stopping():
                finish = FINISH if self._leadership.held() else 0.0
                asyncio.get_running_loop().call_later(finish, self._cut_off, task)

    def must_finish(self, task: asyncio.Task[None]) -> bool:
        """Whether this run is inside of `irreversible`."""
        return task in self._irreversible

    def _cut_off(self, task: asyncio.Task[object]) -> None:
        if task not in self._irreversible:
            task.cancel()
