"""helm 3 and helm 4, built from the pins in `tools/helm`.

A module of their own: only the chart's tests and `make manifests` need them, and their pins must not rebuild the
control plane. One on PATH is not used, because what is rendered with it is compared with what is committed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcluster.build import MODULE, Recipe, build, built
from localcluster.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_PIN = re.compile(r"^\s*(helm\.sh/helm/v\d+|k8s\.io/client-go) v(\d+)\.(\d+)\.(\d+)(?:\s|$)", re.MULTILINE)
_KUBERNETES_VARIABLES = (
    "helm.sh/helm/v3/pkg/chartutil",
    "helm.sh/helm/v3/pkg/lint/rules",
    "helm.sh/helm/v4/pkg/chart/common",
    "helm.sh/helm/v4/pkg/chart/v2/lint/rules",
)


@dataclass(frozen=True, slots=True)
class Helm:
    """Paths of the two programs."""

    helm3: Path
    helm4: Path


def helm_stamps(go_mod: str) -> Mapping[str, str]:
    """Helm's own version, and the Kubernetes that it takes for the cluster's where it asks none; else that is 1.20."""
    pins = {name: (major, minor, patch) for name, major, minor, patch in _PIN.findall(go_mod)}
    try:
        # client-go 0.34 is of Kubernetes 1.34.
        minor = pins["k8s.io/client-go"][1]
        stamps = {
            f"{module}/internal/version.version": f"v{'.'.join(pins[module])}"
            for module in ("helm.sh/helm/v3", "helm.sh/helm/v4")
        }
    except KeyError as error:
        raise BuildError(f"`tools/helm/go.mod` must require {error.args[0]} in a release version") from error
    for package in _KUBERNETES_VARIABLES:
        stamps |= {f"{package}.k8sVersionMajor": "1", f"{package}.k8sVersionMinor": minor}
    return stamps


HELM = Recipe(
    module=MODULE / "helm",
    stamps=helm_stamps,
    outputs={"helm3": "helm.sh/helm/v3/cmd/helm", "helm4": "helm.sh/helm/v4/cmd/helm"},
    programs=["helm 3", "helm 4"],
    usual="about 4 minutes on two cores the first time, seconds when Go's cache is warm",
    command="make helm",
)


def locate_helm(environ: Mapping[str, str] = os.environ) -> Helm:
    """The programs that are built already; BinariesError when they have yet to be."""
    return _helm(built(environ, HELM))


def locate_or_build_helm(*, say: Callable[[str], None]) -> Helm:
    """The programs, built if need be; `say` gets a line at the start of a build and one a minute."""
    return _helm(build(os.environ, say, HELM))


def _helm(folder: Path) -> Helm:
    return Helm(helm3=folder / "helm3", helm4=folder / "helm4")
