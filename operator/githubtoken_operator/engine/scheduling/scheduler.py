"""Runs a key when it is due: earliest deadline first, one run of a key at a time, a bounded number at once.

It knows nothing of tokens. A key is any hashable value; `run(key)` returns when it wants to run next, or None. Waking a
key that is running makes it run once more afterwards, so nothing that happened meanwhile is missed.

No group of keys takes the last free place but one that has none, nor more than `SHARE` times those that are free beside
it: of 32 places one alone has 24, however long its runs take, and another group finds one.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from githubtoken_operator.adapters.clock import wait
from githubtoken_operator.engine.scheduling.due_queue import DueQueue, Next

K = TypeVar("K", bound=Hashable)

SHARE: Final = 3
"""Times the free places, but for the last, that a group may have."""

LONGEST_SLEEP: Final = 30.0
"""Seconds. A machine that was suspended wakes a timer late: it does not count that time, due times do."""
LOOKS_APART: Final = 0.02
"""Seconds between two keys where all of them are to be looked at."""
RETRY_AFTER_CRASH: Final = 30.0
"""Seconds until a key is run again whose run ended in an error that nobody foresaw."""
TELL_EVERY: Final = 5.0
"""Seconds between two log lines of an end that has to wait."""

CRASH: Final = "crash"
"""The cause of a run after one that ended in an error that nobody foresaw."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ran(Generic[K]):
    """A run that ended: how long it took in seconds, what it wants next (None: only an event), whether it crashed."""

    key: K
    seconds: float
    next: Next | None
    crashed: bool


class Scheduler(Generic[K]):
    """Runs due keys until it is drained."""

    def __init__(
        self,
        run: Callable[[K], Awaitable[Next | None]],
        *,
        concurrency: int,
        now: Callable[[], float],
        must_finish: Callable[[asyncio.Task[None]], bool] = lambda _task: False,
        tell: Callable[[Ran[K]], None] = lambda _: None,
        held: Callable[[], bool] = lambda: False,
        group: Callable[[K], Hashable] = lambda key: key,
    ) -> None:
        """`group` says to which a key belongs; by itself each is one of its own.

        `must_finish` says which run is not cut off at the end: it has sent what cannot be taken back. `tell` is told of
        each run that ended. While `held` says so nothing begins; its end is told by `go_on`.
        """
        self._run_key = run
        self._must_finish = must_finish
        self._tell = tell
        self._held = held
        self._concurrency = concurrency
        self._now = now
        self._group = group
        self._queue: DueQueue[K] = DueQueue(group)
        self._places_of: Counter[Hashable] = Counter()
        self._running: dict[K, asyncio.Task[None]] = {}
        self._begun: dict[K, float] = {}
        self._woken: dict[K, Next] = {}
        self._gone: set[K] = set()
        self._changed = asyncio.Event()
        self._stopping = False

    @property
    def pending(self) -> int:
        """How many keys wait for their due time or for a free place."""
        return len(self._queue)

    @property
    def overdue(self) -> int:
        """How many keys wait although they are due: every place is taken."""
        return self._queue.overdue(self._now())

    def running(self) -> list[tuple[K, float]]:
        """Who has a place, and for how many seconds; the longest first. May be asked from another thread."""
        now = self._now()
        return sorted(((key, now - at) for key, at in self._begun.copy().items()), key=lambda item: -item[1])

    def waiting(self, most: int) -> Sequence[tuple[K, float, str]]:
        """Who waits, for how many more seconds (below zero: for a place) and for what; the next first, so many at most.

        May be asked from another thread.
        """
        soonest = heapq.nsmallest(most, self._queue.entries(), key=lambda item: item[1].due)
        return [(key, entry.due - self._now(), entry.cause) for key, entry in soonest]

    def causes(self) -> Counter[str]:
        """How many wait for what. May be asked from another thread."""
        return Counter(entry.cause for _, entry in self._queue.entries())

    def wake(self, key: K, *, delay: float = 0.0) -> None:
        """Makes `key` due in `delay` seconds at the latest."""
        self.add(key, Next(self._now() + delay))

    def expect(self, key: K, deadline: float | None) -> None:
        """Says until when a key matters that may not have run yet; None: the key is gone, also while it runs."""
        (self._gone.add if deadline is None and key in self._running else self._gone.discard)(key)
        self._queue.expect(key, deadline)

    def add(self, key: K, entry: Next) -> None:
        """Makes `key` due; while it runs, the entry is queued for afterwards."""
        if key in self._running:
            waiting = self._woken.get(key)
            self._woken[key] = entry if waiting is None or entry.due < waiting.due else waiting
            return
        self._queue.add(key, entry)
        self._changed.set()

    def go_on(self) -> None:
        """Nothing is held any more."""
        self._changed.set()

    def look_again(self) -> None:
        """Makes all keys due soon, one after the other, the most urgent first."""
        now = self._now()
        for key in self._running:
            self.wake(key)
        for number, (key, entry) in enumerate(self._queue.by_deadline()):
            self.add(key, replace(entry, due=now + number * LOOKS_APART))

    async def drain(self) -> None:
        """Starts nothing new, cuts off the runs that may be, and waits until the others have ended, however long."""
        self._stopping = True
        self._changed.set()
        for task in self._running.values():
            if not self._must_finish(task):
                task.cancel()
        while self._running:
            _ended, waiting = await asyncio.wait(list(self._running.values()), timeout=TELL_EVERY)
            # One that was cut off before it began has not left its place by itself.
            self._running = {key: task for key, task in self._running.items() if not task.done()}
            if waiting:
                logger.info("ending: waiting for %s", ", ".join(map(str, self._running)))

    async def run(self) -> None:
        """Runs keys until `drain` is called. A key that comes before is kept."""
        while not self._stopping:
            self._changed.clear()
            while self._has_room() and (key := self._queue.pop(self._now(), self._may_begin)) is not None:
                self._places_of[self._group(key)] += 1
                self._running[key] = asyncio.create_task(self._run_once(key), name=f"run {key}")
            await wait(self._changed, self._pause())

    def _has_room(self) -> bool:
        return len(self._running) < self._concurrency and not self._held()

    def _may_begin(self, group: Hashable) -> bool:
        had, free = self._places_of[group], self._concurrency - len(self._running)
        return not had or had < SHARE * (free - 1)

    def _pause(self) -> float:
        due = self._queue.next_due()
        if due is None or not self._has_room():
            return LONGEST_SLEEP
        return min(max(due - self._now(), 0.0), LONGEST_SLEEP)

    def _leave(self, group: Hashable) -> None:
        self._places_of[group] -= 1
        if not self._places_of[group]:
            del self._places_of[group]

    async def _run_once(self, key: K) -> None:
        entry: Next | None = None
        crashed = False
        began = self._begun[key] = self._now()
        try:
            entry = await self._run_key(key)
        except Exception:  # A defect in one run must not end the others; it is logged and tried again.
            logger.exception("the run of %s failed", key)
            now, crashed = self._now(), True
            entry = Next(now + RETRY_AFTER_CRASH, cause=CRASH)
        finally:
            del self._running[key], self._begun[key]
            self._leave(self._group(key))
            if key in self._gone:
                # What it found was of what is there no more.
                self._gone.discard(key)
                entry = None if entry is None else replace(entry, deadline=None)
            for item in (entry, self._woken.pop(key, None)):
                if item is not None:
                    self._queue.add(key, item)
            self._changed.set()
            # Last: whatever goes wrong with being told, the key is queued again.
            self._tell(Ran(key, self._now() - began, entry, crashed))
