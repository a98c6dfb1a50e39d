"""The operator's container, as kubelet treats it: killed and started again with its volumes, or gone with its pod."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localcluster.operator_process import NAMESPACE, OperatorProcess, start_operator
from tests.chaos.stage import free_lease
from tests.integration.operator.conftest import ALLOWED_HOSTS
from tests.integration.operator.pods import delete_pod, make_pod
from tests.integration.operator.stage.cluster import Cluster

if TYPE_CHECKING:
    from localcluster import ControlPlane


@dataclass
class Container:
    """The real program with a Lease, a journal and a pod; all processes write one log."""

    plane: ControlPlane
    cluster: Cluster
    kubeconfig: Path
    folder: Path

    def __post_init__(self) -> None:
        self._pods = 0
        self.new_pod()

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def journal(self) -> Path:
        """The pod's volume."""
        return self.folder / f"journal-{self._pods}"

    def new_pod(self) -> None:
        """A pod whose volume is empty. The last one is gone, and known to be."""
        self.remove_pod()
        self._pods += 1
        self._uid = make_pod(self.plane, self._name)

    def remove_pod(self) -> None:
        if self._pods:
            delete_pod(self.plane, self._name)

    def start(self) -> OperatorProcess:
        """Another process in the pod. It does not have to wait for the end of its predecessor's Lease."""
        free_lease(self.cluster)
        return start_operator(
            self.kubeconfig,
            self.log,
            *ALLOWED_HOSTS,
            *("--leader-elect", "--operator-namespace", NAMESPACE, "--pod-name", self._name, "--pod-uid", self._uid),
            *("--journal-dir", str(self.journal), "--github-requests-per-minute", "100000"),
            # Nobody asks at these, and of a thousand ports that were free one is taken by the time it is used.
            *("--metrics-address", "127.0.0.1:0", "--health-address", "127.0.0.1:0"),
        )

    def led(self) -> bool:
        """Whether the last process has led."""
        lease = self.cluster.get("Lease", NAMESPACE, "githubtoken-operator") or {}
        return bool(lease.get("spec", {}).get("holderIdentity"))

    @property
    def _name(self) -> str:
        return f"operator-{self._pods}"
