"""Times as a human reads them: the same lengths as in kubectl's AGE column, and the way to a time from now."""

from __future__ import annotations

from datetime import datetime, timedelta

from githubtoken_operator.domain.vocabulary.times import format_time, parse_time


def length(duration: timedelta) -> str:
    """`90s`, `5m30s`, `42m`, `3h12m`, `26h`, `3d4h`, `182d`: two units while the second one matters; never negative.

    The bounds are those of `HumanDuration` in k8s.io/apimachinery, without its years.
    """
    seconds = max(int(duration.total_seconds()), 0)
    minutes, hours = seconds // 60, seconds // 3600
    if seconds < 120:  # noqa: PLR2004 - the bounds explain themselves, here and below.
        return f"{seconds}s"
    if minutes < 10:  # noqa: PLR2004
        return _two(minutes, "m", seconds % 60, "s")
    if hours < 3:  # noqa: PLR2004
        return f"{minutes}m"
    if hours < 8:  # noqa: PLR2004
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:  # noqa: PLR2004
        return f"{hours}h"
    return _two(hours // 24, "d", hours % 24, "h") if hours < 192 else f"{hours // 24}d"  # noqa: PLR2004


def from_now(time: datetime, now: datetime) -> str:
    """`in 42m` or `42m ago`."""
    return f"in {length(time - now)}" if time > now else f"{length(now - time)} ago"


def shown(text: str | None, now: datetime) -> str:
    """A time of status, from now and as it stands there: `in 42m (2026-01-02T03:04:05Z)`; empty where there is none."""
    time = parse_time(text)
    return f"{from_now(time, now)} ({format_time(time)})" if time else ""


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}" + (f"{small}{small_unit}" if small else "")
