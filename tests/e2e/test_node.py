"""`make e2e` in short, on machines that can run a node: what it says, and that nothing is left behind.

It needs root, Debian's packages and the binaries of `make node`; `make e2e` brings the latter two, and is the long
version.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from localcluster.errors import BinariesError
from localcluster.helm import locate_helm
from localcluster.images import why_not as why_no_images
from localcluster.node.binaries import locate_node
from localcluster.node.sandbox import CGROUPS
from localcluster.node.sandbox import why_not as why_no_node

GOES_ON: Final = 1500.0
"""Seconds after which a run that does not end is killed: the test then fails."""
FIXED: Final = (
    "run/containerd/*",
    "opt/containerd",
    "var/lib/kubelet/*",
    "var/lib/cni/*",
    "var/log/containers/*",
    "usr/libexec/kubernetes",
)
MARK: Final = "NODE_RUN"

# The images are built in the same folder as those of the other tests.
pytestmark = [pytest.mark.xdist_group("images"), pytest.mark.timeout(1800)]


@pytest.fixture(scope="module", autouse=True)
def able() -> None:
    """Skipped where the machine cannot run a node, or has not built one yet."""
    if (reason := why_no_images() or why_no_node()) is not None:
        pytest.skip(reason)
    try:
        locate_node()
        locate_helm()
    except BinariesError as error:
        pytest.skip(str(error))


class Run:
    """A running `python -m e2e --short`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tmp"
        self.folder.mkdir()
        self.result = folder / "result.json"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "e2e", "--short", "--json", str(self.result)],
            env={**os.environ, "TMPDIR": str(self.folder), MARK: str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_until(self, text: str) -> str:
        """Reads up to the line that has the text; the end of the output is a failure."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in iter(self.process.stdout.readline, ""):
            lines.append(line)
            if text in line:
                return "".join(lines)
        raise AssertionError(f"{text!r} never came:\n{''.join(lines)}")

    def end(self) -> tuple[int, str]:
        """The exit code and the rest of what it says."""
        rest, _ = self.process.communicate(timeout=GOES_ON)
        return self.process.returncode, rest

    def survivors(self) -> list[str]:
        """Processes that were started by it and are still there."""
        found = []
        for process in psutil.process_iter(["environ", "cmdline"]):
            # None where the process ended meanwhile or is another user's.
            environment = process.info["environ"] or {}
            if environment.get(MARK) == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.info["cmdline"] or ()))
        return found


@contextmanager
def running(folder: Path) -> Iterator[Run]:
    run = Run(folder)
    # The end of the block closes the pipe and waits for the process.
    with run.process:
        try:
            yield run
        finally:
            run.process.kill()


def traces() -> set[str]:
    """Cgroups of nodes, of which another run may have some, and what a node writes to places with fixed names."""
    cgroups = {*CGROUPS.glob("localcluster-*"), *CGROUPS.glob("*/localcluster-*")}
    return {str(path) for path in cgroups | {found for place in FIXED for found in Path("/").glob(place)}}


def left(run: Run, before: set[str]) -> list[str]:
    """What there is of the run."""
    return [*run.survivors(), *map(str, run.folder.iterdir()), *sorted(traces() - before)]


def test_mounted_tokens_stay_alive_while_the_operator_is_updated_and_killed(tmp_path: Path) -> None:
    before = traces()
    with running(tmp_path) as run:
        # The marker works: were it not for it, nothing could ever be found to be left.
        said = run.read_until("helm install")
        assert any("kubelet" in command for command in run.survivors())
        assert traces() > before
        code, rest = run.end()
    said += rest
    assert code == 0, said
    result = json.loads(run.result.read_text())
    assert result["problems"] == []
    assert result["double_spends"] == 0
    assert "accepts the token" in result["helm_test"]
    cells = {(cell["kind"], cell["propagation"]): cell for cell in result["cells"]}
    assert set(cells) == {(kind, way) for kind in ("installation", "user") for way in ("Kubelet", "Immediate")}
    assert [cell["invalid"] for (kind, _), cell in cells.items() if kind == "installation"] == [0, 0]
    assert all(cell["calls"] > 0 and cell["rotations"] > 0 and cell["seconds"] for cell in cells.values())
    assert [done["what"] for done in result["disturbances"]] == ["rolling update", "the leader's pod killed and gone"]
    assert not re.search(r"gh[a-z]_\w", said + run.result.read_text()), "a token was printed"
    assert "PRIVATE KEY" not in said
    assert left(run, before) == []


def test_ctrl_c_ends_a_run_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """How it is when the run is killed: tests/integration/localcluster/test_sandbox.py."""
    before = traces()
    with running(tmp_path) as run:
        said = run.read_until("helm install")
        run.process.send_signal(signal.SIGINT)
        code, rest = run.end()
    assert code == 130, said + rest
    assert "Traceback" not in said + rest
    assert left(run, before) == []
