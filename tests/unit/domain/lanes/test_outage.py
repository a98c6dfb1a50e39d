"""What does not answer is asked by one at a time, less and less often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.lanes.outage import FIRST_PAUSE, GROWTH, LONGEST_PAUSE, Outage


def looks(lasts: float) -> list[float]:
    """When somebody asks, of an outage that begins at second 0 and is looked at whenever that is due."""
    outage, times = Outage(), []
    outage.begin(0.0)
    while (at := outage.opens(0.0)) < lasts:
        outage.look(at)
        times.append(at)
    return times


def test_while_all_is_well_anybody_may_ask() -> None:
    outage = Outage()
    outage.look(5.0)
    assert outage.opens(5.0) == 5.0


def test_half_a_minute_costs_seventeen_looks_and_an_hour_some_two_hundred() -> None:
    assert len(looks(30.0)) == 17
    assert len(looks(3600.0)) < 200


def test_more_failures_neither_move_nor_prolong_the_wait() -> None:
    outage = Outage()
    outage.begin(0.0)
    outage.begin(1.0)
    assert outage.opens(1.0) == FIRST_PAUSE


def test_a_look_that_hung_is_not_begun_anew_at_once() -> None:
    outage = Outage()
    outage.begin(0.0)
    outage.look(2.0)
    outage.hung(15.0, 17.0)
    assert outage.opens(17.0) == 32.0
    outage.end()
    assert outage.opens(17.0) == 17.0


@given(st.floats(FIRST_PAUSE * GROWTH, 100_000.0))
def test_the_end_is_noticed_within_a_sixteenth_of_the_time_or_the_longest_pause(lasts: float) -> None:
    assert lasts - looks(lasts)[-1] <= min(lasts / GROWTH, LONGEST_PAUSE) + 1e-6
