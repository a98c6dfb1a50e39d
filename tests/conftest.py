"""Fixtures for every test: one real control plane per run (per worker under xdist), and a fresh namespace per test.

It is of the newest Kubernetes. A test that is marked `every_kubernetes` runs with the API server of the oldest
supported one too; those runs are one group, so that only one worker starts it.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcluster import Binaries, ControlPlane, locate, locate_oldest

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]
CRDS = REPOSITORY / "deploy" / "crds"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run every cell of the fault matrix, and write its page")
    parser.addoption("--rounds", type=int, help="so many SIGKILLs at random moments, and write their table")
    parser.addoption("--seed", type=int, help="which moments these are; a new seed where none is given")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "control_plane" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_kubernetes"):
        oldest = pytest.param("oldest", marks=pytest.mark.xdist_group("oldest-kubernetes"))
        metafunc.parametrize("control_plane", ["newest", oldest], indirect=True, scope="session")


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """The control plane's programs; `make tools` builds them."""
    return locate()


@pytest.fixture(scope="session")
def newest_control_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    with ControlPlane(binaries, crds=CRDS) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def oldest_control_plane() -> Iterator[ControlPlane]:
    """With the API server that `make oldest` builds."""
    with ControlPlane(locate_oldest(), crds=CRDS) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> ControlPlane:
    """A running control plane with our CRDs, shared by all tests of a worker: leave it as you found it."""
    # Asked for by name, since the one that is not needed is not started, and neither ends when a test asks the other.
    cluster: ControlPlane = request.getfixturevalue(f"{getattr(request, 'param', 'newest')}_control_plane")
    return cluster


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A new namespace. It is left without objects of ours; to delete it costs a control plane more than most tests."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "githubtokens,githubapps", "--all", f"--namespace={name}", "--wait=false")
