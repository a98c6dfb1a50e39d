"""Whose turn it is to ask GitHub: lanes by (host, proved credential, installation).

- A limit concerns whom it was told to. The installation pauses, and the others of its App go on at half pace; only when
  a second one is limited within `TOGETHER`, the App pauses. After a pause one request goes first, and the one that was
  refused goes last.
- What fails is asked by one at a time: an installation, or the host once two lanes fail and nothing answers. The pauses
  between two looks grow, but for a lane that has not failed: whatever is wrong with others, it waits for seconds.
- A lane begins with one request at once, and is given more as GitHub answers. No credential has more than `share` of
  the places, no host more than `host_share`: what hangs is held by few.
- Of those that wait for the same credential, the earliest deadline goes first. Who waits keeps the reservation until
  its turn; a turn that is not taken within `KEPT` goes to the next.

Pure: seconds of a monotonic clock are an argument, and a key is any hashable value that can be ordered.
"""

from __future__ import annotations

import itertools
import math
from typing import Final, Generic, TypeVar

from githubtoken_operator.domain.lanes.budget import READ, WRITE
from githubtoken_operator.domain.lanes.hosts import Hosts
from githubtoken_operator.domain.lanes.lane import (
    TOGETHER,
    Lane,
    LaneState,
    Place,
    Rank,
    Waiter,
)
from githubtoken_operator.domain.lanes.outage import FIRST_PAUSE

K = TypeVar("K")

REQUESTS_PER_MINUTE: Final = 175
"""Requests that write; 875 points of the 900 that GitHub allows."""
KEPT: Final = 30.0
"""Seconds for which a turn is kept for one that does not come."""


