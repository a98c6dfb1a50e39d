"""What is measured in: a cluster, a GitHub with Apps, GitHubTokens in a namespace, and the operator as a process."""

from __future__ import annotations

import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.measuring import ROOT, say
from github_simulator.control_client import App, Control, Installation
from github_simulator.process import SimulatorProcess
from localcluster import Binaries, ControlPlane
from localcluster.operator_process import OperatorProcess, running_operator

NAMESPACE = "bench"
CRDS = ROOT / "deploy" / "crds"
AT_ONCE = 500
"""Objects in one `kubectl apply`."""
LONG = 900.0
"""Seconds that kubectl may take for ten thousand objects."""


@dataclass
class World:
    """A cluster, a GitHub, and what the operator is started with."""

    cluster: ControlPlane
    simulator: SimulatorProcess
    kubectl: Path
    log: Path
    source: Path | None = None
    """Where the operator's package is, if it is not the one beside."""
    flags: tuple[str, ...] = ()
    apps: list[tuple[App, Installation]] = field(default_factory=list)

    @property
    def github(self) -> Control:
        """The simulator's controls."""
        return self.simulator.control

    def make_apps(self, count: int, life: float | None) -> None:
        """So many Apps, each installed for one owner, with their keys."""
        self.cluster.kubectl("create", "namespace", NAMESPACE)
        items: list[dict[str, Any]] = []
        for number in range(count):
            app = self.github.create_app(f"bench-{number}", token_life=life)
            self.apps.append((app, self.github.install(app, f"org-{number}")))
            items += app_objects(f"app-{number}", NAMESPACE, app, self.simulator)
        self.cluster.apply({"apiVersion": "v1", "kind": "List", "items": items})

    def apply(self, tokens: int, *, at_once: int = AT_ONCE) -> None:
        """So many GitHubTokens, spread over the Apps."""
        say(f"  applying {tokens} GitHubTokens")
        items = [_token(number, len(self.apps)) for number in range(tokens)]
        for start in range(0, tokens, at_once):
            part = {"apiVersion": "v1", "kind": "List", "items": items[start : start + at_once]}
            self.cluster.apply(part, within=LONG)

    @contextmanager
    def operator(self, *flags: str) -> Iterator[OperatorProcess]:
        """A running operator."""
        with operator_of(self.cluster, self.simulator, self.log, *self.flags, *flags, source=self.source) as process:
            yield process


@contextmanager
def operator_of(
    cluster: ControlPlane, simulator: SimulatorProcess, log: Path, *flags: str, source: Path | None = None
) -> Iterator[OperatorProcess]:
    """A running operator for which the simulator is GitHub; `source` is where its package is, if not the one beside."""
    hosts = ",".join(url.split("//")[1] for url in (simulator.api_url, simulator.web_url))
    environment = {"PYTHONPATH": str(source)} if source else {}
    arguments = ("--allowed-hosts", hosts, *flags)
    with running_operator(cluster.kubeconfig, log, *arguments, environment=environment) as process:
        yield process


@contextmanager
def world(
    binaries: Binaries,
    *,
    apps: int,
    latency: float,
    life: float | None = None,
    source: Path | None = None,
    flags: tuple[str, ...] = (),
) -> Iterator[World]:
    """A new cluster and a new GitHub that takes `latency` seconds; tokens live `life` seconds, None: an hour."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ControlPlane(binaries, crds=CRDS) as cluster,
        SimulatorProcess() as simulator,
    ):
        made = World(cluster, simulator, binaries.kubectl, Path(folder) / "operator.log", source, flags)
        made.make_apps(apps, life)
        simulator.control.settings(latency=latency)
        yield made


class SecretWatch:
    """The consumer's Secrets as they come, by one watch: looking at lists would cost more than what is measured."""

    def __init__(self, kubectl: Path, cluster: ControlPlane, *where: str, shown: str = "name") -> None:
        """`where`: kubectl's flags for namespaces; `shown`: what it prints of each, a line."""
        selector = "--selector=githubtoken.dev/role=token"
        command = (str(kubectl), "--kubeconfig", str(cluster.kubeconfig), "get", "secrets", *where, selector)
        self._command = (*command, "--watch", "-o", shown)
        self._ended = False
        self._process = self._begun()

    def _begun(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._process.kill()
        self._process.wait()

    def lines(self) -> Iterator[str]:
        """What comes, until this is left.

        An API server that has much to do may end a watch after minutes: the next one lists all again.
        """
        while True:
            if self._process.stdout is None:
                raise RuntimeError("the watch has no output")
            yield from iter(self._process.stdout.readline, "")
            if self._ended:
                return
            self._process.wait()
            time.sleep(1)
            self._process = self._begun()


class Arrivals(SecretWatch):
    """Those of the namespace in which is measured."""

    def __init__(self, made: World) -> None:
        super().__init__(made.kubectl, made.cluster, "-n", NAMESPACE)

    def wait_for(self, count: int) -> None:
        """Returns when so many have come."""
        names: set[str] = set()
        for line in self.lines():
            names.add(line)
            if len(names) >= count:
                return


def app_objects(name: str, namespace: str, app: App, simulator: SimulatorProcess) -> list[dict[str, Any]]:
    """A GitHubApp and the Secret with its key."""
    meta = {"name": name, "namespace": namespace}
    key = b64encode((app.private_key or "").encode()).decode()
    spec = {
        "appID": app.id,
        "privateKeySecretRef": {"name": meta["name"]},
        "apiURL": simulator.api_url,
        "webURL": simulator.web_url,
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": meta | {"labels": {"githubtoken.dev/role": "app"}},
            "data": {"private-key.pem": key},
        },
        {"apiVersion": "githubtoken.dev/v1alpha1", "kind": "GitHubApp", "metadata": meta, "spec": spec},
    ]


def _token(number: int, apps: int) -> dict[str, Any]:
    return {
        "apiVersion": "githubtoken.dev/v1alpha1",
        "kind": "GitHubToken",
        "metadata": {"name": f"token-{number:05}", "namespace": NAMESPACE},
        "spec": {
            "appRef": {"name": f"app-{number % apps}"},
            "installation": {"owner": f"org-{number % apps}"},
        },
    }
