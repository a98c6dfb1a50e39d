"""Times are RFC 3339 in UTC, in whole seconds, both ways; durations are as Go writes them, and exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.vocabulary.times import format_duration, format_time, parse_duration, parse_time

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


# --- Durations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        pytest.param("20m", timedelta(minutes=20), id="minutes"),
        pytest.param("1h30m", timedelta(minutes=90), id="hours and minutes"),
        pytest.param("90s", timedelta(seconds=90), id="more seconds than a minute has"),
        pytest.param("1.5h", timedelta(minutes=90), id="fraction"),
        pytest.param("250ms", timedelta(milliseconds=250), id="milliseconds are not minutes"),
        pytest.param("1m1h", timedelta(minutes=61), id="any order"),
        pytest.param("0s", timedelta(0), id="nothing"),
        pytest.param("0.1s0.2s", timedelta(milliseconds=300), id="fractions add up exactly"),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20",
        "m",
        "20 m",
        "-20m",
        "+20m",
        "20d",
        "1.h",
        ".5h",
        "1e3s",
        "20M",
        "PT20M",
        "20m ",
        "\u0662\u0660m",
        "9" * 80 + "h",
    ],
)
def test_what_is_not_a_duration_is_refused_with_an_example_of_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a duration such as `20m`"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        pytest.param(timedelta(0), "0s", id="nothing"),
        pytest.param(timedelta(minutes=20), "20m", id="no empty seconds"),
        pytest.param(timedelta(hours=1, minutes=30), "1h30m", id="hours and minutes"),
        pytest.param(timedelta(hours=1, seconds=5), "1h5s", id="no empty minutes"),
        pytest.param(timedelta(days=2), "48h", id="days are hours"),
        pytest.param(timedelta(seconds=90), "1m30s", id="seconds become minutes"),
        pytest.param(timedelta(milliseconds=250), "0.25s", id="less than a second"),
        pytest.param(timedelta(minutes=1, milliseconds=10), "1m0.01s", id="fraction after minutes"),
    ],
)
def test_a_duration_is_written_with_its_largest_units_first(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


def test_a_negative_duration_is_not_written() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        format_duration(timedelta(seconds=-1))


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000_000)))
def test_what_is_written_reads_back_as_the_same(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration
