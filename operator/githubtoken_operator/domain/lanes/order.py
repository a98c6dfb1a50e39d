"""Whose turn it is to ask GitHub: lanes by (host, proved credential, installation).

- A limit concerns whom it was told to. The installation pauses, and the others of its App go on at half pace; only when
  a second one is limited within `TOGETHER`, the App pauses. After a pause one request goes first, and the one that was
  refused goes last.
- What fails is asked by one at a time: an installation, or the host once two lanes fail and nothing answers. The pauses
  between two looks grow, but for a lane that has not failed: one after the other of them goes first, without a pause to
  speak of. A lane that failed while others of its host were answered fails for itself, and stands for nobody else.
- A lane begins with one request at once, and is given more as GitHub answers. No credential has more than `share` of
  the places, no host more than `host_share`: what hangs is held by few.
- Of those that wait for the same credential, the earliest deadline goes first. Who waits keeps the reservation until
  its turn; a turn that is not taken within `KEPT` goes to the next. One that must wait for its points is not overtaken
  by another that needs fewer.

Pure: seconds of a monotonic clock are an argument, and a key is any hashable value that can be ordered.
"""

from __future__ import annotations

import itertools
import math
from typing import Final, Generic, TypeVar

from githubtoken_operator.domain.lanes.agenda import Rank
from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.lanes.hosts import Hosts
from githubtoken_operator.domain.lanes.lane import TOGETHER, Lane, Place, Waiter
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
        self._hosts: Hosts[K] = Hosts(requests_per_minute * WRITE, self.share, self.host_share)
        self._places: dict[K, Place[K]] = {}
        self._kept: dict[K, Place[K]] = {}
        self._reserved: dict[K, tuple[Lane, Waiter]] = {}
        self._granted: dict[K, None] = {}
        self._serial = itertools.count()

    # --- Who asks ----------------------------------------------------------------------------------------------------

    def ask(self, key: K, lane: Lane, *, deadline: float, points: float, now: float) -> bool:
        """Whether `key` may ask GitHub now, for `points`; else it has a reservation, and is told by `grant`."""
        place = self._places.get(key)
        if place is not None and place.lane == lane:
            self._enter(place)
            return True
        if place is not None:
            self.leave(key, now)
        self.wait(key, lane, deadline=deadline, points=points, now=now)
        self._granted |= dict.fromkeys(self._grant(now))
        if (place := self._places.get(key)) is None:
            return False
        self._granted.pop(key, None)
        self._enter(place)
        return True

    def wait(self, key: K, lane: Lane, *, deadline: float, points: float, now: float) -> None:
        """Gives it a reservation; an earlier one keeps its age."""
        _, credential, state = self._hosts.of(lane, now)
        before, reserved = self._reserved.get(key, (None, None))
        since = reserved.since if reserved is not None else now
        serial = reserved.rank.serial if reserved is not None else next(self._serial)
        waiter = Waiter(Rank(key in state.refused, deadline, serial), points, since)
        if before == lane and waiter == reserved:
            return
        self._drop_waiter(key, now)
        state.add(key, waiter)
        credential.add(waiter.rank)
        self._reserved[key] = lane, waiter
        self._hosts.told(lane, now)

    def move(self, lane: Lane, to: Lane, now: float) -> None:
        """All that wait in one lane wait in another one, as long as before: they turned out to be the same."""
        _, _, state = self._hosts.find(lane)
        for key, waiter in tuple(state.waiting.items()) if state is not None else ():
            self.wait(key, to, deadline=waiter.rank.deadline, points=waiter.points, now=now)

    def grant(self, now: float) -> list[K]:
        """Those whose turn has come since: each is to ask again, and will be let in."""
        while self._kept and (place := next(iter(self._kept.values()))).since + KEPT <= now:
            self.leave(place.key, now)
        granted = [*self._granted, *self._grant(now)]
        self._granted.clear()
        return granted

    def next_at(self, now: float) -> float | None:
        """When `grant` may have something to say next, if nothing is told meanwhile; None where nobody waits."""
        kept = next(iter(self._kept.values())).since + KEPT if self._kept else math.inf
        at = min(kept, self._hosts.next_at(now))
        return at if at < math.inf else None

    # --- What came of it ---------------------------------------------------------------------------------------------

    def used(self, key: K) -> None:
        """It has sent something: its points are spent."""
        if (place := self._places.get(key)) is not None:
            place.used = True

    def withdraw(self, key: K, now: float) -> None:
        """It wants nothing any more: its reservation goes, or its turn, if it had come."""
        self._drop_waiter(key, now)
        self.leave(key, now)

    def leave(self, key: K, now: float) -> None:
        """It asks no more: its place, and what it did not use, go to the next."""
        place = self._places.pop(key, None)
        if place is None:
            return
        self._kept.pop(key, None)
        host, credential, state = self._hosts.of(place.lane, now)
        host.inside, credential.inside, state.inside = host.inside - 1, credential.inside - 1, state.inside - 1
        if not place.used:
            credential.budget.give_back(place.spent, place.points)
        self._hosts.told(place.lane, now)

    def answered(self, lane: Lane, now: float) -> None:
        """GitHub did as it was asked: more may ask at once."""
        _, credential, state = self._hosts.of(lane, now)
        state.allowed = min(state.allowed * 2, self.share)
        credential.allowed = min(credential.allowed * 2, self.share)
        self.heard(lane, now)

    def heard(self, lane: Lane, now: float) -> None:
        """GitHub answered it, whatever it said: it is there."""
        host, _, state = self._hosts.of(lane, now)
        state.outage.end()
        state.refused.clear()
        state.failing = state.apart = False
        host.failing.pop(lane, None)
        was_away, failed = host.outage.since is not None, tuple(host.failing.items())
        host.outage.end()
        host.failing.clear()
        for where, other in failed:
            other.apart = True
            if was_away:
                other.failing = False
                other.outage.end()
            self._hosts.told(where, now)
        self._hosts.told(lane, now)

    def failed(self, key: K, lane: Lane, now: float, *, took: float = 0.0, alone: bool = False) -> None:
        """GitHub did not answer it as it should, which took so many seconds. `alone`: that says nothing of others."""
        host, _, state = self._hosts.of(lane, now)
        state.allowed = 1
        state.refused.add(key)
        state.outage.begin(now)
        state.failing = True
        if not alone and not state.apart:
            host.failing[lane] = state
            if len(host.failing) > 1:
                host.outage.begin(now)
        if took > FIRST_PAUSE:
            state.outage.hung(took, now)
        self._hosts.told(lane, now)

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
        self._hosts.told(lane, now)

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
        return credential.before(mine.rank) if credential is not None else 0

    def has_turn(self, key: K) -> bool:
        """Whether its turn has come, or it asks already."""
        return key in self._places

    def is_granted(self, key: K) -> bool:
        """Whether its turn has come, and it has not asked yet."""
        place = self._places.get(key)
        return place is not None and not place.entered

    def waiting(self) -> list[tuple[K, Lane, float]]:
        """Who waits, where, and since when. May be asked from another thread."""
        return [(key, lane, waiter.since) for key, (lane, waiter) in self._reserved.copy().items()]

    def out(self, now: float) -> list[tuple[Lane, float]]:
        """What is asked by one at a time, and for how many seconds: a host as its lane without credential.

        May be asked from another thread.
        """
        return self._hosts.out(now)

    # --- Whose turn it is --------------------------------------------------------------------------------------------

    def _grant(self, now: float) -> list[K]:
        granted = []
        while (found := self._hosts.first(now)) is not None:
            key, waiter, state = found
            lane = state.lane
            host, credential, _ = self._hosts.of(lane, now)
            self._forget_waiter(key)
            spent = credential.budget.take(waiter.points, now)
            self._places[key] = self._kept[key] = Place(key, lane, spent, waiter.points, now)
            host.inside, credential.inside, state.inside = host.inside + 1, credential.inside + 1, state.inside + 1
            host.outage.look(now)
            state.outage.look(now)
            self._hosts.told(lane, now)
            granted.append(key)
        return granted

    def _enter(self, place: Place[K]) -> None:
        place.entered = True
        self._kept.pop(place.key, None)

    def _drop_waiter(self, key: K, now: float) -> None:
        if (lane := self._forget_waiter(key)) is not None:
            self._hosts.told(lane, now)

    def _forget_waiter(self, key: K) -> Lane | None:
        lane, waiter = self._reserved.pop(key, (None, None))
        if lane is None or waiter is None:
            return None
        _, credential, state = self._hosts.find(lane)
        if credential is not None and state is not None and state.waiting.pop(key, None) is not None:
            credential.drop(waiter.rank)
        return lane
