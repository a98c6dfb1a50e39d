"""A real Kubernetes control plane on loopback: etcd, kube-apiserver, and the controllers that tests need.

    with ControlPlane(locate(), crds=Path("deploy/crds")) as cluster:
        cluster.kubectl("get", "namespaces")

It lives in a temporary folder, on free ports, for as long as the `with` block; afterwards no process and no file is
left, also when the starter was killed. Authorization is RBAC. Of kube-controller-manager's controllers only the garbage
collector, the namespace controller and the ServiceAccount controller run; there are no nodes, so pods stay Pending,
unless it is given an address where `localcluster.node` reaches it.

CRDs are installed before the controllers start: the garbage collector needs up to 30 seconds to learn of later ones.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from localcluster import launch
from localcluster.access import PolicyRule, service_account_objects
from localcluster.errors import ControlPlaneError, KubectlError
from localcluster.kubeconfig import write_kubeconfig, write_private, write_service_account_key
from localcluster.process import Guard, Process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localcluster.binaries import Binaries

_START_ATTEMPTS = 3
_STOP_GRACE_SECONDS = 2.0
_KUBECTL_TIMEOUT_SECONDS = 60.0


class ControlPlane:
    """A control plane that starts and stops with a `with` block.

    Attributes:
        folder: holds everything, among it the logs `<program>.log`.
        kubeconfig: kubeconfig file of an administrator (group `system:masters`).
        token: the administrator's bearer token.
        ca_file: PEM file that clients trust.
        server: the API server's address, such as `https://127.0.0.1:6443`.
    """

    def __init__(
        self,
        binaries: Binaries,
        *,
        crds: Path | None = None,
        api_server_flags: Sequence[str] = (),
        address: str = launch.LOOPBACK,
    ) -> None:
        """Prepare a control plane.

        Args:
            binaries: what to run.
            crds: a file or a folder of CustomResourceDefinitions to install at the start.
            api_server_flags: further flags of kube-apiserver, such as an audit log's.
            address: where the API server listens; another than loopback is for a node, and all controllers run.
        """
        self._binaries = binaries
        self._crds = crds
        self._api_server_flags = tuple(api_server_flags)
        self._address = address
        self._guard: Guard | None = None
        self._processes: dict[str, Process] = {}
        self._commands: dict[str, Sequence[str | Path]] = {}
        self.token = secrets.token_urlsafe(24)
        self.folder = Path()
        self.kubeconfig = Path()
        self.ca_file = Path()
        self.server = ""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            # Ctrl-C during the start cleans up as an error does.
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until it is ready; ControlPlaneError holds the end of the log."""
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                self._start_once()
            except launch.PortTakenError:
                # Between the choice of a free port and its use somebody else may take it.
                self.stop()
                if attempt == _START_ATTEMPTS:
                    raise
            else:
                return

    def stop(self) -> None:
        """End every process in reverse order and remove the folder; harmless when repeated."""
        # Killed, not asked: nothing of what they would still write is kept.
        for process in reversed(self._processes.values()):
            process.kill()
        self._processes.clear()
        if self._guard is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._guard.close()
            self._guard = None

    def check(self) -> None:
        """ControlPlaneError when a process that ought to run has ended."""
        for process in self._processes.values():
            process.require_running()

    def pids(self) -> dict[str, int]:
        """Ids of the running processes by the program's name."""
        return {name: process.pid for name, process in self._processes.items()}

    def stop_api_server(self) -> None:
        """End kube-apiserver; connections to it are refused from now on, etcd keeps the data."""
        self._processes.pop("kube-apiserver").terminate(_STOP_GRACE_SECONDS)

    def start_api_server(self) -> None:
        """Start kube-apiserver again, with the same port, certificate and tokens, and wait until it is ready."""
        self._start("kube-apiserver", self._api_server_command)
        launch.wait_until_ready(self._processes["kube-apiserver"], f"{self.server}/readyz", self.ca_file)
        if "kube-controller-manager" in self._processes:
            # The longer it has found nobody, the later it looks again, up to half a minute.
            self.kill("kube-controller-manager")
            self.restart("kube-controller-manager")

    def kill(self, program: str) -> None:
        """Kill one of the programs; what etcd has answered is on disk."""
        self._processes.pop(program).kill()

    def restart(self, program: str) -> None:
        """Start a program that was killed, as it was, and wait until the API server is ready."""
        self._start(program, self._commands[program])
        launch.wait_until_ready(self._processes["kube-apiserver"], f"{self.server}/readyz", self.ca_file)

    def kubectl(
        self,
        *arguments: str,
        stdin: str | None = None,
        kubeconfig: Path | None = None,
        within: float = _KUBECTL_TIMEOUT_SECONDS,
    ) -> str:
        """Run kubectl as administrator or with another kubeconfig; returns its output or raises KubectlError."""
        options = [f"--kubeconfig={kubeconfig or self.kubeconfig}", f"--cache-dir={self.folder / 'kubectl-cache'}"]
        result = subprocess.run(
            [self._binaries.kubectl, *options, *arguments],
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        if result.returncode != 0:
            raise KubectlError(arguments, result.returncode, result.stderr)
        return result.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get ... -o json` as an object."""
        answer: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return answer

    def apply(self, *manifests: Mapping[str, Any], within: float = _KUBECTL_TIMEOUT_SECONDS) -> None:
        """Apply objects, or one List of them, server-side; `within` so many seconds."""
        options = ("--server-side", "--force-conflicts", "--filename=-")
        whole = manifests[0] if len(manifests) == 1 else {"apiVersion": "v1", "kind": "List", "items": manifests}
        self.kubectl("apply", *options, stdin=json.dumps(whole), within=within)

    def install_crds(self, path: Path) -> None:
        """Apply a file or folder of CRDs and wait until the API server serves them."""
        self.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={path}")
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"--filename={path}")

    def service_account_kubeconfig(
        self,
        name: str,
        *,
        namespace: str = "default",
        rules: Sequence[PolicyRule] = (),
        cluster_rules: Sequence[PolicyRule] = (),
    ) -> Path:
        """Make a ServiceAccount with exactly these rights, and a kubeconfig file for it that is valid for a day.

        `rules` hold in the namespace, `cluster_rules` everywhere. Called again it replaces the rights; earlier files
        stay valid.
        """
        self.apply(service_account_objects(name, namespace, rules=rules, cluster_rules=cluster_rules))
        token = self.kubectl("create", "token", name, f"--namespace={namespace}", "--duration=24h").strip()
        path = self.folder / f"{namespace}.{name}.kubeconfig"
        write_kubeconfig(path, server=self.server, ca_file=self.ca_file, user=name, token=token, namespace=namespace)
        return path

    def _start_once(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="localcluster-"))
        self._guard = Guard()
        self._guard.add_folder(self.folder)
        self.kubeconfig = self.folder / "admin.kubeconfig"
        self.ca_file = self.folder / "pki" / "apiserver.crt"
        etcd_port, peer_port, api_port = launch.free_ports(3)
        self.server = f"https://{self._address}:{api_port}"
        etcd = f"http://127.0.0.1:{etcd_port}"
        write_service_account_key(self.folder / "service-account.key")
        write_private(self.folder / "tokens.csv", f'{self.token},admin,admin,"system:masters"\n')
        self._api_server_command = launch.api_server(
            self._binaries.kube_apiserver,
            self.folder,
            etcd,
            address=self._address,
            port=api_port,
            flags=self._api_server_flags,
        )

        self._start("etcd", launch.etcd(self._binaries.etcd, self.folder, etcd, f"http://127.0.0.1:{peer_port}"))
        launch.wait_until_ready(self._processes["etcd"], f"{etcd}/health", None)
        self.start_api_server()
        write_kubeconfig(
            self.kubeconfig,
            server=self.server,
            ca_file=self.ca_file,
            user="admin",
            token=self.token,
            namespace="default",
        )
        if self._crds is not None:
            self.install_crds(self._crds)
        controller_manager = launch.controller_manager(
            self._binaries.kube_controller_manager,
            self.folder,
            self.kubeconfig,
            nodes=self._address != launch.LOOPBACK,
        )
        self._start("kube-controller-manager", controller_manager)
        launch.wait_until_ready(
            self._processes["kube-controller-manager"],
            # The controllers work when the first object that one of them makes is there.
            f"{self.server}/api/v1/namespaces/default/serviceaccounts/default",
            self.ca_file,
            self.token,
        )

    def _start(self, name: str, command: Sequence[str | Path]) -> None:
        if self._guard is None:
            raise ControlPlaneError("the control plane is not started")
        self._commands[name] = command
        self._processes[name] = Process(name, command, self.folder / f"{name}.log", self._guard)
