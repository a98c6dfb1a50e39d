"""Where the control plane's binaries come from.

The first hit wins:

1. `KUBEBUILDER_ASSETS`, a folder with etcd, kube-apiserver and kubectl. Setting it is a decision: a binary that is
   missing there or does not fit is an error and never replaced in silence. envtest's folder has no
   kube-controller-manager, so that one alone may come from one of the next places.
2. PATH, when it has all that is still missing in versions that fit. A part of them is not used: versions would mix.
3. The cache of earlier builds.
4. A build (`localcluster.build`).
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localcluster.build import build, built
from localcluster.errors import BinariesError
from localcluster.programs import ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBECTL, PROGRAMS, Program, version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"


@dataclass(frozen=True, slots=True)
class Binaries:
    """Paths of the four programs."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path

    @classmethod
    def of(cls, folder: Path) -> Binaries:
        """All four in one folder."""
        return cls(
            etcd=folder / ETCD.name,
            kube_apiserver=folder / KUBE_APISERVER.name,
            kube_controller_manager=folder / KUBE_CONTROLLER_MANAGER.name,
            kubectl=folder / KUBECTL.name,
        )


def locate(environ: Mapping[str, str] = os.environ) -> Binaries:
    """The binaries that are there already; BinariesError when they have yet to be built."""
    return _find(environ, lambda: built(environ))


def locate_or_build(environ: Mapping[str, str] = os.environ, *, say: Callable[[str], None]) -> Binaries:
    """The binaries, built if need be; `say` gets a line at the start of a build and one a minute."""
    return _find(environ, lambda: build(environ, say))


def _find(environ: Mapping[str, str], ours: Callable[[], Path]) -> Binaries:
    """Ask the places in their order; `ours` is asked for its folder only when something is still missing."""
    found = _from_assets(environ)
    found |= _from_path(environ, [program for program in PROGRAMS if program not in found])
    if len(found) < len(PROGRAMS):
        folder = ours()
        found = {program: folder / program.name for program in PROGRAMS} | found
    return Binaries(
        etcd=found[ETCD],
        kube_apiserver=found[KUBE_APISERVER],
        kube_controller_manager=found[KUBE_CONTROLLER_MANAGER],
        kubectl=found[KUBECTL],
    )


def _from_assets(environ: Mapping[str, str]) -> dict[Program, Path]:
    if not environ.get(ASSETS_VARIABLE):
        return {}
    folder = Path(environ[ASSETS_VARIABLE])
    found = {program: folder / program.name for program in PROGRAMS if (folder / program.name).is_file()}
    required = [program for program in PROGRAMS if program is not KUBE_CONTROLLER_MANAGER]
    absent = [program.name for program in required if program not in found]
    if absent:
        raise BinariesError(
            f"`{ASSETS_VARIABLE}` is {folder}, where {', '.join(absent)} must be but is not; "
            "add what is missing, or unset the variable to have the binaries built"
        )
    for program, path in found.items():
        version = version_of(program, path)
        if not program.accepts(version):
            raise BinariesError(
                f"`{path}` is version {version}, but must be {program.at_least} or a later {program.at_least.major}.x; "
                f"point `{ASSETS_VARIABLE}` at newer binaries, or unset it to have them built"
            )
    return found


def _from_path(environ: Mapping[str, str], programs: list[Program]) -> dict[Program, Path]:
    found: dict[Program, Path] = {}
    for program in programs:
        path = shutil.which(program.name, path=environ.get("PATH", os.defpath))
        if path is None:
            return {}
        found[program] = Path(path)
    for program, binary in found.items():
        try:
            version = version_of(program, binary)
        except BinariesError:
            # Nobody asked for this one: a broken binary that happens to be on PATH is as good as none.
            return {}
        if not program.accepts(version):
            return {}
    return found
