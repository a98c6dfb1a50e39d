"""Requests of one sort go as fast as they may, by whoever makes them and host."""

from __future__ import annotations

import math
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from githubtoken_operator.engine.scheduling.pacing import LONGEST_DELAY, Pacing

HOST = "api.github.com"


def taken(pacing: Pacing, now: float, *, tries: int = 1000, app: str = "1", host: str = HOST) -> int:
    """How many requests may go at that moment."""
    return sum(pacing.delay(app, host, now) == 0 for _ in range(tries))


def test_a_minutes_worth_may_go_at_once() -> None:
    assert taken(Pacing(150), 0) == 150


def test_an_idle_minute_gives_a_minutes_worth_and_no_more() -> None:
    pacing = Pacing(120)
    taken(pacing, 0)
    assert taken(pacing, 60) == 120
    assert taken(pacing, 61) == 2
    assert taken(pacing, 100_000) == 120


def test_whoever_comes_back_when_told_may_go() -> None:
    pacing = Pacing(60)
    taken(pacing, 0, tries=60)
    delay = pacing.delay("1", HOST, 0)
    assert delay == pytest.approx(1)
    assert pacing.delay("1", HOST, delay) == 0


def test_waiters_are_told_different_times() -> None:
    pacing = Pacing(60)
    taken(pacing, 0, tries=60)
    assert [pacing.delay("1", HOST, 0) for _ in range(4)] == pytest.approx([1, 2, 3, 4])


def test_each_waiter_finds_its_slot() -> None:
    pacing = Pacing(60)
    taken(pacing, 0, tries=60)
    told = [pacing.delay("1", HOST, 0) for _ in range(30)]
    assert [pacing.delay("1", HOST, time) for time in told] == [0] * 30


def test_no_waiter_is_sent_away_for_long() -> None:
    pacing = Pacing(60)
    taken(pacing, 0, tries=60)
    assert max(pacing.delay("1", HOST, 0) for _ in range(1000)) == LONGEST_DELAY


def test_one_app_does_not_slow_another() -> None:
    pacing = Pacing(10)
    taken(pacing, 0, app="1")
    assert taken(pacing, 0, app="2") == 10
    assert taken(pacing, 0, app="1", host="ghes.example.com") == 10


def test_idle_apps_are_forgotten() -> None:
    pacing = Pacing(60)
    for number in range(20_000):
        pacing.delay(str(number), HOST, float(number))
    assert len(pacing._buckets) <= 512


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_the_rate_must_be_a_positive_number(rate: float) -> None:
    with pytest.raises(ValueError, match="greater than zero"):
        Pacing(rate)


@pytest.mark.parametrize("rate", [0.5, 1, 1000])
def test_any_rate_lets_somebody_go(rate: float) -> None:
    pacing = Pacing(rate)
    assert pacing.delay("1", HOST, 1e9) == 0
    assert taken(pacing, 1e9) == max(int(rate) - 1, 0)


@settings(deadline=None)
@given(rate=st.integers(1, 60), steps=st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_no_minute_sees_more_than_burst_and_rate_allow(rate: int, steps: list[float]) -> None:
    pacing = Pacing(rate)
    now = 0.0
    gone: list[float] = []
    for step in steps:
        now += step
        gone += [now] * taken(pacing, now, tries=rate + 5)
    for first, start in enumerate(gone):
        assert bisect_left(gone, start + 60) - first <= 2 * rate + 1


@settings(deadline=None)
@given(rate=st.integers(1, 600), steps=st.lists(st.floats(0, 100), max_size=60))
def test_a_lone_waiter_goes_in_the_end(rate: int, steps: list[float]) -> None:
    pacing, now = Pacing(rate), 0.0
    for seconds in steps:
        now += seconds
        assert pacing.delay("1", HOST, now) >= 0
    waits = 0
    while (delay := pacing.delay("1", HOST, now)) > 0:
        now += delay
        waits += 1
        assert waits <= 3
