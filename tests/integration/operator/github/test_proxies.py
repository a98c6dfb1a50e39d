"""A proxy in the environment is for GitHub: the API server is asked through one only if the kubeconfig says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.integration.operator.listeners import Echo, listening
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from github_simulator.process import SimulatorProcess
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.cluster import Cluster


def test_no_password_of_a_proxy_is_shown_whatever_the_proxy_answers(
    cluster_apart: Cluster, simulator: SimulatorProcess, start: Callable[..., OperatorProcess]
) -> None:
    with listening(Echo) as proxy:
        credentials = f"user:s3cret-of-the-proxy@{proxy.url.removeprefix('http://')}"
        # One that cannot be used is told too; a value without a scheme means HTTP.
        environment = {"HTTPS_PROXY": f"http://{credentials}", "HTTP_PROXY": credentials, "ALL_PROXY": credentials}
        operator = start(environment=environment)
        with new_namespace(cluster_apart) as name, world_in(cluster_apart, simulator, operator, name) as world:
            world.canaries += ["s3cret-of-the-proxy", "user:s3cret"]
            for number in range(3):
                app = world.register()
                world.github_app(app, f"away{number}", apiURL="https://api.github.com", webURL="https://github.com")
                world.app_secret(app, f"away{number}-app")
                world.installation_token(f"ci{number}", app=f"away{number}")
            world.wait_until(lambda: len(proxy.asked) > 3, "answers of each kind", within=60)
            for number in range(3):
                world.wait_for(f"ci{number}", lambda token: token.get("status", {}).get("failedAttempts"), within=60)
            assert all(each.startswith("Basic ") for each in proxy.asked)
            assert world.leaks() == []


def test_the_api_server_is_not_asked_through_a_proxy_of_the_environment(
    cluster_apart: Cluster,
    simulator: SimulatorProcess,
    start: Callable[..., OperatorProcess],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        # Nobody listens there: whoever asks through it gets nothing.
        monkeypatch.setenv(variable, "http://user:s3cret@127.0.0.1:9")
    operator = start()
    with new_namespace(cluster_apart) as name, world_in(cluster_apart, simulator, operator, name) as world:
        world.canaries.append("s3cret")
        world.ready_token()
        # GitHub is: this host is not on the list that Go's programs spare.
        world.github_app(world.register(), "away", apiURL="https://api.github.com", webURL="https://github.com")
        world.app_secret(world.register(), "away-app")
        world.wait_until(lambda: "the proxy does not answer" in world.log(), "a request through the proxy")
