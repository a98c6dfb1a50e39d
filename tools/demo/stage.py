"""Starts the control plane, the simulator and the operator as processes, and ends them in the reverse order.

Ctrl-C reaches only the demo itself: every process is in a session of its own, and is ended by its id. If the demo is
killed, `localcluster.guard` and the simulator's closed input end them. All files are in the control plane's folder.

The operator runs with the rights of deploy/rbac and no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from demo import words
from demo.console import Console
from demo.interrupts import Interrupts
from github_simulator.process import SimulatorProcess
from localcluster import Binaries, ControlPlane
from localcluster.operator_process import (
    NAMESPACE,
    OperatorProcess,
    operator_kubeconfig,
    start_operator,
)
from localcluster.process import Guard

DEPLOY: Final = Path(__file__).parents[2] / "deploy"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs."""

    cluster: ControlPlane
    simulator: SimulatorProcess
    operator: OperatorProcess
    kubectl: Path

    @property
    def metrics_page(self) -> str:
        """The address of the operator's metrics."""
        return f"{self.operator.metrics_url}/metrics"

    def check(self) -> None:
        """Raises `OperatorDied` or `ControlPlaneError` where a process has ended by itself."""
        self.cluster.check()
        self.operator.require_running()


@contextmanager
def stage(binaries: Binaries, console: Console, interrupts: Interrupts) -> Iterator[Stage]:
    """Everything started and ready; it is gone after the block. Raises what the three starts raise."""
    with ExitStack() as stack:
        console.step("starting a Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager")
        with interrupts.held():
            cluster = stack.enter_context(ControlPlane(binaries, crds=DEPLOY / "crds"))
        console.step(f"ready at {cluster.server}, with the CustomResourceDefinitions of deploy/crds")
        console.step("starting a GitHub: the simulator")
        with interrupts.held():
            simulator = stack.enter_context(SimulatorProcess())
        console.step(f"ready: REST API {simulator.api_url}, web host {simulator.web_url}")
        kubeconfig = operator_kubeconfig(cluster, DEPLOY / "rbac")
        hosts = ",".join(dict.fromkeys(urlsplit(url).netloc for url in (simulator.api_url, simulator.web_url)))
        console.step("starting the operator, with the rights of deploy/rbac:")
        flags = _flags(cluster.folder, hosts)
        console.gap()
        console.block(words.command("githubtoken run", flags))
        with interrupts.held():
            guard = Guard()
            stack.callback(guard.close)
            operator = start_operator(
                kubeconfig,
                cluster.folder / "operator.log",
                *(word for flag in flags.items() for word in flag),
                environment={
                    # What a killed operator leaves behind goes with the folder.
                    "TMPDIR": str(cluster.folder),
                    # Whoever needs a proxy to reach the world needs none for this machine.
                    "NO_PROXY": "127.0.0.1,localhost",
                    "no_proxy": "127.0.0.1,localhost",
                },
            )
            stack.callback(operator.stop)
            guard.add_process(operator.pid)
        operator.wait_ready()
        ready = Stage(cluster, simulator, operator, binaries.kubectl)
        console.step(f"ready; metrics at {ready.metrics_page}")
        # Runs first at the end.
        stack.callback(interrupts.ignore)
        yield ready


def _flags(folder: Path, hosts: str) -> dict[str, str]:
    journal = folder / "journal"
    journal.mkdir(mode=0o700)
    return {
        "--allowed-hosts": hosts,
        "--operator-namespace": NAMESPACE,
        "--journal-dir": str(journal),
        "--log-format": "text",
    }
