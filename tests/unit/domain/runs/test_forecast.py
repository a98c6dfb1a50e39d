"""What becomes of the tokens of one App under GitHub's limits, in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from githubtoken_operator.domain.runs.forecast import Forecast, Planned, forecast, needed

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def first_tokens(count: int, *, installations: int = 1, **settings: timedelta) -> list[Planned]:
    return [Planned(f"token-{n}", f"{n % installations}", settings.get("life", HOUR)) for n in range(count)]


def of(tokens: Sequence[Planned], per_minute: float = 175) -> Forecast:
    return forecast(tokens, per_minute=per_minute)


def test_three_hundred_first_tokens_are_there_within_two_minutes() -> None:
    found = of(first_tokens(300))
    assert found.served is not None
    assert found.served < 110 * timedelta(seconds=1)
    assert (found.expires, found.expired, found.fits) == (None, None, True)


def test_a_token_is_renewed_every_forty_minutes_less_its_jitter() -> None:
    assert needed(first_tokens(390)) == pytest.approx(10.3, abs=0.1)


def test_more_than_can_be_made_in_a_life_expire() -> None:
    found = of(first_tokens(700), per_minute=10)
    assert found.expires is not None
    assert not found.fits


def test_more_than_are_renewed_when_they_are_due_are_renewed_later_and_live() -> None:
    found = of(first_tokens(450), per_minute=10)
    assert found.needed > found.allowed
    assert found.expires is None


def test_what_is_left_of_a_token_says_when_it_would_expire() -> None:
    late = [Planned(f"late-{n}", "1", HOUR, left=2 * MINUTE, due=timedelta()) for n in range(50)]
    assert of(late, per_minute=100).expires is None
    found = of(late, per_minute=10)
    assert found.expires == 2 * MINUTE
    assert found.expired is not None


def test_those_that_die_first_are_renewed_first() -> None:
    patient = [Planned(f"patient-{n}", "1", HOUR, left=30 * MINUTE, due=timedelta()) for n in range(100)]
    urgent = [Planned(f"urgent-{n}", "2", HOUR, left=2 * MINUTE, due=timedelta()) for n in range(10)]
    assert of([*patient, *urgent], per_minute=10).expires is None


@pytest.mark.parametrize(
    ("count", "lowest", "highest"),
    [(10, 2 * MINUTE, 59 * MINUTE), (100, 10 * MINUTE, 50 * MINUTE), (300, 30 * MINUTE, 30 * MINUTE)],
)
def test_a_renew_before_fits_between_the_time_that_all_of_them_take_and_the_life_less_that(
    count: int, lowest: timedelta, highest: timedelta
) -> None:
    found = of(first_tokens(count), per_minute=10)
    assert (found.lowest, found.highest, found.fits) == (lowest, highest, True)


def test_where_half_a_life_is_too_short_none_fits() -> None:
    assert not of(first_tokens(310), per_minute=10).fits
