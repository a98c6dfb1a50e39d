"""Times as Kubernetes and GitHub write them: RFC 3339 in UTC, whole seconds.

Sub-second parts are cut off: status stores seconds, and a recomputed time with a fraction would differ for ever.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9000
"""A time beyond is nobody's, and what is reckoned from it would leave the calendar."""


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
