"""What becomes of the tokens of one App: its lanes in virtual time, for as long as a token lives and is renewed twice.

It is the order in which the operator asks GitHub (`domain.lanes`) and the time at which it renews (`schedule`), with a
GitHub that always answers. Nothing is asked and nothing is waited for.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
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
    served, first = _rehearsed(tokens, per_minute)
    all_at_once = timedelta(minutes=len(tokens) / per_minute)
    return Forecast(
        tokens=len(tokens),
        needed=needed(tokens),
        allowed=per_minute,
        served=served,
        expires=first[0] if first else None,
        expired=first[1] if first else None,
        lowest=max(all_at_once, SHORTEST),
        highest=min(each.life for each in tokens) - all_at_once,
    )


@dataclass(frozen=True, slots=True)
class _State:
    due: float
    expires: float | None
    revision: int = 0


def _rehearsed(tokens: Sequence[Planned], per_minute: float) -> tuple[timedelta | None, tuple[timedelta, str] | None]:
    """When the last first token is there, and which is the first that expires before it is renewed, and when."""
    lanes: Lanes[int] = Lanes(requests_per_minute=per_minute, places=PLACES)
    at = [Lane("host", "credential", each.installation) for each in tokens]
    states = [
        _State((each.due or timedelta()).total_seconds(), each.left.total_seconds() if each.left is not None else None)
        for each in tokens
    ]
    without = {number for number, each in enumerate(tokens) if each.left is None}
    served: float | None = None if without else 0.0
    until = max(each.life for each in tokens).total_seconds() * (1 + RENEWALS)
    serial = itertools.count()
    events = [(max(state.due, 0.0), next(serial), number, "due") for number, state in enumerate(states)]
    heapq.heapify(events)
    looks, expired = set[float](), list[tuple[float, str]]()
    while events and events[0][0] <= until:
        now, _, number, what = heapq.heappop(events)
        if what == "due":
            deadline = states[number].expires
            urgent = FIRST_TOKEN.total_seconds() if deadline is None else deadline
            if lanes.ask(number, at[number], deadline=urgent, points=WRITE, now=now):
                lanes.used(number)
                heapq.heappush(events, (now + ANSWER, next(serial), number, "there"))
        elif what == "there":
            lanes.answered(at[number], now)
            lanes.leave(number, now)
            was = states[number]
            if was.expires is not None and was.expires < now:
                expired.append((was.expires, tokens[number].name))
            states[number] = renewed = _renewed(tokens[number], was, now)
            heapq.heappush(events, (renewed.due, next(serial), number, "due"))
            without.discard(number)
            served = now if served is None and not without else served
        for granted in lanes.grant(now):
            heapq.heappush(events, (now, next(serial), granted, "due"))
        if (look := lanes.next_at(now)) is not None and look > now and look not in looks:
            looks.add(look)
            heapq.heappush(events, (look, next(serial), -1, "look"))
    expired += [
        (state.expires, each.name)
        for state, each in zip(states, tokens, strict=True)
        if state.expires is not None and state.expires < until
    ]
    first = min(expired, default=None)
    return (
        None if served is None else timedelta(seconds=served),
        (timedelta(seconds=first[0]), first[1]) if first else None,
    )


def _renewed(token: Planned, before: _State, now: float) -> _State:
    issued = _START + timedelta(seconds=now)
    due = (token.next_due(issued, before.revision + 1) - _START).total_seconds()
    return replace(before, due=due, expires=now + token.life.total_seconds(), revision=before.revision + 1)
