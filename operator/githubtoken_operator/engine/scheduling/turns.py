"""The lanes of a running process: who asks is let in or told to wait, and is woken when its turn has come.

A run asks before it sends anything, says what came of it, and leaves when it ends; whoever still wants a turn then has
its reservation, and no place of the scheduler's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, NamedTuple, TypeVar

from githubtoken_operator.adapters.clock import wait
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.lanes.order import Lanes
from githubtoken_operator.domain.vocabulary.errors import Concern, RateLimited, TokenError
from githubtoken_operator.domain.vocabulary.newest import Newest

K = TypeVar("K")

LOOK_AGAIN: Final = 300.0
"""Seconds after which one that waits runs in any case; its turn wakes it before."""
WORTH_A_WORD: Final = 10.0
"""Seconds that an object waits for its turn before it says so, which costs the API server a write."""
_LONGEST_SLEEP: Final = 30.0
_MOST_OWNERS: Final = 4096
"""Keys that somebody replaces again and again must not fill the memory."""


class Waits(Exception):
    """It is not its turn: `before` others of the same credential go first, and it waits for so many seconds already.

    `out`: GitHub does not answer there.
    """

    def __init__(self, before: int, *, waited: float, out: bool) -> None:
        super().__init__(before)
        self.before = before
        self.waited = waited
        self.out = out


class Stand(NamedTuple):
    """In which lane somebody is to stand, how urgent it is, and how many points it needs."""

    lane: Lane
    deadline: float
    points: float


class Turns(Generic[K]):
    """The lanes, with the time and somebody to wake. `monotonic` gives seconds; `wake` makes a key due at once."""

    def __init__(
        self,
        lanes: Lanes[K],
        *,
        monotonic: Callable[[], float],
        wake: Callable[[K], None],
        paused: Callable[[Lane, tuple[str, str], float], None] = lambda _lane, _owner, _seconds: None,
    ) -> None:
        """`paused` is told in which lane GitHub limited whom, and for how many seconds."""
        self.lanes = lanes
        self._paused = paused
        self._told: dict[K, TokenError | None] = {}
        self._owners: Newest[tuple[str, str], tuple[str, str]] = Newest(_MOST_OWNERS)
        self._monotonic = monotonic
        self._wake = wake
        self._changed = asyncio.Event()

    @contextmanager
    def turn(self, key: K, stand: Stand, *, learnt: Callable[[], Lane] | None = None) -> Iterator[None]:
        """Inside of it GitHub may be asked, and the lanes are told what came of it. Raises `Waits`.

        Where nothing is raised in it GitHub has answered, unless `tell` says otherwise.
        `learnt` says at its end which lane it was, where GitHub may have told meanwhile.
        """
        lane, now = stand.lane, self._monotonic()
        entered = self.lanes.ask(key, lane, deadline=stand.deadline, points=stand.points, now=now)
        self._changed.set()
        if not entered:
            raise Waits(self.lanes.before(key), waited=self.lanes.waited(key, now), out=self.lanes.is_out(lane))
        self._told.pop(key, None)
        asked = True
        try:
            yield
        except TokenError as error:
            self._failed(key, learnt() if learnt else lane, error, now)
            raise
        else:
            told = self._told.get(key)
            asked = told is not None or key not in self._told
            if told is not None:
                self._failed(key, learnt() if learnt else lane, told, now)
            elif asked:
                now, found = self._monotonic(), learnt() if learnt else lane
                for each in {lane, found}:
                    self.lanes.answered(each, now)
                if found != lane:
                    self.lanes.move(lane, found, now)
        finally:
            self._told.pop(key, None)
            if asked:
                self.lanes.used(key)
            self.lanes.leave(key, self._monotonic())
            self._changed.set()

    def tell(self, key: K, error: TokenError | None) -> None:
        """What came of the turn that the key has: an error that is not raised, or None where nothing was asked."""
        self._told[key] = error

    def reserve(self, key: K, stand: Stand) -> None:
        """Keeps a turn for one that failed as GitHub failed: it is woken when GitHub may be asked again."""
        if self.lanes.is_out(stand.lane):
            self._wait(key, stand)

    def stand(self, key: K, stand: Stand) -> None:
        """Gives one that waited for something else its reservation, unless it has a turn already."""
        if not self.lanes.has_turn(key):
            self._wait(key, stand)

    def leave(self, key: K) -> None:
        """It wants no turn any more."""
        self.lanes.withdraw(key, self._monotonic())
        self._changed.set()

    def paused_until(self, lane: Lane) -> float | None:
        """When the pause ends that GitHub stated for the lane; None where there is none."""
        until = self.lanes.paused_until(lane)
        return until if until is not None and until > self._monotonic() else None

    def owned(self, lane: Lane, owner: tuple[str, str]) -> None:
        """Says namespace and name of the App that uses the lane, as metrics call it."""
        self._owners[lane.host, lane.credential] = owner

    def owner(self, lane: Lane) -> tuple[str, str]:
        """Namespace and name of the App that used it last; empty where that was forgotten."""
        return self._owners.get((lane.host, lane.credential), ("", ""))

    def waiting(self) -> list[tuple[K, Lane, float]]:
        """Who waits, in which lane, and for how many seconds. May be asked from another thread."""
        now = self._monotonic()
        return [(key, lane, now - since) for key, lane, since in self.lanes.waiting()]

    def out(self) -> list[tuple[Lane, float]]:
        """What is asked by one at a time, and for how many seconds; a host has no credential. As `waiting`."""
        return self.lanes.out(self._monotonic())

    def is_granted(self, key: K) -> bool:
        """Whether its turn has come, and it has not asked yet."""
        return self.lanes.is_granted(key)

    async def run(self) -> None:
        """Wakes those whose turn has come, until it is cancelled."""
        while True:
            self._changed.clear()
            self.pump()
            await wait(self._changed, self._pause())

    def pump(self) -> None:
        """Wakes those whose turn has come by now."""
        for key in self.lanes.grant(self._monotonic()):
            self._wake(key)

    def _wait(self, key: K, stand: Stand) -> None:
        self.lanes.wait(key, stand.lane, deadline=stand.deadline, points=stand.points, now=self._monotonic())
        self._changed.set()

    def _pause(self) -> float:
        now = self._monotonic()
        at = self.lanes.next_at(now)
        return _LONGEST_SLEEP if at is None else min(max(at - now, 0.001), _LONGEST_SLEEP)

    def _failed(self, key: K, lane: Lane, error: TokenError, began: float) -> None:
        """What an error says of the lane and of its host."""
        now = self._monotonic()
        if error.concern is Concern.HEARD:
            self.lanes.heard(lane, now)
        elif error.concern is not Concern.NOBODY:
            self.lanes.failed(key, lane, now, took=now - began, alone=error.concern is Concern.LANE)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            self.lanes.limited(key, lane, error.retry_after, now)
            self._paused(lane, self.owner(lane), error.retry_after)
