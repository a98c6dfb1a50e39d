"""A proxy in the environment is for GitHub: the API server is asked through one only if the kubeconfig says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.integration.operator.conftest import new_namespace, world_in

if TYPE_CHECKING:
    from github_simulator.process import SimulatorProcess
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.conftest import Cluster


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
        world.app()
        world.installation_token()
        world.wait_ready()
        # GitHub is: this host is not on the list that Go's programs spare.
        world.github_app(world.register(), "away", apiURL="https://api.github.com", webURL="https://github.com")
        world.app_secret(world.register(), "away-app")
        world.wait_until(lambda: "the proxy does not answer" in world.log(), "a request through the proxy")
