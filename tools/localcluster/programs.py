"""The four programs of a control plane, and which of their versions fit.

The floors are what the CRDs' validation rules and the tests need; the pinned versions stand in `tools/go.mod`.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcluster.errors import BinariesError

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.\d+")
_VERSION_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Major and minor number of a release; patch releases make no difference here."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True)
class Program:
    """A program by the name of its file, how to ask it for its version, and the oldest version that fits."""

    name: str
    version_arguments: tuple[str, ...]
    at_least: Version

    def accepts(self, version: Version) -> bool:
        """Whether this version fits: not older than the floor, and of the same major release."""
        return version.major == self.at_least.major and version >= self.at_least


ETCD = Program("etcd", ("--version",), Version(3, 5))
KUBE_APISERVER = Program("kube-apiserver", ("--version",), Version(1, 32))
KUBE_CONTROLLER_MANAGER = Program("kube-controller-manager", ("--version",), Version(1, 32))
KUBECTL = Program("kubectl", ("version", "--client"), Version(1, 32))
PROGRAMS = (ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBECTL)


def parse_version(text: str) -> Version | None:
    """The first `1.2.3` or `v1.2.3` in a program's answer, or None when there is none."""
    match = _VERSION.search(text)
    return Version(int(match[1]), int(match[2])) if match else None


def version_of(program: Program, path: Path) -> Version:
    """Ask a binary for its version; BinariesError when it cannot be run or answers something else."""
    try:
        answer = subprocess.run(
            [path, *program.version_arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_VERSION_TIMEOUT_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise BinariesError(f"`{path}` could not be asked for its version: {error}") from error
    version = parse_version(answer)
    if version is None:
        raise BinariesError(f"`{path}` did not tell its version, but printed {answer[:80]!r}")
    return version
