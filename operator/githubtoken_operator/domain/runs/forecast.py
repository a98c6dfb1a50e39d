"""What becomes of the tokens of one App: its lanes in virtual time, for as long as a token lives and is renewed twice.

It is the order in which the operator asks GitHub (`domain.lanes`) and the time at which it renews (`schedule`), with a
GitHub that always answers. Nothing is asked and nothing is waited for.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.lanes.order import Lanes
from githubtoken_operator.domain.runs.due import schedule
from githubtoken_operator.domain.runs.due.urgency import FIRST_TOKEN

ANSWER: Final = 0.3
"""Seconds from asking for a token until it is in its Secret."""
RENEWALS: Final = 2
PLACES: Final = 32
"""How many tokens are worked on at once, as the operator does where nobody says another number."""
SHORTEST: Final = timedelta(minutes=2)
"""`renewBefore` cannot be less."""
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Planned:
    """One token: its installation, how long it lives and when it is renewed; what is left of the one that it has now.

    `left` and `due` are from now; None: it has none yet.
    """

    name: str
    installation: str
    life: timedelta
    renew_before: timedelta | None = None
    renew_before_percentage: int | None = None
    left: timedelta | None = None
    due: timedelta | None = None

    @property
    def interval(self) -> timedelta:
        """From one renewal to the next, on average."""
        earlier = self.before * schedule.JITTER_FRACTION / 2
        return max(self.life - self.before - earlier, timedelta(seconds=1))

    @property
    def before(self) -> timedelta:
        """How long before its end it is renewed."""
        return self.life - (self.next_due(_START, 0) - _START)

    def next_due(self, issued: datetime, revision: int) -> datetime:
        """When a token of that revision is renewed, spread as the operator spreads it."""
        return schedule.renewal(
            issued=issued,
            expires=issued + self.life,
            renew_before=self.renew_before,
            renew_before_percentage=self.renew_before_percentage,
            uid=self.name,
            revision=revision,
        ).due


@dataclass(frozen=True, slots=True)
class Forecast:
    """What comes of it. Times are from now; None says that it does not happen.

    `needed` and `allowed` are new tokens a minute. `lowest` and `highest` bound the `renewBefore` with which all of
    them can be renewed even where they all are due at once; where `lowest` is more than `highest`, none fits.
    """

    tokens: int
    needed: float
    allowed: float
    served: timedelta | None
    expires: timedelta | None
    expired: str | None
    lowest: timedelta
    highest: timedelta

    @property
    def fits(self) -> bool:
        """Whether there is a `renewBefore` that fits."""
        return self.lowest <= self.highest


def needed(tokens: Sequence[Planned]) -> float:
    """New tokens a minute, once all of them are renewed in turn."""
    return sum(60 / each.interval.total_seconds() for each in tokens)


def forecast(tokens: Sequence[Planned], *, per_minute: float) -> Forecast:
    """Of the tokens of one App, of which there is at least one."""
    rehearsal = _Rehearsal(tokens, per_minute)
    rehearsal.run()
    expires, expired = min(rehearsal.expired, default=(None, None))
    all_at_once = timedelta(minutes=len(tokens) / per_minute)
    return Forecast(
        tokens=len(tokens),
        needed=needed(tokens),
        allowed=per_minute,
        served=_seconds(rehearsal.served),
        expires=_seconds(expires),
        expired=expired,
        lowest=max(all_at_once, SHORTEST),
        highest=min(each.life for each in tokens) - all_at_once,
    )


def _seconds(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)


class _Rehearsal:
    """The runs of all tokens in virtual time: each asks when it is due, and its new token is there a moment later.

    `served` is when the last first token was there, and `expired` has those that expire before they are renewed. Times
    are seconds from now.
    """

    def __init__(self, tokens: Sequence[Planned], per_minute: float) -> None:
        self.expired: list[tuple[float, str]] = []
        self._tokens = tokens
        self._lanes: Lanes[int] = Lanes(requests_per_minute=per_minute, places=PLACES)
        self._expires = [each.left.total_seconds() if each.left is not None else None for each in tokens]
        self._revisions = [0] * len(tokens)
        self._without = {number for number, each in enumerate(tokens) if each.left is None}
        self.served: float | None = None if self._without else 0.0
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._serial = itertools.count()

    def run(self) -> None:
        """Once."""
        for number, each in enumerate(self._tokens):
            self._at(max((each.due or timedelta()).total_seconds(), 0.0), partial(self._ask, number))
        until, looks = max(each.life for each in self._tokens).total_seconds() * (1 + RENEWALS), set[float]()
        while self._events and self._events[0][0] <= until:
            now, _, act = heapq.heappop(self._events)
            act(now)
            for granted in self._lanes.grant(now):
                self._at(now, partial(self._ask, granted))
            if (look := self._lanes.next_at(now)) is not None and look > now and look not in looks:
                looks.add(look)
                self._at(look, lambda _now: None)
        for each, expires in zip(self._tokens, self._expires, strict=True):
            if expires is not None and expires < until:
                self.expired.append((expires, each.name))

    def _at(self, time: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (time, next(self._serial), act))

    def _lane(self, number: int) -> Lane:
        return Lane("host", "credential", self._tokens[number].installation)

    def _ask(self, number: int, now: float) -> None:
        expires = self._expires[number]
        deadline = FIRST_TOKEN.total_seconds() if expires is None else expires
        if self._lanes.ask(number, self._lane(number), deadline=deadline, points=WRITE, now=now):
            self._lanes.used(number)
            self._at(now + ANSWER, partial(self._answered, number))

    def _answered(self, number: int, now: float) -> None:
        """The new token is there."""
        self._lanes.answered(self._lane(number), now)
        self._lanes.leave(number, now)
        token, expired = self._tokens[number], self._expires[number]
        if expired is not None and expired < now:
            self.expired.append((expired, token.name))
        self._expires[number] = now + token.life.total_seconds()
        self._revisions[number] += 1
        due = token.next_due(_START + timedelta(seconds=now), self._revisions[number]) - _START
        self._at(due.total_seconds(), partial(self._ask, number))
        self._without.discard(number)
        if self.served is None and not self._without:
            self.served = now
