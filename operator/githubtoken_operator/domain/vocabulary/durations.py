"""Durations as text, the way Go writes them: `20m`, `1h30m`, `90s`, `1.5h`, `250ms`.

`spec.renewBefore` and the command line's flags are written so. Signs and units below a millisecond are refused: nothing
here needs them. Arithmetic is exact down to the microsecond, which is as fine as a `timedelta` goes.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

_MICROSECONDS: Final = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000}
_PART: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|h|m|s)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")
_MAX_LENGTH: Final = 64
"""Keeps the sum far within what a `timedelta` can hold."""


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
