"""Nothing is remembered by what an object is merely called, and no change is news to one reader only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcluster.operator_process import operator_kubeconfig, start_operator
from tests.chaos.faultproxy import FaultProxy, Rule
from tests.chaos.stage import behind
from tests.integration.operator.conftest import ALLOWED_HOSTS, RIGHTS, new_namespace, world_in

if TYPE_CHECKING:
    from github_simulator.process import SimulatorProcess
    from localcluster import ControlPlane
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.conftest import Cluster, World

    Start = Callable[..., OperatorProcess]

pytestmark = pytest.mark.xdist_group("apart-identity")

LAG = 6.0
"""Seconds that a watch needs to come back."""


@pytest.fixture
def api(plane_apart: ControlPlane) -> Iterator[FaultProxy]:
    """A proxy before the API server."""
    with FaultProxy(plane_apart.server, ca_file=plane_apart.ca_file) as proxy:
        yield proxy


@pytest.fixture
def lagging(
    plane_apart: ControlPlane,
    cluster_apart: Cluster,
    simulator: SimulatorProcess,
    api: FaultProxy,
    tmp_path: Path,
) -> Iterator[World]:
    """A world whose operator sees the API server through that proxy."""
    kubeconfig = behind(operator_kubeconfig(plane_apart, *RIGHTS), api, tmp_path / "kubeconfig")
    with ExitStack() as stack:
        operator = start_operator(kubeconfig, tmp_path / "log", *ALLOWED_HOSTS, "--log-level", "debug")
        stack.callback(operator.stop)
        operator.wait_ready()
        namespace = stack.enter_context(new_namespace(cluster_apart))
        world = stack.enter_context(world_in(cluster_apart, simulator, operator, namespace))
        stack.callback(api.clear)
        yield world


def test_a_secret_that_one_run_read_before_its_event_came_is_news_for_the_others(
    lagging: World, api: FaultProxy
) -> None:
    old, new = lagging.made_by_hand("alice"), lagging.made_by_hand("bob")
    lagging.secret("shared-pat", {"token": old}, role="seed")
    urls = {"apiURL": lagging.simulator.api_url, "webURL": lagging.simulator.web_url}
    for name in ("first", "second"):
        lagging.token(name, {"personal": {"secretRef": {"name": "shared-pat"}, **urls}})
        lagging.wait_ready(name)
    api.add(Rule(r"GET /api/v1/secrets\?.*watch=", delay=LAG, times=None))
    api.cut_watches()
    lagging.secret_key("shared-pat", "token", new)
    # This one reads the Secret by itself, while nobody tells of it.
    lagging.annotate("first", refresh_requested_at="now")
    lagging.wait_ready("first", revision=2)
    assert lagging.data("second")["token"] == old
    lagging.wait_ready("second", revision=2)
    assert lagging.data("second")["token"] == new


def test_an_app_that_is_made_anew_under_its_name_inherits_no_refusal(world: World) -> None:
    app, other = world.register(), world.register()
    world.install(app)
    world.app_secret(app)
    world.github_app(app, appID=other.id, clientID=None)
    world.github.delete_key(other)
    world.installation_token()
    world.wait_reason("ci", "AuthenticationFailed")
    world.wait_reason("acme", "AuthenticationFailed", kind="GitHubApp")
    world.delete("GitHubApp", "acme")
    world.github_app(app)
    # Sooner than a refused App is looked at again.
    world.wait_ready("acme", kind="GitHubApp", within=20)
    world.wait_ready("ci", within=20)


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
    world.app()
    world.installation_token()
    world.wait_ready()
    labels = [
        line.split('host="')[1].split('"')[0] for line in world.operator.metrics().splitlines() if 'host="' in line
    ]
    assert set(labels) == {"127.0.0.1"}
