"""The stage of the fault matrix: the real operator and API server, the simulator, and a proxy before each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from github_simulator.process import SimulatorProcess
from localcluster import Binaries, ControlPlane
from localcluster.operator_process import NAMESPACE, operator_kubeconfig
from tests.chaos.faultproxy import FaultProxy
from tests.chaos.report import write_report
from tests.chaos.stage import Launch, Row, Stage, behind
from tests.conftest import CRDS, REPOSITORY
from tests.integration.operator.conftest import RIGHTS, ask_both_kinds
from tests.integration.operator.stage.cluster import Cluster, new_namespace
from tests.integration.operator.stage.cluster_world import ClusterWorld
from tests.integration.operator.stage.world import World, world_in


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `both_kinds` is asked of GitHubTokens, and once more of ClusterGitHubTokens."""
    ask_both_kinds(metafunc, "stage")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A change is decided by the short matrix."""
    if not config.getoption("--long"):
        late = [item for item in items if item.get_closest_marker("chaos_long")]
        config.hook.pytest_deselected(items=late)
        items[:] = [item for item in items if item not in late]


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether all cells run, or those that decide about a change."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def rows(request: pytest.FixtureRequest, *, long: bool) -> Iterator[list[Row]]:
    """The table; a long run of all cells writes it down."""
    found: list[Row] = []
    yield found
    if long and not request.config.getoption("keyword"):
        write_report(REPOSITORY / "docs" / "fault-matrix.md", found)


@pytest.fixture(scope="session")
def plane(binaries: Binaries) -> Iterator[ControlPlane]:
    with ControlPlane(binaries, crds=CRDS) as plane:
        yield plane


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def api(plane: ControlPlane) -> Iterator[FaultProxy]:
    with FaultProxy(plane.server, ca_file=plane.ca_file) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def github(simulator: SimulatorProcess) -> Iterator[FaultProxy]:
    with FaultProxy(simulator.web_url) as proxy:
        yield proxy


@pytest.fixture
def stage(
    *,
    request: pytest.FixtureRequest,
    plane: ControlPlane,
    simulator: SimulatorProcess,
    api: FaultProxy,
    github: FaultProxy,
    tmp_path: Path,
    rows: list[Row],
    long: bool,
) -> Iterator[Stage]:
    """A namespace with an App, and one operator; at the end no secret has shown."""
    cluster = Cluster(plane)
    for proxy in (api, github):
        proxy.clear()
    (tmp_path / "orders").touch()
    with ExitStack() as stack:
        stack.callback(cluster.close)
        namespace = stack.enter_context(new_namespace(cluster))
        kubeconfig = behind(operator_kubeconfig(plane, *RIGHTS), api, tmp_path / "kubeconfig")
        launch = Launch(plane, kubeconfig, tmp_path, stack)
        journal = tmp_path / "journal"
        make = ClusterWorld if getattr(request, "param", "") == "ClusterGitHubToken" else World
        world = stack.enter_context(world_in(cluster, simulator, launch(journal), namespace, make, home=NAMESPACE))
        # Whatever a test leaves behind, the world looks for secrets through an API server that answers.
        stack.callback(api.clear)
        app = world.register()
        world.install(app)
        world.app_secret(app)
        world.github_app(app, webURL=github.url)
        yield Stage(world, app, api, github, launch, journal, rows, long)
