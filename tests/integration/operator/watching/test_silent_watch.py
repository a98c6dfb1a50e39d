"""Connections to the API server that stay open and carry nothing any more, as behind a load balancer that forgot them.

Nothing tells the operator of it. kopf begins a watch anew that was silent for `embedding.SILENCE`, which takes this
test as long; the requests and the Lease have time-outs of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from githubtoken_operator.watching.embedding import SILENCE
from tests.integration.operator.process.test_to_be_seen import value
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.world import world_in
from tests.integration.operator.watching.forgetting import Balancer, balancer

if TYPE_CHECKING:
    from github_simulator.process import SimulatorProcess
    from localcluster import ControlPlane
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.timeout(600)

AGE = 'githubtoken_watch_age_seconds{resource="githubtokens"}'
HEARD_AGAIN = SILENCE + 50
"""Seconds: as long as docs/monitoring.md says, and some for a busy machine."""


@pytest.fixture
def balanced(
    plane_apart: ControlPlane,
    cluster_apart: Cluster,
    simulator: SimulatorProcess,
    start: Callable[..., OperatorProcess],
    tmp_path: Path,
) -> Iterator[tuple[World, Balancer]]:
    """A world whose operator leads, and knows the API server by a balancer alone."""
    config = json.loads(plane_apart.kubeconfig.read_text())
    kubeconfig = tmp_path / "balanced"
    kubeconfig.touch(mode=0o600)
    with balancer(plane_apart.server) as between, new_namespace(cluster_apart) as name:
        config["clusters"][0]["cluster"]["server"] = between.url
        kubeconfig.write_text(json.dumps(config))
        operator = start(kubeconfig, "--leader-elect")
        with world_in(cluster_apart, simulator, operator, name) as world:
            world.wait_until(lambda: operator.leads, "a leader")
            yield world, between


def test_what_watches_lost_is_seen_within_two_minutes_and_renewals_go_on_meanwhile(
    balanced: tuple[World, Balancer],
) -> None:
    world, between = balanced
    world.app(token_life=24)
    world.installation_token("known")
    revision = world.wait_ready("known")["status"]["revision"]
    # A Lease, a request or two, and the watch of each of the five kinds.
    assert between.forget() >= 6
    world.installation_token("new")
    world.delete("Secret", "known")
    # A renewal asks no watch. A request over a forgotten connection is repeated when its time is over, perhaps over
    # another such.
    world.wait_ready("known", revision=revision + 1, within=HEARD_AGAIN)
    assert world.data("known")["token"]
    assert world.ready("new").reason == "", "the watch brings nothing"
    world.wait_until(lambda: (value(world, AGE) or 0) > SILENCE / 2, "the silence to be shown", within=HEARD_AGAIN)
    world.wait_ready("new", within=HEARD_AGAIN)
    assert (value(world, AGE) or 0) < SILENCE / 2
    world.delete("Secret", "new")
    world.wait_until(lambda: world.get("Secret", "new"), "the Secret to be restored", within=HEARD_AGAIN)
    assert world.operator.process.poll() is None, "the process has gone on, and so has its Lease"
    assert "the Lease is lost" not in world.log()
