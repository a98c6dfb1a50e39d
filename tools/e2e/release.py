"""The release of the chart on the node: helm's commands, the operator's pods, and the simulator's control API."""

from __future__ import annotations

import base64
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from e2e.errors import TrialError
from e2e.manifests import OPERATOR_NAMESPACE, GitHub
from github_simulator.control_client import Control
from localcluster import ControlPlane
from localcluster.helm import Helm
from localcluster.process import Guard, Process

RELEASE: Final = "githubtoken-operator"
NAMESPACE: Final = OPERATOR_NAMESPACE
OPERATOR_IMAGE: Final = "localhost/githubtoken-operator:0.1.0"
SIMULATOR_IMAGE: Final = "localhost/githubtoken-simulator:0.1.0"
"""As the chart's default values name them."""
CHART: Final = Path(__file__).parents[2] / "charts" / "githubtoken-operator"
_VALUES: Final = ("--set=simulator.enabled=true", "--set=rbac.immediatePropagation.enabled=true")
_SIMULATOR: Final = f"{RELEASE}-simulator"
_CONTROL_PORT: Final = 8444
_FORWARDING: Final = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_WITHIN: Final = 300.0
_FORWARDED_WITHIN: Final = 30.0


class Release:
    """The chart's release, by these two programs."""

    def __init__(self, cluster: ControlPlane, *, helm: Helm, kubectl: Path) -> None:
        self._cluster = cluster
        self._helm = helm
        self._kubectl = kubectl

    def install(self) -> None:
        """Installs it with two replicas and the simulator, and waits until all pods are ready."""
        self._run(
            self._helm.helm3,
            "install",
            RELEASE,
            CHART,
            "--create-namespace",
            "--wait",
            f"--timeout={_WITHIN:.0f}s",
            *_VALUES,
        )

    def test(self) -> str:
        """`helm test`, by helm 3 and then by helm 4: the line of the pod's log in which the token is accepted."""
        for program in (self._helm.helm3, self._helm.helm4):
            said = self._run(program, "test", RELEASE, "--logs", f"--timeout={_WITHIN:.0f}s")
            found = [line for line in said.splitlines() if "accepts the token" in line]
            if not found:
                raise TrialError(f"`{program.name} test` succeeded without a word of its pod:\n{said}")
        return found[0]

    def restart(self) -> None:
        """A rolling update of the operator; returns when it is over."""
        self._cluster.kubectl("rollout", "restart", f"deployment/{RELEASE}", f"--namespace={NAMESPACE}")
        self.wait_available()

    def wait_available(self) -> None:
        """Returns when both replicas are ready."""
        arguments = ("rollout", "status", f"deployment/{RELEASE}", f"--namespace={NAMESPACE}")
        self._cluster.kubectl(*arguments, f"--timeout={_WITHIN:.0f}s", within=_WITHIN + 10)

    def leader(self) -> str:
        """The name of the pod that holds the Lease; empty where nobody does."""
        lease = self._cluster.get("lease", RELEASE, f"--namespace={NAMESPACE}")
        holder: str = lease["spec"].get("holderIdentity") or ""
        return holder.rpartition("_")[0]

    def container(self, pod: str) -> str:
        """The id of the operator's container in a pod."""
        (status,) = self._cluster.get("pod", pod, f"--namespace={NAMESPACE}")["status"]["containerStatuses"]
        container: str = status["containerID"]
        return container

    def delete_now(self, pod: str) -> None:
        """Takes a pod out of the cluster without asking its node."""
        arguments = ("delete", "pod", pod, f"--namespace={NAMESPACE}")
        self._cluster.kubectl(*arguments, "--force", "--grace-period=0", "--wait=false")

    def github(self) -> GitHub:
        """The simulator as pods see it."""
        secret = self._cluster.get("secret", _SIMULATOR, f"--namespace={NAMESPACE}")
        ca = base64.b64decode(secret["data"]["ca.crt"]).decode()
        return GitHub(f"https://{_SIMULATOR}.{NAMESPACE}.svc:8443", ca, SIMULATOR_IMAGE)

    @contextmanager
    def control(self, log: Path) -> Iterator[Control]:
        """The simulator's control API, which listens on its pod's loopback only."""
        guard = Guard()
        command = (
            self._kubectl, f"--kubeconfig={self._cluster.kubeconfig}", f"--namespace={NAMESPACE}",
            "port-forward", f"deployment/{_SIMULATOR}", f":{_CONTROL_PORT}",
        )  # fmt: skip
        process = Process("port-forward", command, log, guard)
        try:
            with Control(f"http://127.0.0.1:{_port(process)}") as control:
                yield control
        finally:
            process.kill()
            guard.close()

    def _run(self, program: Path, *arguments: str | Path) -> str:
        done = subprocess.run(
            [program, *arguments, f"--kubeconfig={self._cluster.kubeconfig}", f"--namespace={NAMESPACE}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = f"exit code {done.returncode}: {done.stderr.strip()}\n{done.stdout.strip()}"
            raise TrialError(f"`{program.name} {arguments[0]}` ended with {said}")
        return done.stdout


def _port(process: Process) -> int:
    """The port that kubectl has chosen."""
    deadline = time.monotonic() + _FORWARDED_WITHIN
    while (found := _FORWARDING.search(process.tail())) is None:
        process.require_running()
        if time.monotonic() > deadline:
            raise TrialError(f"`kubectl port-forward` did not begin:\n{process.tail()}")
        time.sleep(0.1)
    return int(found[1])
