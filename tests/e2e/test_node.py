"""`make e2e` in short, on machines that can run a node: what it says, and that nothing is left behind.

It needs root, Debian's packages and the binaries of `make node`; `make e2e` brings the latter two, and is the long
version.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from localcluster.errors import BinariesError
from localcluster.helm import locate_helm
from localcluster.images import why_not as why_no_images
from localcluster.node.binaries import locate_node
from localcluster.node.sandbox import CGROUPS
from localcluster.node.sandbox import why_not as why_no_node
from tests.e2e.marked import MarkedRun

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


class Run(MarkedRun):
    """A running `python -m e2e --short`."""

    def __init__(self, folder: Path) -> None:
        own = folder / "tmp"
        own.mkdir()
        self.result = folder / "result.json"
        command = [sys.executable, "-m", "e2e", "--short", "--json", str(self.result)]
        super().__init__(own, command, goes_on=GOES_ON, environment=os.environ)


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
    cells = {(cell["kind"], cell["propagation"], cell["namespaces"]): cell for cell in result["cells"]}
    alone = {(kind, way, 1) for kind in ("installation", "user") for way in ("Kubelet", "Immediate")}
    assert set(cells) == {*alone, ("user", "Immediate", 2)}
    assert [cell["invalid"] for (kind, *_), cell in cells.items() if kind == "installation"] == [0, 0]
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
