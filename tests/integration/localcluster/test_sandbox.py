"""The place for a node: what is inside, and that nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from localcluster.node.sandbox import CGROUPS, Sandbox, why_not

MARK = "SANDBOX_RUN"
WITHIN = 60.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with Sandbox() as sandbox:
        yield sandbox


def shell(sandbox: Sandbox, script: str) -> tuple[int, list[str]]:
    """Runs a script in the sandbox: its exit code, and the lines that it wrote to the file `said` of the folder."""
    code = sandbox.run(["sh", "-c", f"exec >/run/sandbox/said\n{script}"])
    return code, (sandbox.folder / "said").read_text().splitlines()


def test_the_command_is_the_first_process_and_its_exit_code_is_told(sandbox: Sandbox) -> None:
    assert shell(sandbox, "echo $$\nexit 7") == (7, ["1"])


def test_the_network_is_empty(sandbox: Sandbox) -> None:
    code, said = shell(sandbox, "ip -oneline link show")
    assert code == 0
    assert [line.split(":")[1].strip() for line in said] == ["lo"]


def test_what_is_written_to_places_with_fixed_names_stays_inside(sandbox: Sandbox) -> None:
    places = [Path(folder) / sandbox.cgroup for folder in ("/run", "/var/lib", "/var/log", "/opt")]
    code, _ = shell(sandbox, "\n".join(f"mkdir {place} || exit 1" for place in places))
    assert code == 0
    assert [place for place in places if place.exists()] == []


def test_what_is_there_already_can_be_read(sandbox: Sandbox) -> None:
    there = sorted(path.name for path in Path("/var/lib").iterdir())
    assert shell(sandbox, "ls -A1 /var/lib | LC_ALL=C sort") == (0, sorted(there, key=str.encode))


def test_a_process_does_not_outlive_the_first_one(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, sandbox.cgroup)
    code, said = shell(sandbox, "setsid sleep 1000 </dev/null & echo started")
    assert (code, said) == (0, ["started"])
    assert survivors(sandbox.cgroup) == []


def test_a_signal_is_passed_on(sandbox: Sandbox) -> None:
    """As Ctrl-C does, to the starter alone."""
    begun = sandbox.folder / "begun"

    def interrupt() -> None:
        until(begun.exists)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt).start()
    program = "import pathlib, signal\npathlib.Path('/run/sandbox/begun').touch()\nsignal.sigwait({signal.SIGTERM})"
    blocked = f"import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})\n{program}"
    assert sandbox.run([sys.executable, "-c", blocked]) == 0


def test_the_folder_and_the_cgroups_go_with_it() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with Sandbox() as sandbox:
        made = [*CGROUPS.glob(sandbox.cgroup), *CGROUPS.glob(f"*/{sandbox.cgroup}")]
        assert made != []
        for folder in made:
            (folder / "pods" / "pod").mkdir(parents=True)
    assert [path for path in (*made, sandbox.folder) if path.exists()] == []


def test_they_go_too_when_the_starter_is_killed(tmp_path: Path) -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    program = (
        "from localcluster.node.sandbox import Sandbox\n"
        "with Sandbox() as sandbox:\n"
        "    print(sandbox.folder, sandbox.cgroup, flush=True)\n"
        "    sandbox.run(['sh', '-c', 'touch /run/sandbox/begun; sleep 1000'])\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        folder, cgroup = starter.stdout.readline().split()
        until((Path(folder) / "begun").exists)
        # The pipe is the sandbox's, too: it closes when all of that is gone.
        starter.kill()
        starter.stdout.read()
    until(lambda: not Path(folder).exists() and [*CGROUPS.glob(cgroup), *CGROUPS.glob(f"*/{cgroup}")] == [])


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def survivors(mark: str) -> list[int]:
    """Processes with the mark that are still there."""
    found = (process for process in psutil.process_iter(["environ", "status"]))
    return [each.pid for each in found if (each.info["environ"] or {}).get(MARK) == mark]
