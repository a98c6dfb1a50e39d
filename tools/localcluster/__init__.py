"""A real Kubernetes control plane for tests and the demo: finds or builds its binaries, and runs them on loopback."""

from localcluster.access import PolicyRule
from localcluster.binaries import Binaries, locate, locate_or_build
from localcluster.controlplane import ControlPlane
from localcluster.errors import (
    BinariesError,
    BuildError,
    ControlPlaneError,
    KubectlError,
    LocalClusterError,
    ToolchainError,
)
from localcluster.oldest import locate_oldest

__all__ = [
    "Binaries",
    "BinariesError",
    "BuildError",
    "ControlPlane",
    "ControlPlaneError",
    "KubectlError",
    "LocalClusterError",
    "PolicyRule",
    "ToolchainError",
    "locate",
    "locate_oldest",
    "locate_or_build",
]
