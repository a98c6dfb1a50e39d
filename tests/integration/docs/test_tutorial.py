"""docs/tutorial.md: what a reader types on the simulator, typed from the page.

The cluster of the page's first step is the tests' own; the ports are free ones.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from localcluster import Binaries, ControlPlane
from tests.integration.docs import pages

PAGE = Path(__file__).parents[3] / "docs" / "tutorial.md"
PORTS = ("8401", "8402", "8403")

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing: run `make programs`")


def typed(block: str) -> str:
    """What is typed in a block, but for what makes the tests' own environment."""
    return "\n".join(line for line in pages.typed(block).splitlines() if not line.startswith("make "))


def blocks() -> list[str]:
    section = PAGE.read_text(encoding="utf-8").split("## On the simulator")[1].split("\n## ")[0]
    return [typed(block) for block in re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)]


def free_ports() -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        return [str(item.getsockname()[1]) for item in sockets]


@contextmanager
def terminal(commands: str, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A shell whose last command runs on, until the end of the block."""
    *first, last = commands.splitlines()
    script = "\n".join(["set -e", *first, f"exec {last}"])
    with subprocess.Popen(
        ["bash", "-c", script], cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_what_the_page_says_is_what_one_can_type(
    control_plane: ControlPlane, binaries: Binaries, namespace: str, tmp_path: Path
) -> None:
    cluster, github, operator, *rest = blocks()
    assert "localcluster up" in cluster
    assert "github_simulator" in github
    assert "githubtoken run" in operator

    (tmp_path / ".venv").symlink_to(sys.prefix)
    kubeconfig = tmp_path / "kubeconfig"
    shutil.copy(control_plane.kubeconfig, kubeconfig)
    control_plane.kubectl("config", "set-context", "--current", f"--namespace={namespace}", kubeconfig=kubeconfig)
    environment = os.environ | {
        "PATH": f"{binaries.kubectl.parent}:{os.environ['PATH']}",
        "KUBECONFIG": str(kubeconfig),
        "NO_PROXY": "127.0.0.1",
        # The control plane is shared with other tests and their operators.
        "GITHUBTOKEN_NAMESPACES": namespace,
        "GITHUBTOKEN_OPERATOR_NAMESPACE": namespace,
        "GITHUBTOKEN_METRICS_ADDRESS": "127.0.0.1:0",
        "GITHUBTOKEN_HEALTH_ADDRESS": "127.0.0.1:0",
    }

    def of_this_run(commands: str) -> str:
        for port, free in zip(PORTS, ports, strict=True):
            commands = commands.replace(port, free)
        return commands

    ports = free_ports()
    with terminal(of_this_run(github), tmp_path, environment) as simulator:
        assert simulator.stdout is not None
        assert ports[0] in simulator.stdout.readline()
        with terminal(of_this_run(operator), tmp_path, environment):
            last = subprocess.run(
                ["bash", "-c", "\n".join(["set -e", *map(of_this_run, rest)])],
                cwd=tmp_path,
                env=environment,
                text=True,
                capture_output=True,
                timeout=300,
                check=False,
            )
    assert last.returncode == 0, last.stderr
    assert '"full_name": "acme/website"' in last.stdout or '"full_name":"acme/website"' in last.stdout
