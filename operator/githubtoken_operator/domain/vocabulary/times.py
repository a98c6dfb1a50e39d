"""Times as Kubernetes and GitHub write them, and durations as users do.

A time is RFC 3339 in UTC, whole seconds. Sub-second parts are cut off: status stores seconds, and a recomputed time
with a fraction would differ for ever.

A duration is written the way Go writes them: `20m`, `1h30m`, `90s`, `1.5h`, `250ms`. Signs and units below a
millisecond are refused: nothing here needs them. Arithmetic is exact down to the microsecond, which is as fine as a
`timedelta` goes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9000
"""A time beyond is nobody's, and what is reckoned from it would leave the calendar."""
_MICROSECONDS: Final = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000}
_PART: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|h|m|s)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")
_MAX_LENGTH: Final = 64
"""Keeps the sum far within what a `timedelta` can hold."""


OTHER_CLOCK: Final = timedelta(minutes=5)
"""What was noted so far ahead of now was noted by a clock that was wrong."""


def is_ahead(noted: datetime | None, now: datetime) -> bool:
    """Whether a time that was noted when something happened cannot be: nothing is to be reckoned from it."""
    return noted is not None and noted > now + OTHER_CLOCK


def parse_time(text: str | None) -> datetime | None:
    """The time that `text` names, or None where there is none or it cannot be read."""
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        time = parsed.astimezone(UTC).replace(microsecond=0) if parsed.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return time if time is not None and _FIRST_YEAR <= time.year <= _LAST_YEAR else None


def format_time(time: datetime) -> str:
    """`2026-01-02T03:04:05Z`."""
    return time.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def parse_duration(text: str) -> timedelta:
    """Read `1h30m`; the parts add up, in any order.

    Raises:
        ValueError: with a sentence that says what the text must be.
    """
    if len(text) > _MAX_LENGTH or not _WHOLE.fullmatch(text):
        raise ValueError(f"must be a duration such as `20m`, `1h30m` or `90s`, not {text[:_MAX_LENGTH]!r}")
    total = sum(Decimal(number) * _MICROSECONDS[unit] for number, unit in _PART.findall(text))
    return timedelta(microseconds=int(total))


def format_duration(duration: timedelta) -> str:
    """Write a duration with its largest units first and without empty ones: `1h30m`, `1m30s`, `0.25s`, `0s`.

    Raises:
        ValueError: for a negative duration.
    """
    microseconds = duration // timedelta(microseconds=1)
    if microseconds < 0:
        raise ValueError(f"must not be negative: {duration}")
    hours, rest = divmod(microseconds, _MICROSECONDS["h"])
    minutes, rest = divmod(rest, _MICROSECONDS["m"])
    seconds, fraction = divmod(rest, _MICROSECONDS["s"])
    text = f"{hours}h" * bool(hours) + f"{minutes}m" * bool(minutes)
    if fraction:
        return text + f"{seconds}.{fraction:06d}".rstrip("0") + "s"
    return text + f"{seconds}s" * bool(seconds or not text)
