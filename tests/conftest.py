"""Fixtures for every test: one real control plane per run (per worker under xdist), and a fresh namespace per test."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcluster import Binaries, ControlPlane, locate

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run every cell of the fault matrix, and write its page")
    parser.addoption("--rounds", type=int, help="so many SIGKILLs at random moments, and write their table")
    parser.addoption("--seed", type=int, help="which moments these are; a new seed where none is given")


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """The control plane's programs; `make tools` builds them."""
    return locate()


@pytest.fixture(scope="session")
def control_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """A running control plane with our CRDs, shared by all tests of a worker: leave it as you found it."""
    crds = REPOSITORY / "deploy" / "crds"
    with ControlPlane(binaries, crds=crds if any(crds.glob("*.yaml")) else None) as cluster:
        yield cluster


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A new namespace. Its deletion is asked for, but not waited for, since it takes seconds."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")
