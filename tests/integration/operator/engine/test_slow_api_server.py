"""An API server that answers for Leases and is slow in all else: whatever runs ask of it, the Lease is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcluster.operator_process import start_operator
from tests.chaos.faultproxy import FaultProxy, Rule
from tests.chaos.stage import behind

if TYPE_CHECKING:
    from pathlib import Path

    from localcluster import ControlPlane
    from tests.integration.operator.stage.world import World

TOKENS = 100
"""As many runs at once, which is more than there are connections in a pool of usual size."""
SLOW = 3.0
"""Seconds that each request of a run takes: more than an attempt to renew may."""
RENEWALS = 6
"""Twice as many as a Lease lives for."""


def test_runs_that_wait_for_the_api_server_do_not_cost_the_lease(
    apart: World, plane_apart: ControlPlane, tmp_path: Path
) -> None:
    assert apart.operator.stop() == 0
    with FaultProxy(plane_apart.server, ca_file=plane_apart.ca_file) as proxy:
        log = tmp_path / "slow-log"
        flags = ("--allowed-hosts", "127.0.0.1", "--leader-elect", "--concurrency", f"{TOKENS}")
        apart.operator = start_operator(behind(plane_apart.kubeconfig, proxy, tmp_path / "slow"), log, *flags)
        try:
            apart.operator.wait_ready()
            apart.wait_until(lambda: apart.operator.leads, "a leader")
            slow = proxy.add(Rule(r"^(?!.*(/leases|watch=))", times=None, delay=SLOW))
            for number in range(TOKENS):
                # Its Secret is not there: each look asks the API server and nobody else.
                apart.personal_token(None, f"robot-{number}")
            apart.wait_until(slow.struck.is_set, "the runs")
            before = renewals(proxy)
            apart.wait_until(lambda: renewals(proxy) >= before + RENEWALS, "the Lease to be renewed beside them")
            assert apart.operator.leads
            assert "the Lease was not renewed" not in log.read_text()
        finally:
            assert apart.operator.stop() == 0


def renewals(proxy: FaultProxy) -> int:
    return sum("/leases/" in request for _time, request in proxy.writes())
