"""What one credential may still ask of GitHub: points in each minute, and how fast they may go.

GitHub documents 900 points a minute and principal: a request that writes costs five, one that reads costs one. Two
bounds hold at once:

- in no span of `WINDOW` seconds more than the minute's points are spent, wherever GitHub's own minute begins;
- of these, `BURST` may go at once, and then no faster than `PACE` allows: `SLOWED` for a while after GitHub has limited
  something of the same credential.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits

Pure: seconds of a monotonic clock are an argument.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

WRITE: Final = 5
"""Points of a POST, PATCH, PUT or DELETE."""
READ: Final = 1
"""Points of a GET."""
WINDOW: Final = 62.0
"""Seconds: a minute, and what a request may be longer on its way than another."""
BURST: Final = 1 / 9
"""The part of a minute's points that may go at once: 20 tokens of the default."""
PACE: Final = 1 / 5
"""The part of a minute's points that comes back each second; the window is what holds in the long run."""
SLOWED: Final = 1 / 2
"""The part of the pace that is left for a while after GitHub has limited something of the same credential."""
_GRAIN: Final = 0.25
"""Seconds: what is spent within them is remembered as one."""
_EPSILON: Final = 1e-6


@dataclass(slots=True)
class Spent:
    """Points that were taken together: as of `time`."""

    time: float
    points: float


class Budget:
    """The points of one credential on one host."""

    def __init__(self, per_minute: float) -> None:
        """`per_minute`: points, above zero."""
        if not (per_minute > 0 and math.isfinite(per_minute)):
            raise ValueError("the points per minute must be greater than zero")
        self._most = max(per_minute, float(WRITE))
        self._burst = max(self._most * BURST, float(WRITE))
        self._spent: deque[Spent] = deque()
        self._sum = 0.0
        self._tokens = self._burst
        self._as_of = -math.inf
        self._slow_until = -math.inf

    def is_idle(self, now: float) -> bool:
        """Whether nothing was spent in the present minute."""
        self._forget(now)
        return not self._spent

    def free_at(self, points: float, now: float) -> float:
        """When so many points may be spent: `now` or earlier where that is at once. Asking changes nothing."""
        self._forget(now)
        points = min(points, self._burst)
        free = max(self._paced(points), now)
        over = self._sum + points - self._most
        for spent in self._spent:
            if over <= _EPSILON:
                break
            over -= spent.points
            free = max(free, spent.time + WINDOW)
        return free

    def take(self, points: float, now: float) -> Spent:
        """Spends them, whether or not they are free."""
        self._fill(now)
        self._tokens -= points
        at = math.ceil(now / _GRAIN) * _GRAIN
        if not self._spent or self._spent[-1].time < at:
            self._spent.append(Spent(at, 0.0))
        self._spent[-1].points += points
        self._sum += points
        return self._spent[-1]

    def give_back(self, spent: Spent, points: float) -> None:
        """They were not used after all."""
        if any(each is spent for each in self._spent):
            spent.points -= points
            self._sum -= points
        self._tokens = min(self._tokens + points, self._burst)

    def slow_down(self, until: float, now: float) -> None:
        """The slower pace until then, and no burst."""
        self._fill(now)
        self._tokens = min(self._tokens, float(WRITE))
        self._slow_until = max(self._slow_until, until)

    def _paced(self, points: float) -> float:
        """When so many have come back."""
        short = points - self._tokens
        if short <= 0:
            return self._as_of
        rate = self._most * PACE
        slow = max(self._slow_until - self._as_of, 0.0)
        if short <= slow * rate * SLOWED:
            return self._as_of + short / (rate * SLOWED)
        return self._as_of + slow + (short - slow * rate * SLOWED) / rate

    def _fill(self, now: float) -> None:
        """Counts what has come back by now."""
        if now <= self._as_of:
            return
        if self._tokens < self._burst:
            slow = min(max(self._slow_until - self._as_of, 0.0), now - self._as_of)
            self._tokens += (now - self._as_of - slow * (1 - SLOWED)) * self._most * PACE
        self._tokens, self._as_of = min(self._tokens, self._burst), now

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0].time + WINDOW <= now:
            self._sum -= self._spent.popleft().points
        if not self._spent:
            self._sum = 0.0
