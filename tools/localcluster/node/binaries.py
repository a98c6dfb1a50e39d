"""The node's programs: those that are built from the pins in `tools/node`, and those of Debian.

A module of its own, as helm's: only `make e2e` needs a node, and its pins must not rebuild the control plane. They are
of Kubernetes 1.34, since later kubelets want cgroup v2, which not every machine has; so a control plane of that version
is built with them.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from localcluster.binaries import Binaries
from localcluster.build import CONTROL_PLANE, MODULE, Recipe, build, built, kubernetes_stamps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PACKAGES: Final = Path(__file__).parents[2] / "node" / "programs.txt"
"""The programs of Debian, each with its package; `make programs` reads such a list too."""
CNI_FOLDER: Final = Path("/usr/lib/cni")
"""Where Debian's containernetworking-plugins are."""
NODE: Final = Recipe(
    module=MODULE / "node",
    stamps=kubernetes_stamps,
    outputs={"": "tool"},
    renames=CONTROL_PLANE.renames,
    programs=["kubelet", "kube-proxy", "kube-scheduler and their control plane"],
    usual="about 10 minutes on two cores the first time, seconds when Go's cache is warm",
    command="make node",
)


@dataclass(frozen=True, slots=True)
class NodeBinaries:
    """Paths of what is built: a node's three programs, and the control plane of their version."""

    control_plane: Binaries
    kubelet: Path
    kube_proxy: Path
    kube_scheduler: Path


def locate_node(environ: Mapping[str, str] = os.environ) -> NodeBinaries:
    """The programs that are built already; BinariesError when they have yet to be."""
    return _in(built(environ, NODE))


def locate_or_build_node(*, say: Callable[[str], None]) -> NodeBinaries:
    """The programs, built if need be; `say` gets a line at the start of a build and one a minute."""
    return _in(build(os.environ, say, NODE))


def missing_packages() -> list[str]:
    """Debian's packages that a node needs and this machine lacks."""
    lines = (line.split() for line in PACKAGES.read_text(encoding="ascii").splitlines())
    wanted = [line for line in lines if line and not line[0].startswith("#")]
    return list(dict.fromkeys(package for program, package in wanted if shutil.which(program) is None))


def _in(folder: Path) -> NodeBinaries:
    return NodeBinaries(
        control_plane=Binaries.of(folder),
        kubelet=folder / "kubelet",
        kube_proxy=folder / "kube-proxy",
        kube_scheduler=folder / "kube-scheduler",
    )
