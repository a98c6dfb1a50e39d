"""One node for a control plane: containerd, kubelet, kube-proxy and kube-scheduler, all with their default settings.

    make_network()
    with ControlPlane(locate(), address=ADDRESS, api_server_flags=API_SERVER_FLAGS) as cluster:
        with Node(cluster, locate_node(), cgroup) as node:
            node.load(Path("image.tar"))

It is used inside a `Sandbox`, whose end takes away what this leaves: containers, their mounts and networks. All its
programs have the administrator's rights. Names of Services resolve; there is no way to the outside.
"""

from __future__ import annotations

import http
import json
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from localcluster.errors import ControlPlaneError, KubectlError, NodeError
from localcluster.node.configuration import CLUSTER_DOMAIN, write_containerd, write_kubelet
from localcluster.node.dns import DNSServer
from localcluster.node.network import ADDRESS
from localcluster.process import Guard, Process

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcluster.controlplane import ControlPlane
    from localcluster.node.binaries import NodeBinaries

NAME: Final = "node1"
API_SERVER_FLAGS: Final = ("--kubelet-preferred-address-types=InternalIP",)
"""What a control plane with this node needs: nothing resolves the node's name."""
_WITHIN: Final = 120.0
_POLL_SECONDS: Final = 0.1
_REQUEST_TIMEOUT_SECONDS: Final = 5.0


class Node:
    """A node that joins and leaves with a `with` block.

    Attributes:
        folder: holds everything, among it the logs `<program>.log`.
    """

    def __init__(self, cluster: ControlPlane, binaries: NodeBinaries, cgroup: str) -> None:
        self._cluster = cluster
        self._binaries = binaries
        self._cgroup = cgroup
        self._processes: list[Process] = []
        self._stack = ExitStack()
        self.folder = Path()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the node's programs; the containers end with the sandbox."""
        self._processes.clear()
        self._stack.close()

    def check(self) -> None:
        """NodeError when a program that ought to run has ended."""
        for process in self._processes:
            try:
                process.require_running()
            except ControlPlaneError as error:
                raise NodeError(str(error)) from error

    def load(self, archive: Path) -> None:
        """Puts the images of a `docker-archive` where the kubelet finds them."""
        self._ctr("images", "import", str(archive))

    def kill_container(self, container_id: str) -> None:
        """Kills the first process of a container by SIGKILL, as the kernel does for want of memory.

        Args:
            container_id: as a pod's status has it, such as `containerd://0123...`.
        """
        self._ctr("tasks", "kill", "--signal", "SIGKILL", container_id.removeprefix("containerd://"))

    def _start(self, stack: ExitStack) -> None:
        guard = Guard()
        stack.callback(guard.close)
        self.folder = Path(tempfile.mkdtemp(prefix="node-"))
        self._socket = self.folder / "containerd.sock"

        def run(name: str, *command: str | Path) -> None:
            process = Process(name, command, self.folder / f"{name}.log", guard)
            self._processes.append(process)
            stack.callback(process.kill)

        stack.enter_context(DNSServer(ADDRESS, CLUSTER_DOMAIN, self._service_address))
        kubeconfig = f"--kubeconfig={self._cluster.kubeconfig}"
        run("containerd", "containerd", f"--config={write_containerd(self.folder, self._socket)}")
        self._wait("containerd answers", self._containerd_answers)
        own = ("--leader-elect=false", "--bind-address=127.0.0.1", f"--cert-dir={self.folder / 'scheduler'}")
        run("kube-scheduler", self._binaries.kube_scheduler, kubeconfig, *own)
        run(
            "kube-proxy", self._binaries.kube_proxy, kubeconfig, f"--hostname-override={NAME}", "--proxy-mode=nftables",
            "--conntrack-max-per-core=0", "--oom-score-adj=0",
        )  # fmt: skip
        run(
            "kubelet", self._binaries.kubelet, kubeconfig, f"--hostname-override={NAME}", f"--node-ip={ADDRESS}",
            f"--config={write_kubelet(self.folder, self._socket, self._cgroup)}",
            f"--root-dir={self.folder / 'kubelet'}", f"--cert-dir={self.folder / 'kubelet-pki'}",
        )  # fmt: skip
        self._wait("the node is Ready", self._is_ready)

    def _wait(self, what: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _WITHIN
        while not done():
            self.check()
            if time.monotonic() > deadline:
                tails = "\n".join(f"{process.name}:\n{process.tail()}" for process in self._processes)
                raise NodeError(f"it took longer than {_WITHIN:.0f} s until {what}; the ends of the logs:\n{tails}")
            time.sleep(_POLL_SECONDS)

    def _containerd_answers(self) -> bool:
        return self._try_ctr("version").returncode == 0

    def _is_ready(self) -> bool:
        try:
            conditions = self._cluster.get("node", NAME)["status"]["conditions"]
        except KubectlError:
            return False
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def _service_address(self, name: str, namespace: str) -> str | None:
        url = f"{self._cluster.server}/api/v1/namespaces/{namespace}/services/{name}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self._cluster.token}"})  # noqa: S310
        trust = ssl.create_default_context(cafile=str(self._cluster.ca_file))
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_TIMEOUT_SECONDS, context=trust) as answer:  # noqa: S310
                address: str = json.load(answer)["spec"]["clusterIP"]
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                return None
            raise
        return address

    def _try_ctr(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ("ctr", f"--address={self._socket}", "--namespace=k8s.io", *arguments)
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def _ctr(self, *arguments: str) -> None:
        result = self._try_ctr(*arguments)
        if result.returncode != 0:
            said = f"exit code {result.returncode}: {result.stderr.strip()}"
            raise NodeError(f"`ctr {' '.join(arguments)}` ended with {said}")
