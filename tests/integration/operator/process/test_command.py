"""`githubtoken run` where it cannot begin: one clear line, a code that is not 0, no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localcluster import Binaries, ControlPlane
from tests.integration.operator.command_line import Commands

LISTEN = ("--metrics-address", "127.0.0.1:0", "--health-address", "127.0.0.1:0")


def run(kubeconfig: Path | str, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the operator until it gives up."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("GITHUBTOKEN_")}
    return subprocess.run(
        [sys.executable, "-m", "githubtoken_operator", "run", *LISTEN, *flags],
        env={**variables, "KUBECONFIG": str(kubeconfig), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def complaint(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line in which the command says what is wrong."""
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr + ended.stdout
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, ended.stderr
    return lines[0]


@contextmanager
def taken_port() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        pytest.param(
            ("--metrics-address", "8080"), "must be an address such as `:8080`", id="an address without colon"
        ),
        pytest.param(("--namespaces", "Team_A"), "must be the name of a namespace", id="no namespace's name"),
        pytest.param(("--frobnicate",), "No such option", id="an unknown flag"),
    ],
)
def test_a_wrong_flag_is_refused_in_one_line(flags: tuple[str, ...], says: str) -> None:
    line = complaint(run("unused", *flags))
    assert says in line
    assert flags[0] in line


def test_a_wrong_variable_is_refused_in_one_line() -> None:
    line = complaint(run("unused", GITHUBTOKEN_CONCURRENCY="many"))
    assert "must be a whole number" in line


def test_without_access_to_a_cluster_it_says_so(tmp_path: Path) -> None:
    line = complaint(run(tmp_path / "no-kubeconfig"))
    assert "no access to a cluster" in line


def test_without_an_answer_from_the_cluster_it_says_so(control_plane: ControlPlane, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"https://127.0.0.1:{unused.getsockname()[1]}"
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(control_plane.kubeconfig.read_text().replace(control_plane.server, address))
        line = complaint(run(kubeconfig))
    assert "the API server cannot be reached" in line


@pytest.mark.parametrize("flag", ["--metrics-address", "--health-address"])
def test_a_port_in_use_is_told_in_one_line(control_plane: ControlPlane, flag: str) -> None:
    with taken_port() as address:
        line = complaint(run(control_plane.kubeconfig, flag, address))
    assert address in line


def test_missing_crds_are_told_in_one_line(binaries: Binaries) -> None:
    with ControlPlane(binaries) as bare:
        line = complaint(run(bare.kubeconfig))
        of_a_user = Commands(bare.kubeconfig)("list").complaint
    assert "CustomResourceDefinition of GitHubToken is not installed: run `githubtoken crds | kubectl apply" in line
    assert "CustomResourceDefinitions are not installed in this cluster: run `githubtoken crds | kubectl" in of_a_user
