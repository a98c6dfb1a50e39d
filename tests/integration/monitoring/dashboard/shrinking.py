"""Alerts that need minutes, made to need seconds: every duration in their rules divided by one factor.

Thresholds stay as they are. Pure; a rule file as YAML gives it goes in, and one for Prometheus comes out.
"""

from __future__ import annotations

import re
from typing import Any, Final

_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART: Final = re.compile(r"(\d+)(ms|[smhdw])")
_DURATION: Final = re.compile(r"(?:\d+(?:ms|[smhdw]))+")
_RANGE: Final = re.compile(r"\[(?:\d+(?:ms|[smhdw]))+\]")


def shrink(rules: dict[str, Any], factor: int) -> dict[str, Any]:
    """The rules with their `for` and the ranges in their expressions divided; what is given stays as it is."""
    return {
        **rules,
        "groups": [{**group, "rules": [_rule(r, factor) for r in group["rules"]]} for group in rules["groups"]],
    }


def divide(duration: str, factor: int) -> str:
    """`divide("15m", 60)` is `15000ms`, at least one millisecond. Raises ValueError where it is no duration."""
    if not _DURATION.fullmatch(duration):
        raise ValueError(f"{duration!r} must be a duration of Prometheus, such as 5m or 1h30m")
    whole = sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(duration))
    return f"{max(whole // factor, 1)}ms"


def _rule(rule: dict[str, Any], factor: int) -> dict[str, Any]:
    waits = {"for": divide(rule["for"], factor)} if "for" in rule else {}
    return {**rule, **waits, "expr": _RANGE.sub(lambda found: f"[{divide(found[0][1:-1], factor)}]", rule["expr"])}
