"""Runs a key when it is due: earliest deadline first, one run of a key at a time, a bounded number at once.

It knows nothing of tokens. A key is any hashable value; `run(key)` returns when it wants to run next, or None. Waking a
key that is running makes it run once more afterwards, so nothing that happened meanwhile is missed.

`DueQueue` is pure; `Scheduler` is the loop around it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from githubtoken_operator.adapters.clock import wait

K = TypeVar("K", bound=Hashable)

LONGEST_SLEEP: Final = 30.0
"""Seconds. A machine that was suspended wakes a timer late: it does not count that time, due times do."""
LOOKS_APART: Final = 0.02
"""Seconds between two keys where all of them are to be looked at."""
RETRY_AFTER_CRASH: Final = 30.0
"""Seconds until a key is run again whose run ended in an error that nobody foresaw."""
TELL_EVERY: Final = 5.0
"""Seconds between two log lines of an end that has to wait."""

PATIENCE: Final = 60.0
"""Seconds for which a run of which nothing depends may wait for a place: what dies sooner is renewed first."""
LONGEST_WAIT: Final = 300.0
"""Seconds after which one that is due goes before whatever dies later, so that none starves."""

WOKEN: Final = "event"
"""The cause of a run that something asked for: a change, an annotation, another run."""
CRASH: Final = "crash"
"""The cause of a run after one that ended in an error that nobody foresaw."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Next:
    """When a key runs next, and until when that matters; both Unix seconds. `cause` is a word for what it is for.

    The deadline is a property of the key: None says that it is what was said of the key before.
    """

    due: float
    deadline: float | None = None
    cause: str = WOKEN

    @property
    def rank(self) -> float:
        """By what those that are due are ordered."""
        return self.due + PATIENCE if self.deadline is None else min(self.deadline, self.due + LONGEST_WAIT)


@dataclass(frozen=True, slots=True)
class Ran(Generic[K]):
    """A run that ended: how long it took in seconds, what it wants next (None: only an event), whether it crashed."""

    key: K
    seconds: float
    next: Next | None
    crashed: bool


class DueQueue(Generic[K]):
    """Keys with a due time and a deadline; of those that are due, the one with the earliest deadline comes first.

    A deadline stays with its key, also while that is not queued, until another is said or the key is forgotten.
    """

    def __init__(self) -> None:
        self._entries: dict[K, tuple[Next, int]] = {}
        self._deadlines: dict[K, float] = {}
        self._by_due: list[tuple[float, int, K]] = []
        self._by_deadline: list[tuple[float, int, K]] = []
        self._serial = itertools.count()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, key: K, entry: Next) -> None:
        """Queues `key`; an entry that is already queued stays if it is due earlier, but for its deadline."""
        queued = self._entries.get(key)
        if entry.deadline is not None:
            self._deadlines[key] = entry.deadline
        elif queued is not None and queued[0].due <= entry.due:
            return
        earliest = queued[0] if queued is not None and queued[0].due <= entry.due else entry
        entry = Next(earliest.due, self._deadlines.get(key), earliest.cause)
        serial = next(self._serial)
        self._entries[key] = (entry, serial)
        heapq.heappush(self._by_due, (entry.due, serial, key))

    def expect(self, key: K, deadline: float | None) -> None:
        """Says until when a key matters that may not have run yet; None: the key is gone."""
        if deadline is None:
            self._deadlines.pop(key, None)
        elif key in self._entries:
            self.add(key, replace(self._entries[key][0], deadline=deadline))
        else:
            self._deadlines[key] = deadline

    def pop(self, now: float) -> K | None:
        """Takes out the due key with the earliest deadline, or None."""
        while self._by_due and self._by_due[0][0] <= now:
            _, serial, key = heapq.heappop(self._by_due)
            if self._is_current(key, serial):
                heapq.heappush(self._by_deadline, (self._entries[key][0].rank, serial, key))
        while self._by_deadline:
            _, serial, key = heapq.heappop(self._by_deadline)
            if self._is_current(key, serial):
                del self._entries[key]
                return key
        return None

    def next_due(self) -> float | None:
        """When the earliest entry is due; in the past where something could be popped."""
        while self._by_deadline and not self._is_current(self._by_deadline[0][2], self._by_deadline[0][1]):
            heapq.heappop(self._by_deadline)
        if self._by_deadline:
            return 0.0
        while self._by_due and not self._is_current(self._by_due[0][2], self._by_due[0][1]):
            heapq.heappop(self._by_due)
        return self._by_due[0][0] if self._by_due else None

    def overdue(self, now: float) -> int:
        """How many entries are due and were not taken out yet."""
        # A scrape asks from another thread: a copy is made in one step. A tuple of its items is not before Python 3.12,
        # where each of them may set off a look for garbage, and what that ends lets the other thread in.
        return sum(entry.due < now for entry, _ in self._entries.copy().values())

    def entries(self) -> list[tuple[K, Next]]:
        """All that is queued, in no order. May be asked from another thread."""
        return [(key, entry) for key, (entry, _) in self._entries.copy().items()]

    def by_deadline(self) -> list[tuple[K, Next]]:
        """All that is queued, the most urgent first."""
        return sorted(self.entries(), key=lambda item: math.inf if item[1].deadline is None else item[1].deadline)

    def _is_current(self, key: K, serial: int) -> bool:
        queued = self._entries.get(key)
        return queued is not None and queued[1] == serial


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
    ) -> None:
        """`must_finish` says which run is not cut off at the end: it has sent what cannot be taken back.

        `tell` is told of each run that ended. While `held` says so nothing begins; its end is told by `go_on`.
        """
        self._run_key = run
        self._must_finish = must_finish
        self._tell = tell
        self._held = held
        self._concurrency = concurrency
        self._now = now
        self._queue: DueQueue[K] = DueQueue()
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
            while self._has_room() and (key := self._queue.pop(self._now())) is not None:
                self._running[key] = asyncio.create_task(self._run_once(key), name=f"run {key}")
            await wait(self._changed, self._pause())

    def _has_room(self) -> bool:
        return len(self._running) < self._concurrency and not self._held()

    def _pause(self) -> float:
        due = self._queue.next_due()
        if due is None or not self._has_room():
            return LONGEST_SLEEP
        return min(max(due - self._now(), 0.0), LONGEST_SLEEP)

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
