"""An API server that has too much to do: nothing begins, one looks after it, and the log has two lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcluster.operator_process import start_operator
from tests.chaos.faultproxy import FaultProxy, Rule
from tests.chaos.stage import behind

if TYPE_CHECKING:
    from pathlib import Path

    from localcluster import ControlPlane
    from tests.integration.operator.stage.world import World

TOKENS = 40
BEGAN, ENDED = "the API server answers with 429", "the API server answers again"


def test_an_api_server_that_refuses_everything_is_looked_at_by_one(
    apart: World, plane_apart: ControlPlane, tmp_path: Path
) -> None:
    apart.app()
    assert apart.operator.stop() == 0
    with FaultProxy(plane_apart.server, ca_file=plane_apart.ca_file) as proxy:
        log = tmp_path / "outage-log"
        apart.operator = start_operator(
            behind(plane_apart.kubeconfig, proxy, tmp_path / "outage"), log, "--allowed-hosts", "127.0.0.1"
        )
        try:
            apart.operator.wait_ready()
            proxy.add(Rule(r"^(?!.*watch=)", times=None, status=429))
            for number in range(TOKENS):
                apart.installation_token(f"token-{number}")
            apart.wait_until(lambda: BEGAN in log.read_text(), "the outage to be noticed")
            before = refused(apart.operator.metrics())
            apart.settle(8)
            looks = refused(apart.operator.metrics()) - before
            proxy.clear()
            for number in range(TOKENS):
                apart.wait_ready(f"token-{number}")
        finally:
            assert apart.operator.stop() == 0
    # One after 1.75 s and the next not before, and what was under way when it began.
    assert looks < TOKENS / 2
    text = log.read_text()
    assert (text.count(BEGAN), text.count(ENDED)) == (1, 1)


def refused(metrics: str) -> float:
    """Requests that were answered with 429."""
    lines = [line for line in metrics.splitlines() if line.startswith("githubtoken_api_requests_total{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if 'code="429"' in line)
