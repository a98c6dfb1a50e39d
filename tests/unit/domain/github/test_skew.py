"""A host's clock is what most of its answers say, and one machine with a wrong clock changes nothing."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.github.skew import READINGS, TOLERANCE, Skew

WRONG = timedelta(hours=1)
seconds = st.integers(-2, 2).map(lambda number: timedelta(seconds=number))


def after(*readings: timedelta) -> timedelta:
    skew = Skew()
    for reading in readings:
        skew = skew.read(reading)
    return skew.value


def test_nothing_is_known_before_the_first_answer() -> None:
    assert after() == timedelta()


def test_the_first_answer_is_taken_for_true() -> None:
    assert after(WRONG) == WRONG


def test_one_wrong_answer_changes_nothing_and_two_in_a_row_are_a_clock_that_was_set() -> None:
    right = timedelta(seconds=1)
    assert after(right, WRONG) == right
    assert after(right, WRONG, right, WRONG, right) == right
    assert after(right, WRONG, WRONG) == WRONG
    assert after(right, WRONG, -WRONG) == right


def test_a_first_answer_that_was_wrong_is_overruled_by_the_next_two() -> None:
    right = timedelta(0)
    assert after(WRONG, right, right) == right


def test_a_clock_that_drifts_is_followed() -> None:
    drift = [timedelta(seconds=number) for number in range(60)]
    assert abs(after(*drift) - drift[-1]) <= TOLERANCE


@given(st.lists(seconds, min_size=2, max_size=20), st.integers(0, 20))
def test_among_answers_that_agree_a_single_other_one_never_counts(right: list[timedelta], where: int) -> None:
    place = 1 + where % len(right)
    assert abs(after(*right[:place], WRONG, *right[place:])) <= timedelta(seconds=2)


@given(st.lists(st.integers(-5000, 5000).map(lambda number: timedelta(seconds=number)), max_size=30))
def test_no_more_is_kept_than_counts(readings: list[timedelta]) -> None:
    skew = Skew()
    for reading in readings:
        skew = skew.read(reading)
    assert len(skew.readings) <= READINGS
    assert not readings or skew.value in readings
