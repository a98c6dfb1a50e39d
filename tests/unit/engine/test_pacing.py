"""Requests go as fast as GitHub takes them, by App and host."""

from __future__ import annotations

import math
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from githubtoken_operator.engine.pacing import LONGEST_DELAY, Pacing

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


def test_a_pause_holds_up_that_app_on_that_host_only() -> None:
    pacing = Pacing(10)
    pacing.pause("1", HOST, 100)
    assert pacing.delay("1", HOST, 40) == 60
    assert pacing.delay("2", HOST, 40) == 0
    assert pacing.delay("1", "ghes.example.com", 40) == 0


def test_after_a_pause_requests_go_one_at_a_time() -> None:
    pacing = Pacing(60)
    pacing.pause("1", HOST, 100)
    assert taken(pacing, 100) == 1
    assert taken(pacing, 101) == 1
    assert taken(pacing, 100 + 120) == 60


def test_waiters_of_a_pause_come_back_one_after_another() -> None:
    pacing = Pacing(60)
    pacing.pause("1", HOST, 100)
    assert [pacing.delay("1", HOST, 0) for _ in range(3)] == pytest.approx([100, 101, 102])


def test_a_longer_pause_stays_when_a_shorter_one_is_stated() -> None:
    pacing = Pacing(60)
    pacing.pause("1", HOST, 100)
    pacing.pause("1", HOST, 50)
    assert pacing.paused_until("1", HOST) == 100


def test_an_app_that_was_never_paused_has_no_end_of_a_pause() -> None:
    pacing = Pacing(60)
    pacing.delay("1", HOST, 0)
    assert pacing.paused_until("1", HOST) is None
    assert pacing.paused_until("2", HOST) is None


def test_idle_apps_are_forgotten_and_busy_ones_are_not() -> None:
    pacing = Pacing(60)
    pacing.pause("paused", HOST, 10_000_000)
    for number in range(20_000):
        pacing.delay(str(number), HOST, float(number))
    assert len(pacing._buckets) <= 512
    assert pacing.paused_until("paused", HOST) == 10_000_000


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
@given(
    rate=st.integers(1, 600),
    events=st.lists(st.tuples(st.sampled_from(["ask", "pause"]), st.floats(0, 100)), max_size=60),
)
def test_nothing_goes_during_a_pause_and_a_lone_waiter_goes_in_the_end(
    rate: int, events: list[tuple[str, float]]
) -> None:
    pacing = Pacing(rate)
    now, paused = 0.0, 0.0
    for kind, seconds in events:
        if kind == "pause":
            paused = max(paused, now + seconds)
            pacing.pause("1", HOST, now + seconds)
            continue
        now += seconds
        delay = pacing.delay("1", HOST, now)
        assert delay >= 0
        assert delay > 0 or now >= paused - 1e-3
    waits = 0
    while (delay := pacing.delay("1", HOST, now)) > 0:
        now += delay
        waits += 1
        assert waits <= 3
