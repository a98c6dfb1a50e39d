from __future__ import annotations

from typing import Any

import pytest

from tests.integration.monitoring.dashboard.shrinking import divide, shrink


@pytest.mark.parametrize(
    ("duration", "factor", "divided"),
    [
        ("15m", 60, "15000ms"),
        ("1h30m", 60, "90000ms"),
        ("2m", 120, "1000ms"),
        ("1ms", 60, "1ms"),
        ("1w", 7, "86400000ms"),
    ],
)
def test_a_duration_is_divided_to_the_millisecond(duration: str, factor: int, divided: str) -> None:
    assert divide(duration, factor) == divided


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "5x", "-5m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration of Prometheus"):
        divide(text, 60)


def test_only_the_durations_of_a_rule_change() -> None:
    rule = {"alert": "A", "expr": "rate(x{a='5m'}[15m]) > 14 * 86400", "for": "5m", "labels": {"severity": "warning"}}
    instant = {"alert": "B", "expr": "x > 1"}
    rules: dict[str, Any] = {"groups": [{"name": "g", "rules": [rule, instant]}]}
    [group] = shrink(rules, 60)["groups"]
    assert group == {
        "name": "g",
        "rules": [
            {**rule, "expr": "rate(x{a='5m'}[15000ms]) > 14 * 86400", "for": "5000ms"},
            instant,
        ],
    }
    assert rule["for"] == "5m"
