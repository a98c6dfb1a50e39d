"""A thousand SIGKILLs of the real process, by `make chaos ROUNDS=1000`; a handful decides about a change."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from github_simulator.process import SimulatorProcess
from localcluster import ControlPlane
from localcluster.operator_process import operator_kubeconfig
from tests.chaos.container import Container
from tests.chaos.kill_report import kill_report
from tests.chaos.kill_rounds import KillRounds
from tests.chaos.report import write_kills
from tests.conftest import REPOSITORY
from tests.integration.operator.conftest import RIGHTS
from tests.integration.operator.stage.cluster import Cluster, new_namespace
from tests.integration.operator.stage.world import world_in

pytestmark = [pytest.mark.xdist_group("chaos")]

FEW: Final = 5
RATE_LIMIT: Final = 10_000_000
"""Requests an hour: GitHub's would end the run in minutes, and have tests of their own."""


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Callable[[str], object]:
    """A line on the terminal at once."""

    def write(line: str) -> None:
        with capfd.disabled():
            print(f"\n{line}", flush=True)  # noqa: T201 - whoever waits for an hour wants to know for what.

    return write


@pytest.fixture
def kills(
    request: pytest.FixtureRequest,
    plane: ControlPlane,
    simulator: SimulatorProcess,
    tmp_path: Path,
    say: Callable[[str], object],
) -> Iterator[KillRounds]:
    """An App and an operator in a pod, and no proxy: what is between the processes is the kernel alone."""
    cluster = Cluster(plane)
    container = Container(plane, cluster, operator_kubeconfig(plane, *RIGHTS), tmp_path)
    limit = simulator.control.settings()["rate_limit"]
    simulator.control.settings(rate_limit=RATE_LIMIT)
    try:
        with new_namespace(cluster) as namespace, world_in(cluster, simulator, container.start(), namespace) as world:
            app = world.app()
            seed = request.config.getoption("--seed")
            yield KillRounds(world, app, container, secrets.randbelow(1_000_000) if seed is None else seed, say)
    finally:
        simulator.control.settings(rate_limit=limit)
        container.remove_pod()
        cluster.close()


@pytest.mark.timeout(6 * 3600)
def test_a_kill_at_any_moment_loses_nothing_but_an_answer_on_its_way(
    request: pytest.FixtureRequest, kills: KillRounds, plane: ControlPlane, say: Callable[[str], object]
) -> None:
    rounds = request.config.getoption("--rounds")
    version = json.loads(plane.kubectl("get", "--raw=/version"))["gitVersion"]

    def write() -> None:
        if rounds:
            write_kills(REPOSITORY / "docs" / "fault-matrix.md", kill_report(kills, kubernetes=version))

    say(f"seed {kills.seed}")
    kills.run(rounds or FEW, write=write)
    assert not kills.failures, "\n".join(kills.failures)
    assert kills.double_spends == 0
