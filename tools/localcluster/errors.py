"""What can go wrong with the local control plane.

LocalClusterError            every error of this package; its text says what to do
├── BinariesError            a given binary is missing or of another version than is needed
├── ToolchainError           there is no usable Go toolchain and none could be installed
├── BuildError               the compiler failed
├── ImagesError              an image could not be built
├── NodeError                a program of the node did not start, become ready or stay alive
└── ControlPlaneError        a process did not start, did not become ready, or ended
    └── KubectlError         kubectl ended with another exit code than 0
"""

from __future__ import annotations


class LocalClusterError(Exception):
    """Base of all errors of this package."""


class BinariesError(LocalClusterError):
    """A binary that was pointed at is missing or does not fit."""


class ToolchainError(LocalClusterError):
    """No Go toolchain could be found or installed."""


class BuildError(LocalClusterError):
    """The binaries could not be built."""


class ImagesError(LocalClusterError):
    """An image could not be built."""


class NodeError(LocalClusterError):
    """The node, or a program of it, did not start or become ready."""


class ControlPlaneError(LocalClusterError):
    """A process of the control plane did not start, become ready or stay alive."""


class KubectlError(ControlPlaneError):
    """kubectl failed.

    Attributes:
        stderr: what kubectl printed, for instance `Error from server (Forbidden): ...`.
    """

    def __init__(self, arguments: tuple[str, ...], exit_code: int, stderr: str) -> None:
        super().__init__(f"`kubectl {' '.join(arguments)}` ended with exit code {exit_code}: {stderr.strip()}")
        self.stderr = stderr
