"""Who of several may go, the most urgent first; each is asked only when it changed, or when its time has come.

Whoever is put here says what holds until it is put again: that it may go, in what order, and when it may be otherwise
although nothing is told. So a change of one costs the logarithm of how many there are. Pure.
"""

from __future__ import annotations

import heapq
import math
from typing import Final, NamedTuple

_SPARE: Final = 64
"""So many entries that are not valid any more are kept before a heap is made anew."""


class Rank(NamedTuple):
    """Who goes first: what was refused goes last, then the earliest deadline, then who came first."""

    refused: bool
    deadline: float
    serial: int


class Order(NamedTuple):
    """Who goes first on a host: while it is away, one whose lane has not failed."""

    failing: bool
    rank: Rank


class Offer(NamedTuple):
    """`order`: it may go, and so urgent is it. `again`: when to ask it anew at the latest; infinite where never."""

    order: Order | None
    again: float


NOTHING: Final = Offer(None, math.inf)


class Agenda:
    """What each of several offers."""

    def __init__(self) -> None:
        self._offers: dict[str, Offer] = {}
        self._ready: list[tuple[Order, str]] = []
        self._later: list[tuple[float, str]] = []

    def put(self, name: str, offer: Offer) -> None:
        """It offers this from now on."""
        before = self._offers.get(name, NOTHING)
        if offer == before:
            return
        if offer == NOTHING:
            del self._offers[name]
            return
        self._offers[name] = offer
        if offer.order is not None and offer.order != before.order:
            heapq.heappush(self._ready, (offer.order, name))
            if len(self._ready) > 2 * len(self._offers) + _SPARE:
                self._ready = [(each.order, name) for name, each in self._offers.items() if each.order is not None]
                heapq.heapify(self._ready)
        if offer.again < math.inf and offer.again != before.again:
            heapq.heappush(self._later, (offer.again, name))
            if len(self._later) > 2 * len(self._offers) + _SPARE:
                self._later = [(each.again, name) for name, each in self._offers.items() if each.again < math.inf]
                heapq.heapify(self._later)

    def best(self) -> tuple[Order, str] | None:
        """Who may go, and is the most urgent of those that may."""
        while self._ready:
            order, name = self._ready[0]
            if self._offers.get(name, NOTHING).order == order:
                return order, name
            heapq.heappop(self._ready)
        return None

    def again(self) -> float:
        """When the first of them is to be asked anew."""
        while self._later:
            at, name = self._later[0]
            if self._offers.get(name, NOTHING).again == at:
                return at
            heapq.heappop(self._later)
        return math.inf

    def due(self, now: float) -> str | None:
        """One that is to be asked anew by now; whoever is named is to be put again."""
        return self._later[0][1] if self.again() <= now else None
