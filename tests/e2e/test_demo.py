"""`make demo` as a user runs it: what it says, how it ends, and that nothing is left behind.

Each run has a temporary folder of its own, in which its files are, and a variable that all its processes inherit.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.e2e.marked import MarkedRun

REPOSITORY: Final = Path(__file__).parents[2]
GOES_ON: Final = 240.0
"""Seconds after which a demo that does not end is killed: the test then fails."""
ROTATED: Final = re.compile(
    r"^\d\d:\d\d:\d\d  (\w+) rotated: revision (\d+), expires \d\d:\d\d:\d\d → \d\d:\d\d:\d\d, Secret (\w+)$",
    re.MULTILINE,
)

pytestmark = pytest.mark.timeout(300)


class Demo(MarkedRun):
    """A running `make demo`, in a process group of its own, as in a terminal."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        # A make around this test must not tell the inner one what to do; nor does anybody set what the demo reads.
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "GITHUBTOKEN_"))
        }
        super().__init__(
            folder,
            ["make", "demo", *arguments],
            goes_on=GOES_ON,
            environment=inherited,
            cwd=REPOSITORY,
            start_new_session=True,
        )


@contextmanager
def running_demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    demo = Demo(folder, *arguments)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            os.killpg(demo.process.pid, signal.SIGKILL)
            demo.process.wait()


def nothing_is_left(demo: Demo) -> bool:
    assert demo.survivors() == []
    assert list(demo.folder.iterdir()) == []
    return True


def test_the_demo_ends_by_itself_when_every_token_was_rotated_and_always_valid(tmp_path: Path) -> None:
    with running_demo(tmp_path, "SECONDS=60") as demo:
        # The marker works: were it not for it, nothing could ever be found to be left.
        begun = demo.read_until("ready at https://127.0.0.1:")
        assert any("kube-apiserver" in command for command in demo.survivors())
        code, said = demo.end()
    said = begun + said
    assert code == 0, said
    rotations = [(name, int(revision), secret) for name, revision, secret in ROTATED.findall(said)]
    assert {(name, secret) for name, _, secret in rotations} == {("alice", "alice"), ("ci", "ci")}
    for name in ("alice", "ci"):
        revisions = [revision for other, revision, _ in rotations if other == name]
        assert revisions == list(range(2, 2 + len(revisions)))
    assert re.search(
        r"^All went well\. Rotated: alice .+, ci .+\. GitHub took the token at each of \d+ looks\.$", said, re.MULTILINE
    )
    assert re.search(r"^  NAME +READY +REASON +KIND +SECRET +EXPIRES +RENEWS +AGE$", said, re.MULTILINE)
    assert re.search(r"^  alice +True +Fresh +User +alice ", said, re.MULTILINE)
    assert re.search(r"^  ci +True +Fresh +Installation +ci ", said, re.MULTILINE)
    assert "kind: GitHubApp" in said
    assert "kind: GitHubToken" in said
    assert re.search(r"kubectl --kubeconfig \S+", said)
    assert re.search(r"curl -s http://127\.0\.0\.1:\d+/metrics", said)
    assert "FAILED" not in said
    assert not re.search(r"gh[a-z]_\w", said), "a token was printed"
    assert "PRIVATE KEY" not in said
    assert "\x1b" not in said, "control characters without a terminal"
    assert nothing_is_left(demo)


@pytest.mark.parametrize(
    ("number", "until"),
    [
        pytest.param(signal.SIGINT, "starting a Kubernetes control plane", id="Ctrl-C while the control plane starts"),
        pytest.param(signal.SIGINT, "ci is there", id="Ctrl-C after the first Secret"),
        pytest.param(signal.SIGTERM, "starting the operator", id="SIGTERM while the operator starts"),
    ],
)
def test_a_demo_that_is_interrupted_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, until: str) -> None:
    with running_demo(tmp_path) as demo:
        demo.read_until(until)
        # A terminal sends Ctrl-C to the whole group.
        os.killpg(demo.process.pid, number)
        code, said = demo.end()
    assert code != 0
    assert "Ended. Nothing is left behind." in said
    assert "Traceback" not in said
    assert nothing_is_left(demo)


def test_a_demo_that_is_too_short_and_has_a_revoked_token_fails_and_says_which_and_when(tmp_path: Path) -> None:
    with running_demo(tmp_path, "SECONDS=12") as demo:
        said = demo.read_until("tail -f")
        revoke("ci", said)
        code, rest = demo.end()
    assert code != 0
    assert re.search(r"^\d\d:\d\d:\d\d  ci FAILED: GitHub refuses the token of revision 1$", rest, re.MULTILINE)
    assert re.search(r"^  ci failed at \d\d:\d\d:\d\d: GitHub refuses the token of revision 1$", rest, re.MULTILINE)
    assert "alice failed" not in rest
    for name in ("alice", "ci"):
        assert f"{name} was not rotated: it is still at revision 1" in rest
    assert nothing_is_left(demo)


def revoke(name: str, said: str) -> None:
    """Revokes an installation token as whoever holds it may, by what the demo tells everybody."""
    alias = re.search(r"alias k='(\S+) --kubeconfig (\S+) -n demo'", said)
    api = re.search(r"REST API (http://\S+),", said)
    assert alias is not None
    assert api is not None
    kubectl = [str(Path(alias[1]).expanduser()), f"--kubeconfig={alias[2]}", "--namespace=demo"]
    encoded = subprocess.check_output([*kubectl, "get", "secret", name, "--output=jsonpath={.data.token}"])
    token = base64.b64decode(encoded).decode()
    answer = httpx.delete(f"{api[1]}/installation/token", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert answer.status_code == 204


def test_a_wrong_flag_gets_one_clear_line(tmp_path: Path) -> None:
    with running_demo(tmp_path, "SECONDS=soon") as demo:
        code, said = demo.end()
    assert code != 0
    assert "must be a whole number of seconds from 1 to 86400, such as 90, not 'soon'" in said
    assert "Traceback" not in said
    assert nothing_is_left(demo)
