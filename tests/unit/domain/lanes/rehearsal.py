"""A virtual GitHub and operator in virtual time: everybody asks for one token, until all have one."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.lanes.order import Lanes

Said = Literal["ok", "failed"] | float
"""What GitHub answers; a number is a limit, in seconds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when it was sent, by whom, in which lane, for how many points, and what came."""

    at: float
    key: int
    lane: Lane
    points: float
    said: Said


@dataclass(slots=True)
class Rehearsal:
    """`answer(lane, now)` says what GitHub does, after `latency(lane)` seconds."""

    lanes: Lanes[int]
    answer: Callable[[Lane, float], Said] = lambda _lane, _now: "ok"
    latency: Callable[[Lane], float] = lambda _lane: 0.05
    asked: list[Asked] = field(default_factory=list)
    served: dict[int, float] = field(default_factory=dict)
    most_inside: int = 0

    def run(
        self,
        wanted: Sequence[tuple[Lane, float]],
        *,
        points: Callable[[int], float] = lambda _key: 5,
        begins: Callable[[int], float] = lambda _key: 0.0,
        until: float = 10_000.0,
    ) -> None:
        """Key number n wants a token of the lane by the deadline at place n of `wanted`, from second `begins(n)` on."""
        serial = itertools.count()
        events = [(begins(key), next(serial), "ask", key) for key in range(len(wanted))]
        heapq.heapify(events)
        inside, looks = 0, set[float]()
        while events:
            now, _, what, key = heapq.heappop(events)
            if now > until or len(self.served) == len(wanted):
                return
            if what == "answer":
                inside -= 1
                self._came(self.asked[key], now, wanted[self.asked[key].key][1])
            elif what == "ask" and key in self.served:
                self.lanes.withdraw(key, now)
            elif what == "ask":
                lane, deadline = wanted[key]
                if self.lanes.ask(key, lane, deadline=deadline, points=points(key), now=now):
                    self.lanes.used(key)
                    inside += 1
                    self.most_inside = max(self.most_inside, inside)
                    self.asked.append(Asked(now, key, lane, points(key), self.answer(lane, now)))
                    heapq.heappush(events, (now + self.latency(lane), next(serial), "answer", len(self.asked) - 1))
            for granted in self.lanes.grant(now):
                heapq.heappush(events, (now, next(serial), "ask", granted))
            if (at := self.lanes.next_at(now)) is not None and at > now and at not in looks:
                looks.add(at)
                heapq.heappush(events, (at, next(serial), "look", -1))

    def _came(self, asked: Asked, now: float, deadline: float) -> None:
        key, lane = asked.key, asked.lane
        self.lanes.leave(key, now)
        if asked.said == "ok":
            self.served[key] = now
            self.lanes.answered(lane, now)
            return
        if asked.said == "failed":
            self.lanes.failed(key, lane, now, took=now - asked.at)
        else:
            self.lanes.limited(key, lane, asked.said, now)
        self.lanes.wait(key, lane, deadline=deadline, points=asked.points, now=now)
