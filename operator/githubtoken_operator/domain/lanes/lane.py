"""What a lane is, and what is kept of a lane, of a credential and of a host while they are in use.

    host         one GitHub
    credential   what GitHub accepted there: an App's key, a client in its namespace, a namespace with personal tokens
    lane         one installation of that App

A limit is told to a lane, an outage is seen in a lane; what several lanes have in common is concluded from them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

from githubtoken_operator.domain.lanes.budget import Budget, Spent
from githubtoken_operator.domain.lanes.outage import Outage

K = TypeVar("K")

TOGETHER: Final = 60.0
"""Seconds within which two installations of one credential are limited for one reason: their App's."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Whom GitHub's limits concern. `credential` is proved, never claimed; `installation` is "" where there is none."""

    host: str
    credential: str
    installation: str = ""


class Rank(NamedTuple):
    """Who goes first: what was refused goes last, then the earliest deadline, then who came first."""

    refused: bool
    deadline: float
    serial: int


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
    """`allowed`: how many may ask at once; one at first and after each failure, and more with each success."""

    lane: Lane
    waiting: dict[K, Waiter] = field(default_factory=dict)
    queue: list[tuple[Rank, K]] = field(default_factory=list)
    inside: int = 0
    allowed: int = 1
    paused_until: float = -math.inf
    outage: Outage = field(default_factory=Outage)
    refused: set[K] = field(default_factory=set)

    def add(self, key: K, waiter: Waiter) -> None:
        """Takes it into the queue, in place of an earlier reservation of its own."""
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

    def opens(self, now: float) -> float:
        """When the next one may go, as far as this lane is concerned; infinite while its places are taken."""
        if self.inside >= self.allowed:
            return math.inf
        return max(now, self.paused_until, self.outage.opens(now))

    def in_use(self, now: float) -> bool:
        """Whether it says anything that another one, made anew, would not."""
        busy = self.waiting or self.inside or self.refused or self.outage.since is not None
        return bool(busy) or self.paused_until + TOGETHER > now


@dataclass(slots=True)
class CredentialState(Generic[K]):
    """`limited`: the installations that GitHub limited lately, and when. `waiting`: how many wait in all lanes."""

    budget: Budget
    lanes: dict[str, LaneState[K]] = field(default_factory=dict)
    inside: int = 0
    allowed: int = 1
    paused_until: float = -math.inf
    limited: dict[str, float] = field(default_factory=dict)
    waiting: int = 0

    def waited_for(self) -> Iterator[LaneState[K]]:
        """Its lanes in which somebody waits."""
        return (state for state in self.lanes.values() if state.waiting)

    def opens(self, points: float, now: float) -> float:
        """When the next one may go, as far as the credential is concerned."""
        if self.inside >= self.allowed:
            return math.inf
        return max(now, self.paused_until, self.budget.free_at(points, now))

    def in_use(self, now: float) -> bool:
        """Whether it says anything that another one, made anew, would not."""
        self.budget.left(now)
        return bool(self.inside or self.lanes or not self.budget.idle) or self.paused_until + TOGETHER > now


@dataclass(slots=True)
class HostState(Generic[K]):
    """`failing`: lanes that failed since the host last answered anybody."""

    credentials: dict[str, CredentialState[K]] = field(default_factory=dict)
    inside: int = 0
    outage: Outage = field(default_factory=Outage)
    failing: set[Lane] = field(default_factory=set)

    def opens(self, share: int, now: float, lane: Lane | None = None) -> float:
        """When the next one may go, as far as the host is concerned: one of that lane, or any."""
        if self.inside >= share:
            return math.inf
        return max(now, self.outage.opens(now) if lane in self.failing else self.outage.opens_to_new(now))