class Lanes(Generic[K]):
    """All lanes of one process."""

    def __init__(self, *, requests_per_minute: float = REQUESTS_PER_MINUTE, places: int = 16) -> None:
        """`requests_per_minute` that write, for each credential; `places`: how many may run at once in all."""
        self.share = max(places // 3, 1)
        self.host_share = max(places - places // 4, 1)
        self._hosts: Hosts[K] = Hosts(requests_per_minute * WRITE, self.share)
        self._places: dict[K, Place[K]] = {}
        self._reserved: dict[K, tuple[Lane, Waiter]] = {}
        self._granted: list[K] = []
        self._serial = itertools.count()

    # --- Who asks ----------------------------------------------------------------------------------------------------

    def ask(self, key: K, lane: Lane, *, deadline: float, points: float, now: float) -> bool:
        """Whether `key` may ask GitHub now, for `points`; else it has a reservation, and is told by `grant`."""
        place = self._places.get(key)
        if place is not None and place.lane == lane:
            place.entered = True
            return True
        if place is not None:
            self.leave(key, now)
        self.wait(key, lane, deadline=deadline, points=points, now=now)
        self._granted += self._grant(now)
        if key not in self._places:
            return False
        self._granted.remove(key)
        self._places[key].entered = True
        return True

    def wait(self, key: K, lane: Lane, *, deadline: float, points: float, now: float) -> None:
        """Gives it a reservation; an earlier one of the same lane keeps its age."""
        reserved = self._drop_waiter(key)
        _, credential, state = self._hosts.of(lane, now)
        since = reserved.since if reserved is not None else now
        serial = reserved.rank.serial if reserved is not None else next(self._serial)
        waiter = Waiter(Rank(key in state.refused, deadline, serial), points, since)
        state.add(key, waiter)
        credential.waiting += 1
        self._reserved[key] = lane, waiter

    def grant(self, now: float) -> list[K]:
        """Those whose turn has come since: each is to ask again, and will be let in."""
        for place in [each for each in self._places.values() if not each.entered and each.since + KEPT <= now]:
            self.leave(place.key, now)
        granted = self._granted + self._grant(now)
        self._granted = []
        return granted

    def next_at(self, now: float) -> float | None:
        """When `grant` may have something to say next, if nothing is told meanwhile; None where nobody waits."""
        times = [each.since + KEPT for each in self._places.values() if not each.entered]
        for host, credential in self._hosts.waited_for():
            closed = max(host.opens(self.host_share, now), credential.opens(READ, now))
            if closed > now:
                # What its lanes say matters then.
                times.append(closed)
                continue
            times += [
                max(
                    host.opens(self.host_share, now, state.lane),
                    credential.opens(first[1].points, now),
                    state.opens(now),
                )
                for state in credential.waited_for()
                if (first := state.first()) is not None
            ]
        ahead = [time for time in times if time < math.inf]
        return min(ahead, default=None)

    # --- What came of it ---------------------------------------------------------------------------------------------

    def used(self, key: K) -> None:
        """It has sent something: its points are spent."""
        if (place := self._places.get(key)) is not None:
            place.used = True

    def withdraw(self, key: K, now: float) -> None:
        """It wants nothing any more: its reservation goes, or its turn, if it had come."""
        self._drop_waiter(key)
        self.leave(key, now)

    def leave(self, key: K, now: float) -> None:
        """It asks no more: its place, and what it did not use, go to the next."""
        place = self._places.pop(key, None)
        if place is None:
            return
        host, credential, state = self._hosts.of(place.lane, now)
        host.inside, credential.inside, state.inside = host.inside - 1, credential.inside - 1, state.inside - 1
        if not place.used:
            credential.budget.give_back(place.spent, place.points)

    def answered(self, lane: Lane, now: float) -> None:
        """GitHub answered it, whatever it said: more may ask at once."""
        host, credential, state = self._hosts.of(lane, now)
        state.allowed = min(state.allowed * 2, self.share)
        credential.allowed = min(credential.allowed * 2, self.share)
        state.outage.end()
        state.refused.clear()
        if host.outage.since is not None:
            for other in host.failing:
                self._hosts.of(other, now)[2].outage.end()
        host.outage.end()
        host.failing.clear()

    def failed(self, key: K, lane: Lane, now: float, *, took: float = 0.0) -> None:
        """GitHub did not answer it, or not as it should; that took so many seconds."""
        host, _, state = self._hosts.of(lane, now)
        state.allowed = 1
        state.refused.add(key)
        state.outage.begin(now)
        host.failing.add(lane)
        if len(host.failing) > 1:
            host.outage.begin(now)
        if took > FIRST_PAUSE:
            state.outage.hung(took, now)

    def limited(self, key: K, lane: Lane, seconds: float, now: float) -> None:
        """GitHub told it to wait so long."""
        _, credential, state = self._hosts.of(lane, now)
        state.paused_until = max(state.paused_until, now + seconds)
        state.allowed = 1
        state.outage.end()
        state.refused.add(key)
        credential.budget.slow_down(max(state.paused_until, now + TOGETHER), now)
        credential.limited = {where: at for where, at in credential.limited.items() if at + TOGETHER > now}
        credential.limited[lane.installation] = now
        if len(credential.limited) > 1 or not lane.installation:
            credential.paused_until = max(credential.paused_until, now + seconds)
            credential.allowed = 1

    # --- What is shown -----------------------------------------------------------------------------------------------

    def paused_until(self, lane: Lane) -> float | None:
        """When the pause ends that GitHub stated for it, None where there was none lately; it may lie in the past."""
        _, credential, state = self._hosts.find(lane)
        until = max((each.paused_until for each in (credential, state) if each is not None), default=-math.inf)
        return until if until > -math.inf else None

    def is_out(self, lane: Lane) -> bool:
        """Whether the lane, or its host, is asked by one at a time until it answers."""
        host, _, state = self._hosts.find(lane)
        return any(each is not None and each.outage.since is not None for each in (host, state))

    def waited(self, key: K, now: float) -> float:
        """For how long it waits."""
        return now - self._reserved[key][1].since if key in self._reserved else 0.0

    def before(self, key: K) -> int:
        """How many of the same credential go before one that waits."""
        if key not in self._reserved:
            return 0
        lane, mine = self._reserved[key]
        _, credential, _ = self._hosts.find(lane)
        lanes = credential.lanes.values() if credential is not None else ()
        return sum(waiter.rank < mine.rank for state in lanes for waiter in state.waiting.values())

    def is_granted(self, key: K) -> bool:
        """Whether its turn has come, and it has not asked yet."""
        place = self._places.get(key)
        return place is not None and not place.entered

    def waiting(self) -> list[tuple[K, Lane, float]]:
        """Who waits, where, and since when. May be asked from another thread."""
        return [(key, lane, waiter.since) for key, (lane, waiter) in tuple(self._reserved.items())]

    # --- Whose turn it is --------------------------------------------------------------------------------------------

    def _grant(self, now: float) -> list[K]:
        granted = []
        while (found := self._first(now)) is not None:
            key, waiter, state = found
            lane = state.lane
            host, credential, _ = self._hosts.of(lane, now)
            self._drop_waiter(key)
            spent = credential.budget.take(waiter.points, now)
            self._places[key] = Place(key, lane, spent, waiter.points, now)
            host.inside, credential.inside, state.inside = host.inside + 1, credential.inside + 1, state.inside + 1
            host.outage.look(now)
            state.outage.look(now)
            granted.append(key)
        return granted

    def _first(self, now: float) -> tuple[K, Waiter, LaneState[K]] | None:
        """The most urgent one that may go. While a host is away, one whose own lane has not failed goes before."""
        best: tuple[tuple[bool, Rank], K, Waiter, LaneState[K]] | None = None
        for host, credential in self._hosts.waited_for():
            if host.opens(self.host_share, now) > now or credential.opens(READ, now) > now:
                continue
            writes = credential.opens(WRITE, now) <= now
            for state in credential.waited_for():
                first = state.first()
                if first is None or state.opens(now) > now or not (writes or first[1].points <= READ):
                    continue
                if host.opens(self.host_share, now, state.lane) > now:
                    continue
                order = state.lane in host.failing, first[1].rank
                if best is None or order < best[0]:
                    best = order, *first, state
        return best[1:] if best is not None else None

    def _drop_waiter(self, key: K) -> Waiter | None:
        lane, waiter = self._reserved.pop(key, (None, None))
        if lane is not None:
            _, credential, state = self._hosts.find(lane)
            if credential is not None and state is not None and state.waiting.pop(key, None) is not None:
                credential.waiting -= 1
        return waiter
