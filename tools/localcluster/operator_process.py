"""The operator as a process of its own, `githubtoken run`, for tests, the demo and the benchmark."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from localcluster.kubeconfig import write_kubeconfig
from localcluster.launch import free_ports

if TYPE_CHECKING:
    from localcluster.controlplane import ControlPlane

NAMESPACE: Final = "githubtoken-system"
"""Where the manifests of deploy/ put the operator."""
SERVICE_ACCOUNT: Final = "githubtoken-operator"
READY_WITHIN: Final = 60.0
"""Seconds until `/readyz` answers 200; half a second is usual."""


class OperatorDied(Exception):
    """The process ended by itself; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class OperatorProcess:
    """A running operator: its process, the addresses it listens on, and the file with its log."""

    process: subprocess.Popen[bytes]
    metrics_url: str
    health_url: str
    log: Path

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def wait_ready(self) -> None:
        """Returns once `/readyz` says so. Raises `OperatorDied`."""
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            self.require_running()
            if self._answers("/readyz"):
                return
            time.sleep(0.05)
        raise OperatorDied(f"not ready after {READY_WITHIN:.0f} s\n{self._tail()}")

    def require_running(self) -> None:
        """Raises `OperatorDied` where it has ended."""
        if self.process.poll() is not None:
            raise OperatorDied(f"the operator ended with exit code {self.process.returncode}\n{self._tail()}")

    def metrics(self) -> str:
        """The page of metrics."""
        with urllib.request.urlopen(f"{self.metrics_url}/metrics", timeout=10) as page:  # noqa: S310 - our own address
            text: bytes = page.read()
        return text.decode()

    @property
    def leads(self) -> bool:
        """Whether it holds the Lease, as its metrics say."""
        return "githubtoken_leader 1.0" in self.metrics()

    def stop(self, *, within: float = 60.0) -> int:
        """Ends it by SIGTERM and returns its exit code; kills it where it does not end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends it by SIGKILL."""
        self.process.kill()
        self.process.wait()

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(self.health_url + path, timeout=5) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)  # noqa: PLR2004
        except (urllib.error.URLError, OSError):
            return False

    def _tail(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-20:])


def operator_kubeconfig(cluster: ControlPlane, *manifests: Path) -> Path:
    """A kubeconfig, valid for a day, for the operator's ServiceAccount with the rights of these files or folders."""
    for path in manifests:
        cluster.kubectl("apply", "--server-side", f"--filename={path}")
    token = cluster.kubectl("create", "token", SERVICE_ACCOUNT, f"--namespace={NAMESPACE}", "--duration=24h").strip()
    kubeconfig = cluster.folder / "operator.kubeconfig"
    write_kubeconfig(
        kubeconfig,
        server=cluster.server,
        ca_file=cluster.ca_file,
        user=SERVICE_ACCOUNT,
        token=token,
        namespace=NAMESPACE,
    )
    return kubeconfig


def start_operator(
    kubeconfig: Path,
    log: Path,
    *flags: str,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "githubtoken_operator"),
) -> OperatorProcess:
    """Starts `githubtoken run` with `flags`; the caller waits until it is ready, and stops it.

    It elects no leader unless `flags` say so: several may share a cluster, each with namespaces of its own. `program`
    is what Python runs; a test may put a launcher of its own around the operator.
    """
    metrics, health = (f"127.0.0.1:{port}" for port in free_ports(2))
    command: Sequence[str] = (
        sys.executable, *program, "run",
        "--no-leader-elect", "--metrics-address", metrics, "--health-address", health, *flags,
    )  # fmt: skip
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, "KUBECONFIG": str(kubeconfig), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C is for the starter, which ends the operator in order.
            start_new_session=True,
        )
    return OperatorProcess(process, f"http://{metrics}", f"http://{health}", log)


@contextmanager
def running_operator(
    kubeconfig: Path, log: Path, *flags: str, environment: Mapping[str, str] | None = None
) -> Iterator[OperatorProcess]:
    """A ready operator; it is stopped at the end."""
    operator = start_operator(kubeconfig, log, *flags, environment=environment)
    try:
        operator.wait_ready()
        yield operator
    finally:
        operator.stop()
