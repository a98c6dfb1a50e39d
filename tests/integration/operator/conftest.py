"""A world for each test: a namespace on the real API server, Apps at the simulator, and the operator as a process.

API server, simulator and operator are shared by the tests of a worker; each test has a namespace and Apps of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import pytest

from github_simulator.process import SimulatorProcess
from localcluster import Binaries, ControlPlane
from localcluster.operator_process import OperatorProcess, operator_kubeconfig, running_operator, start_operator
from tests.conftest import CRDS, REPOSITORY
from tests.integration.operator.stage.cluster import Cluster, new_namespace
from tests.integration.operator.stage.cluster_world import ClusterWorld
from tests.integration.operator.stage.world import World, world_in

RIGHTS: Final = (REPOSITORY / "deploy" / "rbac", REPOSITORY / "deploy" / "optional")
"""The rights that the chart can give, the optional ones included."""
ALLOWED_HOSTS: Final = ("--allowed-hosts", "127.0.0.1,localhost")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `both_kinds` is asked of GitHubTokens, and once more of ClusterGitHubTokens."""
    ask_both_kinds(metafunc, "world")
    ask_both_kinds(metafunc, "apart")


def ask_both_kinds(metafunc: pytest.Metafunc, fixture: str) -> None:
    """Parametrises the fixture by the kind of the tokens, where the test is marked."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if "both_kinds" in marks and fixture in metafunc.fixturenames:
        kinds = ["GitHubToken"] if "only_githubtoken" in marks else ["GitHubToken", "ClusterGitHubToken"]
        metafunc.parametrize(fixture, kinds, indirect=True)


def kind_of(request: pytest.FixtureRequest) -> type[World]:
    """The world in which a test's tokens are of the kind that it is asked of."""
    return ClusterWorld if getattr(request, "param", "") == "ClusterGitHubToken" else World


# --- fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def control_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """Another than that of the tests elsewhere: the shared operator would touch their objects until the worker ends."""
    with ControlPlane(binaries, crds=CRDS) as plane:
        yield plane


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    with closing(Cluster(control_plane)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def enterprise_server() -> Iterator[SimulatorProcess]:
    """A GitHub Enterprise Server with a private CA."""
    with SimulatorProcess("--ghes", "--tls") as simulator:
        yield simulator


@pytest.fixture(scope="session")
def operator(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """The operator that the tests of a worker share. It has the chart's rights and no others."""
    log = tmp_path_factory.mktemp("operator") / "log"
    kubeconfig = operator_kubeconfig(control_plane, *RIGHTS)
    with running_operator(kubeconfig, log, *ALLOWED_HOSTS, "--log-level", "debug") as operator:
        yield operator


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A new namespace, made without kubectl: these tests are many."""
    with new_namespace(cluster) as name:
        yield name


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    simulator: SimulatorProcess,
    operator: OperatorProcess,
    namespace: str,
) -> Iterator[World]:
    """A world whose operator is shared. The operator is alive at its end, and has met nothing that nobody foresaw."""
    with world_in(cluster, simulator, operator, namespace, kind_of(request)) as world:
        yield world
    assert operator.process.poll() is None, "the operator ended"
    assert "Traceback" not in world.log(), "the log has a traceback"


@pytest.fixture
def enterprise(
    cluster: Cluster, enterprise_server: SimulatorProcess, operator: OperatorProcess, namespace: str
) -> Iterator[World]:
    """A world on an Enterprise Server, whose operator is shared."""
    with world_in(cluster, enterprise_server, operator, namespace) as world:
        yield world
    assert "Traceback" not in world.log(), "the log has a traceback"


# --- an operator of its own, on a control plane where no other runs --------------------------------------------------


@pytest.fixture(scope="session")
def plane_apart(binaries: Binaries) -> Iterator[ControlPlane]:
    """Shared by all such tests of a worker. A module whose tests leave it otherwise than they found it has its own."""
    with ControlPlane(binaries, crds=CRDS) as plane:
        yield plane


@pytest.fixture(scope="module")
def cluster_apart(plane_apart: ControlPlane) -> Iterator[Cluster]:
    with closing(Cluster(plane_apart)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def rights(plane_apart: ControlPlane) -> Path:
    """A kubeconfig with the chart's rights. A module may change these, so each gives them anew."""
    return operator_kubeconfig(plane_apart, *RIGHTS)


@pytest.fixture
def start(rights: Path, tmp_path: Path) -> Iterator[Callable[..., OperatorProcess]]:
    """Starts a process of the operator, with the chart's rights or another kubeconfig; all write one log."""
    with ExitStack() as stack:

        def start_one(
            kubeconfig: Path | None = None,
            *more: str,
            environment: Mapping[str, str] | None = None,
            program: Sequence[str] = ("-m", "githubtoken_operator"),
        ) -> OperatorProcess:
            flags = (*ALLOWED_HOSTS, "--log-level", "debug", *more)
            operator = start_operator(
                kubeconfig or rights, tmp_path / "log", *flags, environment=environment, program=program
            )
            stack.callback(operator.stop)
            operator.wait_ready()
            return operator

        yield start_one


@pytest.fixture
def apart(
    request: pytest.FixtureRequest,
    cluster_apart: Cluster,
    simulator: SimulatorProcess,
    start: Callable[..., OperatorProcess],
) -> Iterator[World]:
    """A world with an operator of its own, which the test may end and start again."""
    with (
        new_namespace(cluster_apart) as name,
        world_in(cluster_apart, simulator, start(), name, kind_of(request)) as world,
    ):
        yield world
    assert "Traceback" not in world.log(), "the log has a traceback"
