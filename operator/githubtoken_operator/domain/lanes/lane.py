"""What a lane is, and what is kept of a lane, of a credential and of a host while they are in use.

    host         one GitHub
    credential   what GitHub accepted there: an App's key, a client in its namespace, a namespace with personal tokens
    lane         one installation of that App

A limit is told to a lane, an outage is seen in a lane; what several lanes have in common is concluded from them.
"""

from __future__ import annotations

import bisect
import heapq
import math
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

from githubtoken_operator.domain.lanes.agenda import NOTHING, Agenda, Offer, Order, Rank
from githubtoken_operator.domain.lanes.budget import Budget, Spent
from githubtoken_operator.domain.lanes.outage import Outage

K = TypeVar("K")

TOGETHER: Final = 60.0
"""Seconds within which two installations of one credential are limited for one reason: their App's."""


class Lane(NamedTuple):
    """Whom GitHub's limits concern. `credential` is proved, never claimed; `installation` is "" where there is none."""

    host: str
    credential: str
    installation: str = ""


NOWHERE: Final = Lane("", "")
"""Of one that cannot ask: its App cannot be used."""


@dataclass(slots=True)
class Waiter:
    """One that has a reservation."""

    rank: Rank
    points: float
    since: float


@dataclass(slots=True)
class Place(Generic[K]):
    """One that may ask GitHub: `entered` once it does, and until then for as long as its reservation is kept."""

    key: K
    lane: Lane
    spent: Spent
    points: float
    since: float
    entered: bool = False
    used: bool = False


@dataclass(slots=True)
class LaneState(Generic[K]):
    """`allowed`: how many may ask at once; one at first and after each failure, and more with each success.

    `failing`: it failed, and was not answered since. `apart`: it failed while others of its host were answered, so that
    it says nothing of them until it is answered itself.
    """

    lane: Lane
    waiting: dict[K, Waiter] = field(default_factory=dict)
    queue: list[tuple[Rank, K]] = field(default_factory=list)
    inside: int = 0
    allowed: int = 1
    paused_until: float = -math.inf
    outage: Outage = field(default_factory=Outage)
    failing: bool = False
    apart: bool = False
    refused: set[K] = field(default_factory=set)

    def add(self, key: K, waiter: Waiter) -> None:
        """Takes it into the queue."""
        self.waiting[key] = waiter
        heapq.heappush(self.queue, (waiter.rank, key))

    def first(self) -> tuple[K, Waiter] | None:
        """Whose turn it is."""
        while self.queue:
            rank, key = self.queue[0]
            waiter = self.waiting.get(key)
            if waiter is not None and waiter.rank == rank:
                return key, waiter
            heapq.heappop(self.queue)
        return None

    def offer(self, now: float) -> Offer:
        """Its first one, as far as this lane is concerned."""
        first = self.first()
        if first is None or self.inside >= self.allowed:
            return NOTHING
        opens = max(self.paused_until, self.outage.opens(now))
        return Offer(Order(self.failing, first[1].rank), math.inf) if opens <= now else Offer(None, opens)

    def in_use(self, now: float) -> bool:
        """Whether it says anything that another one, made anew, would not."""
        return bool(self.waiting or self.inside) or max(self.paused_until, self.outage.next_look) + TOGETHER > now


@dataclass(slots=True)
class CredentialState(Generic[K]):
    """`limited`: the installations that GitHub limited lately, and when. `ranks`: of all that wait, in their order."""

    budget: Budget
    lanes: dict[str, LaneState[K]] = field(default_factory=dict)
    agenda: Agenda = field(default_factory=Agenda)
    inside: int = 0
    allowed: int = 1
    paused_until: float = -math.inf
    limited: dict[str, float] = field(default_factory=dict)
    ranks: list[Rank] = field(default_factory=list)

    def add(self, rank: Rank) -> None:
        """One more waits."""
        bisect.insort(self.ranks, rank)

    def drop(self, rank: Rank) -> None:
        """That one waits no more."""
        del self.ranks[self.before(rank)]

    def before(self, rank: Rank) -> int:
        """How many that wait go before one of that rank."""
        return bisect.bisect_left(self.ranks, rank)

    def next(self) -> tuple[K, Waiter, LaneState[K]]:
        """The most urgent one; there is one if it has offered it."""
        best = self.agenda.best()
        state = self.lanes[best[1]] if best is not None else None
        first = state.first() if state is not None else None
        if state is None or first is None:
            raise AssertionError("nobody may go")
        return *first, state

    def offer(self, now: float) -> Offer:
        """The most urgent one of its lanes, as far as the credential is concerned: nobody goes past one that is short.

        So one that needs many points never waits for those that need few.
        """
        while (name := self.agenda.due(now)) is not None:
            self.agenda.put(name, self.lanes[name].offer(now))
        best, again = self.agenda.best(), self.agenda.again()
        if best is None:
            return Offer(None, again)
        if self.inside >= self.allowed:
            return NOTHING
        opens = max(self.paused_until, self.budget.free_at(self.next()[1].points, now))
        return Offer(best[0], again) if opens <= now else Offer(None, min(opens, again))

    def in_use(self, now: float) -> bool:
        """Whether it says anything that another one, made anew, would not."""
        used = self.inside or self.lanes or not self.budget.is_idle(now)
        return bool(used) or self.paused_until + TOGETHER > now


@dataclass(slots=True)
class HostState(Generic[K]):
    """`share`: how many may ask at once. `failing`: lanes that failed since the host last answered anybody."""

    share: int
    credentials: dict[str, CredentialState[K]] = field(default_factory=dict)
    agenda: Agenda = field(default_factory=Agenda)
    inside: int = 0
    outage: Outage = field(default_factory=Outage)
    failing: dict[Lane, LaneState[K]] = field(default_factory=dict)

    def next(self) -> tuple[K, Waiter, LaneState[K]]:
        """The most urgent one; there is one if it has offered it."""
        best = self.agenda.best()
        if best is None:
            raise AssertionError("nobody may go")
        return self.credentials[best[1]].next()

    def offer(self, now: float) -> Offer:
        """The most urgent one of its credentials, as far as the host is concerned."""
        while (name := self.agenda.due(now)) is not None:
            self.agenda.put(name, self.credentials[name].offer(now))
        best, again = self.agenda.best(), self.agenda.again()
        if best is None:
            return Offer(None, again)
        if self.inside >= self.share:
            return NOTHING
        opens = self.outage.opens(now) if best[0].failing else self.outage.opens_to_new(now)
        return Offer(best[0], again) if opens <= now else Offer(None, min(opens, again))
