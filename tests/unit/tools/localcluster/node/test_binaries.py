"""Where a node's programs come from, and what is said where they are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcluster.binaries import Binaries
from localcluster.build import cached_folder
from localcluster.errors import BinariesError
from localcluster.node.binaries import NODE, locate_node, missing_packages


def test_where_they_are_not_built_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BinariesError, match="run `make node`"):
        locate_node({"XDG_CACHE_HOME": str(tmp_path)})


def test_a_node_has_the_control_plane_of_its_own_version(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    folder = cached_folder(environ, NODE)
    folder.mkdir(parents=True)
    found = locate_node(environ)
    assert found.control_plane == Binaries.of(folder)
    assert {found.kubelet.parent, found.kube_proxy.parent, found.kube_scheduler.parent} == {folder}


def test_packages_are_named_whose_programs_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = tmp_path / "programs.txt"
    listed.write_text("# a comment\n\nsh       dash\nno-such-1 one\nno-such-2 one\n/no/such/program other\n")
    monkeypatch.setattr("localcluster.node.binaries.PACKAGES", listed)
    assert missing_packages() == ["one", "other"]


def test_our_list_names_a_package_for_each_program() -> None:
    text = (NODE.module / "programs.txt").read_text()
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    assert all(len(line) == 2 for line in lines)
    assert {package for _, package in lines} >= {"containerd", "runc", "containernetworking-plugins"}
