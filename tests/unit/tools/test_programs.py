from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcluster.errors import BinariesError
from localcluster.programs import ETCD, KUBE_APISERVER, KUBECTL, Program, Version, parse_version, version_of

if TYPE_CHECKING:
    from tests.unit.tools.conftest import ProgramFolder


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("Kubernetes v1.34.4", Version(1, 34), id="kube-apiserver"),
        pytest.param("etcd Version: 3.6.4\nGit SHA: Not provided\nGo Version: go1.26.8", Version(3, 6), id="etcd"),
        pytest.param("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", Version(1, 32), id="suffix"),
        pytest.param("Kubernetes v1.35.0-rc.1+0123456", Version(1, 35), id="release candidate"),
        pytest.param("Kubernetes v0.0.0-master+$Format:%H$", Version(0, 0), id="built without a stamp"),
        pytest.param("usage: kubectl [flags]", None, id="no version"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_version_is_read_from_what_a_program_prints(text: str, version: Version | None) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("program", "version", "fits"),
    [
        pytest.param(KUBE_APISERVER, Version(1, 32), True, id="the floor"),
        pytest.param(KUBE_APISERVER, Version(1, 100), True, id="numbers are not compared as text"),
        pytest.param(KUBE_APISERVER, Version(1, 31), False, id="older"),
        pytest.param(KUBE_APISERVER, Version(0, 0), False, id="unstamped"),
        pytest.param(KUBECTL, Version(2, 0), False, id="another major release"),
        pytest.param(ETCD, Version(3, 5), True, id="etcd's floor"),
        pytest.param(ETCD, Version(3, 4), False, id="older etcd"),
    ],
)
def test_a_version_fits_from_the_floor_on_within_its_major_release(
    program: Program, version: Version, *, fits: bool
) -> None:
    assert program.accepts(version) is fits


def test_a_program_that_fails_is_named(program_folder: ProgramFolder) -> None:
    path = program_folder("bin", {"etcd": ""}, script="exit 3") / "etcd"
    with pytest.raises(BinariesError, match=r"bin/etcd` could not be asked for its version.*exit status 3"):
        version_of(ETCD, path)


def test_a_program_that_tells_no_version_is_quoted(program_folder: ProgramFolder) -> None:
    path = program_folder("bin", {"etcd": ""}, script="echo hello") / "etcd"
    with pytest.raises(BinariesError, match=r"did not tell its version, but printed 'hello"):
        version_of(ETCD, path)
