"""What is due, earliest deadline first: the order in which keys get a place. Pure; a key is any hashable value.

A key belongs to a group, none of which takes all places: what may not begin for its group's sake is put off, and goes
once it may before whatever dies later. So a namespace in which every write hangs, as at an admission webhook that does
not answer, keeps no other waiting.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

PATIENCE: Final = 60.0
"""Seconds for which a run of which nothing depends may wait for a place: what dies sooner is renewed first."""
LONGEST_WAIT: Final = 300.0
"""Seconds after which one that is due goes before whatever dies later, so that none starves."""

WOKEN: Final = "event"
"""The cause of a run that something asked for: a change, an annotation, another run."""


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


class DueQueue(Generic[K]):
    """Keys with a due time and a deadline; of those that are due, the one with the earliest deadline comes first.

    A deadline stays with its key, also while that is not queued, until another is said or the key is forgotten.
    """

    def __init__(self, group: Callable[[K], Hashable] = lambda key: key) -> None:
        """`group` says to which a key belongs; by itself each is one of its own."""
        self._group = group
        self._entries: dict[K, tuple[Next, int]] = {}
        self._deadlines: dict[K, float] = {}
        self._by_due: list[tuple[float, int, K]] = []
        self._by_deadline: list[tuple[float, int, K]] = []
        self._put_off: dict[Hashable, list[tuple[float, int, K]]] = {}
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

    def pop(self, now: float, may_begin: Callable[[Hashable], bool] = lambda _: True) -> K | None:
        """Takes out the due key with the earliest deadline of those whose group may begin another, or None."""
        while self._by_due and self._by_due[0][0] <= now:
            _, serial, key = heapq.heappop(self._by_due)
            if self._is_current(key, serial):
                heapq.heappush(self._by_deadline, (self._entries[key][0].rank, serial, key))
        for group in [group for group in self._put_off if may_begin(group)]:
            self._take_back(group)
        while self._by_deadline:
            first = heapq.heappop(self._by_deadline)
            _, serial, key = first
            if not self._is_current(key, serial):
                continue
            if not may_begin(group := self._group(key)):
                heapq.heappush(self._put_off.setdefault(group, []), first)
                continue
            del self._entries[key]
            return key
        return None

    def _take_back(self, group: Hashable) -> None:
        """Of what was put off for the group's sake the first stands with the others again."""
        put_off = self._put_off[group]
        while put_off:
            first = heapq.heappop(put_off)
            if self._is_current(first[2], first[1]):
                heapq.heappush(self._by_deadline, first)
                break
        if not put_off:
            del self._put_off[group]

    def next_due(self) -> float | None:
        """When the earliest is due of those that are not put off; in the past where something could be popped."""
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
