"""Times are RFC 3339 in UTC, in whole seconds, both ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.vocabulary.times import format_time, parse_time

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        pytest.param("2026-03-01T12:00:00Z", NOON, id="as Kubernetes writes it"),
        pytest.param("2026-03-01T12:00:00+00:00", NOON, id="with an offset of zero"),
        pytest.param("2026-03-01T14:00:00+02:00", NOON, id="in another zone"),
        pytest.param("2026-03-01T12:00:00.999Z", NOON, id="a fraction is cut off"),
        pytest.param("2026-03-01T12:00:00", None, id="without a zone it names no moment"),
        pytest.param("yesterday", None, id="not a time"),
        pytest.param("0001-01-01T00:00:00+01:00", None, id="before all time in UTC"),
        pytest.param("9999-12-31T23:59:59-01:00", None, id="after all time in UTC"),
        pytest.param("9999-12-31T23:00:00Z", None, id="the last day of the calendar"),
        pytest.param("1969-12-31T23:59:59Z", None, id="before Unix"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_a_time_is_read_or_there_is_none(text: str | None, time: datetime | None) -> None:
    assert parse_time(text) == time


def test_a_time_is_written_in_utc_whatever_its_zone() -> None:
    assert format_time(NOON.astimezone(timezone(timedelta(hours=-7)))) == "2026-03-01T12:00:00Z"


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds the zone
def test_what_was_written_is_read_again(time: datetime) -> None:
    assert parse_time(format_time(time)) == time.replace(microsecond=0)


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    found = parse_time(text)
    assert found is None or found.tzinfo is UTC
