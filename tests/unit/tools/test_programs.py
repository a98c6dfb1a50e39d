"""`make programs`: what is missing is installed where that can be, and said where it cannot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "tools" / "programs.sh"
PROGRAMS = (
    "curl", "buildah", "docker-registry", "faketime", "gh", "git", "htpasswd", "lua5.4", "promtool", "skopeo",
    "softhsm2-util",
)  # fmt: skip


class Machine:
    """A folder as PATH, with the programs of every machine and those that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("bash", "dirname", "mktemp", "rm", "tail", "cat"):
            found = shutil.which(name)
            assert found is not None
            (folder / name).symlink_to(found)

    def has(self, *names: str, script: str = "") -> None:
        for name in names:
            path = self.folder / name
            path.write_text(f"#!{self.folder / 'bash'}\n{script}\n")
            path.chmod(0o755)

    def install(self, *lists: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.folder), "TMPDIR": str(self.folder)}
        return subprocess.run([SCRIPT, *lists], env=environment, capture_output=True, text=True, check=True, timeout=60)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.has("id", script="echo 0")
    return machine


def test_nothing_is_done_where_all_is_there(machine: Machine) -> None:
    machine.has(*PROGRAMS)
    machine.has("apt-get", script="exit 1")
    done = machine.install()
    assert (done.stdout, done.stderr) == ("", "")


def test_only_what_is_missing_is_installed(machine: Machine) -> None:
    machine.has("buildah", "curl", "faketime", "git", "gh", "lua5.4", "promtool")
    machine.has("apt-get", script='echo "$@" >> "$TMPDIR/asked"')
    assert machine.install().stdout == "installing from Debian: docker-registry apache2-utils skopeo softhsm2\n"
    assert (machine.folder / "asked").read_text().splitlines() == [
        "update",
        "install --yes --no-install-recommends docker-registry apache2-utils skopeo softhsm2",
    ]


@pytest.mark.parametrize("why", ["no root", "no apt-get"])
def test_where_nothing_can_be_installed_it_says_so(machine: Machine, why: str) -> None:
    if why == "no root":
        machine.has("apt-get", script="exit 1")
        machine.has("id", script="echo 1000")
    machine.has(*PROGRAMS[1:])
    assert machine.install().stdout == "not installed, so the tests that need them are skipped: curl\n"


def test_another_list_can_be_given_whose_programs_need_not_be_on_path(machine: Machine) -> None:
    here = machine.folder / "bridge"
    listed = machine.folder / "list"
    listed.write_text(f"{here} containernetworking-plugins\nrunc runc\n")
    machine.has("apt-get")
    assert machine.install(str(listed)).stdout == "installing from Debian: containernetworking-plugins runc\n"
    machine.has("bridge")
    assert machine.install(str(listed)).stdout == "installing from Debian: runc\n"


def test_a_failed_installation_stops_nothing_and_shows_why(machine: Machine) -> None:
    machine.has("apt-get", script="echo no such package >&2; exit 100")
    done = machine.install()
    assert "no such package" in done.stderr
    assert "the tests that need them are skipped" in done.stderr
    assert list(machine.folder.glob("tmp.*")) == []
