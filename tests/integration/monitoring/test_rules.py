"""What promtool says of the alerts, of their unit tests, and of the page of metrics."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml
from prometheus_client import generate_latest

from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.domain.objects.view import TokenView
from tests.integration.monitoring.dashboard.shrinking import shrink
from tests.integration.monitoring.prometheus import program
from tests.integration.monitoring.scene import ALERTS, FACTOR, alerts

CASES: Final = Path(__file__).with_name("alerts_test.yaml")


def promtool(*arguments: str | Path, stdin: bytes = b"") -> None:
    result = subprocess.run(
        [program("promtool"), *arguments], input=stdin, capture_output=True, check=False, timeout=240
    )
    assert result.returncode == 0, (result.stdout + result.stderr).decode()


def test_the_rules_are_valid() -> None:
    promtool("check", "rules", ALERTS)


def test_the_shrunk_rules_are_valid(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(shrink(alerts(), FACTOR)))
    promtool("check", "rules", path)


def test_each_alert_fires_when_it_must_and_is_silent_else() -> None:
    promtool("test", "rules", CASES)


@pytest.mark.parametrize("alert", [rule["alert"] for group in alerts()["groups"] for rule in group["rules"]])
def test_the_unit_tests_see_each_alert_fire(alert: str) -> None:
    samples = [
        sample["labels"]
        for case in yaml.safe_load(CASES.read_text())["tests"]
        for test in case["promql_expr_test"]
        for sample in test["exp_samples"]
    ]
    assert any(f'alertname="{alert}"' in labels for labels in samples)


def test_the_page_of_metrics_keeps_the_conventions() -> None:
    metrics = Metrics("1.2.3")
    metrics.lead(True)
    metrics.show(TokenView("a", "ci", "Installation", "acme", "ci", "True", "AppNotFound"))
    metrics.request("api.github.com", "mint", 201, 0.1)
    metrics.rate_limit("api.github.com", "1", "2", 4999)
    metrics.clock_skew("api.github.com", 0.5)
    metrics.process.watch("githubtoken_scheduler_pending", lambda: 1)
    metrics.process.watch("githubtoken_scheduler_overdue", lambda: 0)
    metrics.process.watch("githubtoken_journal_entries", lambda: 0)
    promtool("check", "metrics", stdin=generate_latest(metrics.registry))
