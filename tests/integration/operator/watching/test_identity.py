"""Nothing is remembered by what an object is merely called, and nothing is lost by what a watch has not told yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from github_simulator.control_client import sha256
from localcluster.operator_process import start_operator
from tests.chaos.faultproxy import FaultProxy, Rule
from tests.chaos.stage import behind
from tests.integration.operator.conftest import ALLOWED_HOSTS
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from github_simulator.process import SimulatorProcess
    from localcluster import ControlPlane
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World

    Start = Callable[..., OperatorProcess]

SHA256 = "githubtoken.dev/token-sha256"
LAG = 6.0
"""Seconds that a watch needs to come back."""


@pytest.fixture
def api(plane_apart: ControlPlane) -> Iterator[FaultProxy]:
    """A proxy before the API server."""
    with FaultProxy(plane_apart.server, ca_file=plane_apart.ca_file) as proxy:
        yield proxy


@pytest.fixture
def lagging(
    rights: Path, cluster_apart: Cluster, simulator: SimulatorProcess, api: FaultProxy, tmp_path: Path
) -> Iterator[World]:
    """A world whose operator sees the API server through that proxy."""
    kubeconfig = behind(rights, api, tmp_path / "kubeconfig")
    with ExitStack() as stack:
        operator = start_operator(kubeconfig, tmp_path / "log", *ALLOWED_HOSTS, "--log-level", "debug")
        stack.callback(operator.stop)
        operator.wait_ready()
        namespace = stack.enter_context(new_namespace(cluster_apart))
        world = stack.enter_context(world_in(cluster_apart, simulator, operator, namespace))
        stack.callback(api.clear)
        yield world


def test_what_was_written_on_old_news_conflicts_and_is_written_anew(lagging: World, api: FaultProxy) -> None:
    lagging.ready_token()
    api.add(Rule(r"GET /api/v1/secrets\?.*watch=", delay=LAG, times=None))
    api.cut_watches()
    # Nobody tells the operator of it, so what it knows of the Secret is old when it writes the next token.
    lagging.secret_key("ci", "theirs", "kept")
    lagging.annotate("ci", refresh_requested_at="now")
    lagging.wait_ready(revision=2)
    assert lagging.data("ci")["theirs"] == "kept"
    assert sha256(lagging.data("ci")["token"]) == lagging.found("ci", kind="Secret")["metadata"]["annotations"][SHA256]
    assert len(lagging.requests("mint")) == 2


def test_a_secret_that_was_deleted_without_a_word_is_made_again(lagging: World, api: FaultProxy) -> None:
    lagging.ready_token()
    api.add(Rule(r"GET /api/v1/secrets\?.*watch=", delay=LAG, times=None))
    api.cut_watches()
    lagging.delete("Secret", "ci")
    lagging.annotate("ci", refresh_requested_at="now")
    lagging.wait_ready(revision=2)
    assert lagging.data("ci")["token"]
    assert len(lagging.requests("mint")) == 2


def test_an_app_that_is_made_anew_under_its_name_inherits_no_refusal(world: World) -> None:
    app, other = world.register(), world.register()
    world.install(app)
    world.app_secret(app)
    # Before anybody asks: an App that was accepted once is not looked at again for an hour.
    world.github.delete_key(other)
    world.github_app(app, appID=other.id, clientID=None)
    world.installation_token()
    world.wait_reason("ci", "AuthenticationFailed")
    world.wait_reason("acme", "AuthenticationFailed", kind="GitHubApp")
    world.delete("GitHubApp", "acme")
    world.github_app(app)
    # Sooner than the minute after which a refused App is looked at again.
    world.wait_ready("acme", kind="GitHubApp", within=45)
    world.wait_ready("ci", within=45)


def test_a_restart_writes_nothing_to_an_app(apart: World, start: Start) -> None:
    apart.app()
    for number in range(4):
        apart.installation_token(f"t{number}")
        apart.wait_ready(f"t{number}")
    apart.wait_for("acme", lambda app: app["status"].get("tokens") == 4, kind="GitHubApp")
    before = apart.found("acme", kind="GitHubApp")["metadata"]["resourceVersion"]
    assert apart.operator.stop() == 0
    apart.operator = start()
    apart.wait_until(
        lambda: apart.operator.metrics().count("githubtoken_expiration_timestamp_seconds{") == 4, "four tokens"
    )
    # The count of an App's tokens waits for five seconds.
    apart.settle(7)
    assert apart.found("acme", kind="GitHubApp")["metadata"]["resourceVersion"] == before


def test_metrics_name_a_host_by_the_entry_that_admits_it(world: World) -> None:
    world.ready_token()
    labels = {
        line.split('host="')[1].split('"')[0] for line in world.operator.metrics().splitlines() if 'host="' in line
    }
    # Others have asked this operator for the second.
    assert "127.0.0.1" in labels
    assert labels <= set(ALLOWED_HOSTS[1].split(","))
