"""The Pythons between which the product must not differ: the oldest that it supports, and the one in the image.

    python tools/pythons.py

makes an environment for each, from the lock file, in `.venv/pythons`; what is not on this machine is told and passed
over. The test `tests/pythons` runs the tests that are marked `every_python` in them. The versions are read where they
are decided: `requires-python` in pyproject.toml, and the base image in the Dockerfile.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY: Final = Path(__file__).resolve().parents[1]
ENVIRONMENTS: Final = REPOSITORY / ".venv" / "pythons"
_LOCK: Final = REPOSITORY / "requirements-dev.lock"
_VERSION: Final = re.compile(r"(\d+\.\d+)")
_IMAGE: Final = re.compile(r"^ARG PYTHON_IMAGE=\S*python:(\d+\.\d+)", re.MULTILINE)


def oldest() -> str:
    """The oldest Python that is supported, such as `3.11`."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return _found(_VERSION, project["requires-python"], "`requires-python` in pyproject.toml")


def shipped() -> str:
    """The Python of the image, such as `3.13`."""
    return _found(_IMAGE, (REPOSITORY / "Dockerfile").read_text(encoding="utf-8"), "`PYTHON_IMAGE` in the Dockerfile")


def running() -> str:
    """The Python that asks."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def find(version: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """A Python of that version that can make environments: on `PATH`, else the newest that pyenv has."""
    return next((python for python in _candidates(version, environ) if _works(python, version)), None)


def environment(version: str) -> Path | None:
    """The Python of the environment that was made for that version; None where there is none, or an outdated one."""
    folder = ENVIRONMENTS / version
    made_of = folder / "made-of"
    current = made_of.exists() and made_of.read_text(encoding="utf-8") == _inputs()
    return folder / "bin" / "python" if current else None


def make(version: str, python: Path) -> None:
    """Makes the environment anew, as `make venv` makes the usual one."""
    folder = ENVIRONMENTS / version
    subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    pip: list[str | Path] = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "--requirement", _LOCK], check=True)
    subprocess.run([*pip, "--no-build-isolation", "--editable", REPOSITORY], check=True)
    (folder / "made-of").write_text(_inputs(), encoding="utf-8")


def main() -> int:
    """Makes what is missing; what cannot be made is no failure, since the test says so too."""
    for version in sorted({oldest(), shipped()} - {running()}):
        if environment(version) is not None:
            continue
        python = find(version)
        if python is None:
            print(f"Python {version} is not here: what differs between Pythons is not tested on it")
        else:
            print(f"making an environment for Python {version}")
            make(version, python)
    return 0


def _candidates(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    on_path = shutil.which(f"python{version}", path=environ.get("PATH", os.defpath))
    if on_path:
        yield Path(on_path)
    root = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME") or Path.home()) / ".pyenv")
    by_patch = sorted(root.glob(f"versions/{version}.*/bin/python{version}"), key=_patch, reverse=True)
    yield from by_patch


def _patch(python: Path) -> int:
    patch = python.parents[1].name.rpartition(".")[2]
    return int(patch) if patch.isdecimal() else -1


def _works(python: Path, version: str) -> bool:
    """A shim of pyenv is on PATH for versions that it does not run."""
    asked = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        told = subprocess.run([python, "-c", asked], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return False
    return told.returncode == 0 and told.stdout.strip() == version


def _found(pattern: re.Pattern[str], text: str, where: str) -> str:
    found = pattern.search(text)
    if found is None:
        raise ValueError(f"{where} must name a version of Python such as 3.13")
    return found[1]


def _inputs() -> str:
    """What an environment is made of; another digest is another environment."""
    files = (_LOCK, REPOSITORY / "pyproject.toml")
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
