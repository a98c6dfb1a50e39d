"""Times as Kubernetes and GitHub write them: RFC 3339 in UTC, whole seconds.

Sub-second parts are cut off: status stores seconds, and a recomputed time with a fraction would differ for ever.
"""

from __future__ import annotations

from datetime import UTC, datetime


def parse_time(text: str | None) -> datetime | None:
    """The time that `text` names, or None where there is none or it cannot be read."""
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC).replace(microsecond=0) if parsed.tzinfo else None
    except (ValueError, OverflowError):
        return None


def format_time(time: datetime) -> str:
    """`2026-01-02T03:04:05Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
