"""The one place that asks the machine for the time."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


def unix_now() -> float:
    """The same in Unix seconds, for the scheduler."""
    return utc_now().timestamp()
