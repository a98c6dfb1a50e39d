"""Times from now read as in kubectl's AGE column."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.commands.terminal import ages
from tests.unit.builders import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(seconds=-5), "0s"),
        (timedelta(0), "0s"),
        (timedelta(seconds=1.9), "1s"),
        (timedelta(seconds=119), "119s"),
        (timedelta(minutes=2), "2m"),
        (timedelta(minutes=5, seconds=30), "5m30s"),
        (timedelta(minutes=10, seconds=30), "10m"),
        (timedelta(minutes=179), "179m"),
        (timedelta(hours=3), "3h"),
        (timedelta(hours=7, minutes=59), "7h59m"),
        (timedelta(hours=8, minutes=59), "8h"),
        (timedelta(hours=47), "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + timedelta(hours=5), "2d5h"),
        (8 * DAY + timedelta(hours=5), "8d"),
        (183 * DAY, "183d"),
    ],
)
def test_a_length_has_two_units_while_the_second_one_matters(duration: timedelta, text: str) -> None:
    assert ages.length(duration) == text


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000)))
def test_a_length_never_says_more_than_there_is(duration: timedelta) -> None:
    units = {"d": DAY, "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
    said, number = timedelta(0), ""
    for character in ages.length(duration):
        if character.isdigit():
            number += character
        else:
            said, number, smallest = said + int(number) * units[character], "", units[character]
    assert said <= duration
    # What is left out is less than a tenth of what is said, or less than the smallest unit that is said.
    assert duration - said < max(smallest, said / 8)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (NOW + timedelta(minutes=42), "in 42m"),
        (NOW, "0s ago"),
        (NOW - timedelta(minutes=42), "42m ago"),
    ],
)
def test_a_time_is_in_the_future_or_ago(time: datetime, text: str) -> None:
    assert ages.from_now(time, NOW) == text


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("2026-03-01T12:42:00Z", "in 42m (2026-03-01T12:42:00Z)"),
        ("2026-03-01T11:18:00Z", "42m ago (2026-03-01T11:18:00Z)"),
        (None, ""),
        ("tomorrow", ""),
    ],
)
def test_a_time_of_status_is_shown_from_now_and_as_it_stands_there(status: str | None, text: str) -> None:
    assert ages.shown(status, NOW) == text
