"""Where a node's programs come from, and what is said where they are not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from localcluster.build import MODULE
from localcluster.errors import BinariesError
from localcluster.node.binaries import NODE, locate_node, missing_packages

PIN = re.compile(r"^\s*(?:require )?(\S+/\S+)(?: => \S+)? (v\d\S*)", re.MULTILINE)


def test_where_they_are_not_built_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BinariesError, match="run `make node`"):
        locate_node({"XDG_CACHE_HOME": str(tmp_path)})


def test_the_node_is_of_the_same_kubernetes_as_the_control_plane() -> None:
    """And all else that both need, so that Go compiles it once."""
    plane, node = (dict(PIN.findall((folder / "go.mod").read_text())) for folder in (MODULE, NODE.module))
    assert plane["k8s.io/kubernetes"].startswith("v1.")
    assert len(plane.keys() & node.keys()) > 100
    assert {name: node[name] for name in plane.keys() & node.keys() if node[name] != plane[name]} == {}


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
