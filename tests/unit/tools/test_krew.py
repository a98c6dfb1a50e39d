"""The Krew plugin: what the manifest must say, and whom the archive's script runs."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

import krew

WHEEL = "githubtoken_operator-0.1.0-py3-none-any.whl"


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The archive of a wheel, as Krew unpacks it."""
    wheel = tmp_path / WHEEL
    wheel.write_bytes(b"a wheel")
    folder = tmp_path / "store"
    with tarfile.open(fileobj=io.BytesIO(krew.archive(wheel))) as tar:
        tar.extractall(folder, filter="data")
    return folder


def test_the_manifest_is_one_that_krew_takes() -> None:
    """The rules of its validation: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/."""
    made = krew.manifest("0.1.0", "https://example.com/a.tar.gz", "0" * 64)
    assert (made["apiVersion"], made["kind"]) == ("krew.googlecontainertools.github.com/v1alpha2", "Plugin")
    assert re.fullmatch(r"v\d+\.\d+\.\d+", made["spec"]["version"])
    assert len(made["spec"]["shortDescription"]) <= 50
    (platform,) = made["spec"]["platforms"]
    assert (platform["bin"], len(platform["sha256"])) == ("kubectl-githubtoken", 64)


def test_every_file_of_the_archive_is_installed(unpacked: Path) -> None:
    (platform,) = krew.manifest("0.1.0", "", "")["spec"]["platforms"]
    patterns = [each["from"] for each in platform["files"]]
    names = {path.name for path in unpacked.iterdir()}
    assert names == {"kubectl-githubtoken", "LICENSE", WHEEL}
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in names)


def test_the_same_wheel_makes_the_same_archive(tmp_path: Path) -> None:
    wheel = tmp_path / WHEEL
    wheel.write_bytes(b"a wheel")
    assert krew.archive(wheel) == krew.archive(wheel)


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("uv", "uv tool run --quiet --from {wheel} kubectl-githubtoken list -A"),
        ("pipx", "pipx run --quiet --spec {wheel} kubectl-githubtoken list -A"),
        (None, ""),
    ],
)
def test_the_script_runs_its_wheel_by_whichever_program_is_there(
    unpacked: Path, tmp_path: Path, program: str | None, says: str
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "readlink"):
        (tools / name).symlink_to(Path("/bin") / name)
    if program is not None:
        (tools / program).write_text(f'#!/bin/sh\necho {program} "$@"\n')
        (tools / program).chmod(0o755)
    # Krew starts it through a link in its own folder of programs.
    link = tmp_path / "kubectl-githubtoken"
    link.symlink_to(unpacked / "kubectl-githubtoken")
    ended = subprocess.run(
        [link, "list", "-A"], env={"PATH": str(tools)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stdout.strip() == says.format(wheel=unpacked / WHEEL)
    assert (ended.returncode == 1) == (program is None)
    assert ("needs uv or pipx" in ended.stderr) == (program is None)
