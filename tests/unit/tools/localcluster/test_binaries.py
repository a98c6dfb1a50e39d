from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcluster.binaries import Binaries, locate, locate_or_build
from localcluster.build import cached_folder
from localcluster.errors import BinariesError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.tools.localcluster.conftest import ProgramFolder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing is found."""
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(tmp_path / "empty")}


def fill_cache(environ: dict[str, str]) -> Path:
    """Make the cache look as it does after a build; files of the cache are never run, so they may be empty."""
    folder = cached_folder(environ)
    folder.mkdir(parents=True)
    return folder


def all_in(folder: Path) -> Binaries:
    return Binaries(
        etcd=folder / "etcd",
        kube_apiserver=folder / "kube-apiserver",
        kube_controller_manager=folder / "kube-controller-manager",
        kubectl=folder / "kubectl",
    )


def unexpected(line: str) -> None:
    pytest.fail(f"a build was started: {line}")


def test_the_assets_folder_comes_first(
    environ: dict[str, str], program_folder: ProgramFolder, fitting: dict[str, str]
) -> None:
    environ["KUBEBUILDER_ASSETS"] = str(program_folder("assets", fitting))
    environ["PATH"] = str(program_folder("path", fitting))
    fill_cache(environ)
    assert locate(environ).etcd.parent.name == "assets"
    assert locate(environ) == all_in(locate(environ).etcd.parent)


def test_path_comes_before_the_cache(
    environ: dict[str, str], program_folder: ProgramFolder, fitting: dict[str, str]
) -> None:
    folder = program_folder("path", fitting)
    environ["PATH"] = str(folder)
    fill_cache(environ)
    assert locate(environ) == all_in(folder)


def test_the_cache_serves_when_nothing_is_given(environ: dict[str, str]) -> None:
    folder = fill_cache(environ)
    assert locate(environ) == all_in(folder)
    assert locate_or_build(environ, say=unexpected) == all_in(folder)


def test_nothing_found_and_nothing_built_says_which_command_builds(environ: dict[str, str]) -> None:
    with pytest.raises(BinariesError, match="not built yet; run `make tools`"):
        locate(environ)


@pytest.mark.parametrize("elsewhere", ["path", "cache"])
def test_the_controller_manager_that_envtest_lacks_comes_from_elsewhere(
    environ: dict[str, str], program_folder: ProgramFolder, fitting: dict[str, str], elsewhere: str
) -> None:
    version = fitting.pop("kube-controller-manager")
    assets = program_folder("assets", fitting)
    environ["KUBEBUILDER_ASSETS"] = str(assets)
    if elsewhere == "path":
        other = program_folder("path", {"kube-controller-manager": version})
        environ["PATH"] = str(other)
    else:
        other = fill_cache(environ)
    found = locate(environ)
    assert found.kube_controller_manager == other / "kube-controller-manager"
    assert {found.etcd.parent, found.kube_apiserver.parent, found.kubectl.parent} == {assets}


def test_what_the_assets_folder_lacks_is_named(
    environ: dict[str, str], program_folder: ProgramFolder, fitting: dict[str, str]
) -> None:
    del fitting["etcd"], fitting["kubectl"]
    environ["KUBEBUILDER_ASSETS"] = str(program_folder("assets", fitting))
    fill_cache(environ)
    with pytest.raises(BinariesError, match=r"/assets, where etcd, kubectl must be but is not"):
        locate(environ)


def test_an_assets_folder_that_is_not_there_is_an_error(environ: dict[str, str], tmp_path: Path) -> None:
    environ["KUBEBUILDER_ASSETS"] = str(tmp_path / "nowhere")
    with pytest.raises(BinariesError, match="etcd, kube-apiserver, kubectl must be but is not"):
        locate(environ)


def test_an_old_binary_in_the_assets_folder_is_an_error_with_both_versions(
    environ: dict[str, str], program_folder: ProgramFolder, fitting: dict[str, str]
) -> None:
    fitting["kube-apiserver"] = "1.28.3"
    environ["KUBEBUILDER_ASSETS"] = str(program_folder("assets", fitting))
    with pytest.raises(BinariesError, match=r"kube-apiserver` is version 1\.28, but must be 1\.32 or a later 1\.x"):
        locate(environ)


def test_an_empty_assets_variable_is_as_good_as_none(environ: dict[str, str]) -> None:
    environ["KUBEBUILDER_ASSETS"] = ""
    folder = fill_cache(environ)
    assert locate(environ) == all_in(folder)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"kubectl": "1.28.0"}, id="one is too old"),
        pytest.param({"etcd": None}, id="one is missing"),
        pytest.param({"etcd": "unknown"}, id="one tells no version"),
    ],
)
def test_binaries_on_path_are_used_all_or_none(
    environ: dict[str, str], program_folder: ProgramFolder, fitting: dict[str, str], change: dict[str, str | None]
) -> None:
    versions = {name: version for name, version in (fitting | change).items() if version is not None}
    environ["PATH"] = str(program_folder("path", versions))
    folder = fill_cache(environ)
    assert locate(environ) == all_in(folder)
