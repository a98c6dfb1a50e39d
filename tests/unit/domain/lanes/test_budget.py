"""A credential's points: never more than a minute's in any minute, a small burst, and half the pace after a limit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.lanes.budget import BURST, PACE, READ, WINDOW, WRITE, Budget


def spend(budget: Budget, points: float, now: float) -> float:
    """Spends them as soon as they are free, and says when that was."""
    at = max(now, budget.free_at(points, now))
    budget.take(points, at)
    return at


@pytest.mark.parametrize("most", [0, -1, math.nan, math.inf])
def test_a_budget_needs_a_number_of_points(most: float) -> None:
    with pytest.raises(ValueError, match="greater than zero"):
        Budget(most)


def test_a_burst_goes_at_once_and_then_a_fifth_of_the_minutes_points_each_second() -> None:
    budget = Budget(900)
    assert [spend(budget, WRITE, 0.0) for _ in range(20)] == [0.0] * 20
    times = [0.0]
    for _ in range(40):
        times.append(spend(budget, WRITE, times[-1]))
    assert times[-1] == pytest.approx(40 * WRITE / (900 * PACE), abs=0.05)


def test_the_rest_of_a_minutes_points_comes_when_the_first_are_a_minute_old() -> None:
    budget, times = Budget(900), [0.0]
    for _ in range(300):
        times.append(spend(budget, WRITE, times[-1]))
    assert times[180] < 10
    assert times[181] >= WINDOW
    assert times[-1] < WINDOW + 10


def test_after_a_limit_nothing_goes_at_once_and_the_pace_is_half() -> None:
    budget = Budget(900)
    budget.slow_down(60.0, 0.0)
    times = [spend(budget, WRITE, 0.0)]
    for _ in range(18):
        times.append(spend(budget, WRITE, times[-1]))
    assert times[-1] == pytest.approx(18 * WRITE / (900 * PACE / 2), abs=0.05)


@given(
    takes=st.lists(st.tuples(st.floats(0, 3), st.sampled_from([READ, WRITE])), min_size=1, max_size=20),
    half=st.floats(0, 10),
    looks=st.lists(st.floats(0, 60), max_size=40).map(sorted),
)
def test_asking_when_points_are_free_changes_nothing(
    takes: list[tuple[float, int]], half: float, looks: list[float]
) -> None:
    asked, plain, now = Budget(100), Budget(100), 0.0
    for budget in (asked, plain):
        budget.slow_down(half, 0.0)
    for pause, points in takes:
        for look in looks:
            if look <= pause:
                asked.free_at(WRITE, now + look)
        now += pause
        for budget in (asked, plain):
            budget.take(points, now)
    assert asked.free_at(WRITE, now) == plain.free_at(WRITE, now)


def test_a_pause_at_half_the_pace_ends_also_for_one_that_waits_already() -> None:
    budget = Budget(900)
    budget.slow_down(1.0, 0.0)
    for _ in range(19):
        budget.take(WRITE, 0.0)
    # 90 points of the first second, at half the pace, and five of the next.
    assert budget.free_at(WRITE, 0.0) == pytest.approx(1 + 5 / 180)


def test_what_was_not_used_is_given_back() -> None:
    budget = Budget(900)
    spent = budget.take(900, 0.0)
    assert budget.free_at(WRITE, 30.0) == WINDOW
    budget.give_back(spent, WRITE)
    assert budget.free_at(WRITE, 30.0) <= 30.0


def test_even_the_smallest_budget_lets_one_write_go() -> None:
    budget = Budget(1)
    assert spend(budget, WRITE + READ, 0.0) == 0.0
    assert spend(budget, WRITE + READ, 0.0) == pytest.approx(WINDOW, abs=1)


@given(
    per_minute=st.integers(5, 3000),
    steps=st.lists(st.tuples(st.floats(0, 30), st.sampled_from([READ, WRITE, WRITE + READ])), max_size=120),
    limits=st.lists(st.tuples(st.floats(0, 600), st.floats(0, 300)), max_size=3),
)
def test_whoever_waits_as_told_never_spends_more_than_a_minutes_points_in_a_minute(
    per_minute: int, steps: list[tuple[float, int]], limits: list[tuple[float, float]]
) -> None:
    budget, now, spent = Budget(per_minute), 0.0, []
    for pause, points in steps:
        now += pause
        for at, length in limits:
            if now >= at:
                budget.slow_down(at + length, now)
        now = spend(budget, points, now)
        spent.append((now, points))
    for start, _ in spent:
        within = sum(points for at, points in spent if start <= at < start + 60)
        assert within <= max(per_minute, WRITE) + READ
        at_once = sum(points for at, points in spent if at == start)
        assert at_once <= max(per_minute * BURST, WRITE) + READ + 1e-3
