"""`make bench-cluster`: one ClusterGitHubToken for N namespaces beside N GitHubTokens, on a real API server, as JSON.

Of the one token: from the start of the process until the last namespace has its Secret; a renewal, of an installation's
token and of a user's, from the wish until the last namespace has the new one; a namespace that comes; a restart with
everything fresh; pods that mount the Secret, with `propagation: Immediate`. Of the many: the first tokens, a renewal.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measuring import (
    AT_REST,
    ROOT,
    Measurement,
    commit_of,
    counted,
    cpu_seconds,
    lag,
    machine,
    note_rest,
    rss,
    say,
    settled,
    until,
    watched,
)
from benchmarks.world import SecretWatch, operator_of
from github_simulator.control_client import App
from github_simulator.process import SimulatorProcess
from localcluster import Binaries, ControlPlane, locate_or_build
from localcluster.operator_process import OperatorProcess

HOME = "default"
"""The operator's namespace."""
OWNER = "acme"
PODS = 50
PARTS = ("one", "one_of_a_user", "many")
"""What is measured, each in a new cluster; methods of the same names measure it."""
REFRESH = "githubtoken.dev/refresh-requested-at"


def main() -> None:
    """Runs the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--namespaces", type=int, default=500, help="how many (default: %(default)s)")
    options.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="which (default: all)")
    options.add_argument("--latency", type=float, default=0.05, help="seconds that GitHub takes (default: %(default)s)")
    options.add_argument("--output", type=Path, help="also write the JSON to this file")
    chosen = options.parse_args()
    binaries = locate_or_build(say=say)
    count = chosen.namespaces
    found: dict[str, Any] = {}
    for part in chosen.parts:
        with _world(binaries, count, chosen.latency) as world:
            say(part)
            found[part] = getattr(world, part)()
    report = {
        "machine": machine(binaries),
        "version": commit_of("HEAD"),
        "namespaces": count,
        "github_latency_seconds": chosen.latency,
        **found,
    }
    text = json.dumps(report, indent=2)
    print(text)
    if chosen.output:
        chosen.output.write_text(text + "\n")


@contextmanager
def _world(binaries: Binaries, count: int, latency: float) -> Iterator[_World]:
    with (
        tempfile.TemporaryDirectory() as folder,
        ControlPlane(binaries, crds=ROOT / "deploy" / "crds") as cluster,
        SimulatorProcess() as simulator,
    ):
        made = _World(binaries, cluster, simulator, Path(folder) / "operator.log", count)
        made.make()
        simulator.control.settings(latency=latency)
        yield made


class _World:
    """A cluster with namespaces, a GitHub with one App, and the operator to be measured."""

    def __init__(
        self, binaries: Binaries, cluster: ControlPlane, simulator: SimulatorProcess, log: Path, count: int
    ) -> None:
        self._binaries = binaries
        self._cluster = cluster
        self._simulator = simulator
        self._log = log
        self._names = [f"team-{number:04}" for number in range(count)]
        self._mounting = self._names[:PODS]
        self._app: App = simulator.control.create_app("bench")

    def make(self) -> None:
        """The namespaces and the App."""
        self._simulator.control.install(self._app, OWNER)
        urls = {"apiURL": self._simulator.api_url, "webURL": self._simulator.web_url}
        key = {"private-key.pem": self._app.private_key or "", "client-secret": self._app.client_secret}
        spec = {
            "appID": self._app.id,
            "clientID": self._app.client_id,
            "privateKeySecretRef": {"name": "app"},
            "clientSecretSecretRef": {"name": "app"},
            "allowedNamespaces": {"from": "All"},
            **urls,
        }
        self._apply(_secret("app", key, role="app"), _ours("ClusterGitHubApp", "acme", spec))
        self._apply(*(_namespace(name) for name in self._names))

    def one(self) -> dict[str, Any]:
        """One token of an installation for all namespaces."""
        self._apply(_cluster_token({"installation": {"owner": OWNER}}))
        first, renewal, restart = Measurement(), Measurement(), Measurement()
        with self._arrivals() as arrived:
            with ExitStack() as running:
                process = self._first(running, arrived, first, 1)
                renewed = self._renew(process, arrived, renewal, "2")
                came = self._another(arrived)
                # Its status follows the Secret, and is not to be the next process's to write.
                until(lambda: settled(process, 1), every=0.25)
            with self._counted(restart):
                started = time.monotonic()
                with self._operator() as process, watched(lambda: process.pid, restart):
                    until(lambda: settled(process, 1), every=0.25)
                    restart.seconds = time.monotonic() - started
                    note_rest(process, restart)
        return {
            "first": first.report(1),
            "renewal": {**renewal.report(1), "seconds": renewed},
            "another_namespace_seconds": came,
            "restart": restart.report(1),
        }

    def one_of_a_user(self) -> dict[str, Any]:
        """One token of a user for all namespaces, whose predecessor dies with each rotation; 50 pods mount it."""
        pair = self._simulator.control.sign_in(self._app, "alice")
        self._apply(_secret("seed", {"refresh_token": pair.refresh_token or ""}, role="seed"))
        user = {"seedSecretRef": {"name": "seed"}}
        self._apply(_cluster_token({"user": user, "propagation": "Immediate"}))
        self._apply(*(_pod(name) for name in self._mounting))
        rotation = Measurement()
        with self._arrivals() as arrived, self._operator() as process:
            arrived.wait_for(self._names, "1")
            until(lambda: settled(process, 1), every=0.25)
            time.sleep(AT_REST)
            seconds = self._renew(process, arrived, rotation, "2", then=self._until_touched)
        return {"rotation": {**rotation.report(1), "seconds": seconds}, "pods": len(self._mounting)}

    def many(self) -> dict[str, Any]:
        """A GitHubToken in each namespace."""
        source = {"appRef": {"kind": "ClusterGitHubApp", "name": "acme"}, "installation": {"owner": OWNER}}
        self._apply(*({**_ours("GitHubToken", "ci", source), "metadata": {"name": "ci", "namespace": name}}
                      for name in self._names))  # fmt: skip
        first, renewal = Measurement(), Measurement()
        count = len(self._names)
        with self._arrivals() as arrived, ExitStack() as running:
            process = self._first(running, arrived, first, count)
            with self._counted(renewal):
                used, started = cpu_seconds(process), time.monotonic()
                self._cluster.kubectl("annotate", "githubtokens", "--all", "-A", f"{REFRESH}=now")
                arrived.wait_for(self._names, "2")
                renewal.seconds = time.monotonic() - started
                until(lambda: settled(process, count), every=0.25)
                renewal.cpu_seconds = cpu_seconds(process) - used
            renewal.idle_rss = rss(process)
        return {"first": first.report(1), "renewal": renewal.report(1)}

    def _first(self, running: ExitStack, arrived: _Arrivals, result: Measurement, objects: int) -> OperatorProcess:
        """An operator that runs until `running` ends, from its start to the rest after the last namespace's Secret."""
        with self._counted(result):
            started = time.monotonic()
            process = running.enter_context(self._operator())
            running.enter_context(watched(lambda: process.pid, result))
            arrived.wait_for(self._names, "1")
            result.seconds = time.monotonic() - started
            until(lambda: settled(process, objects), every=0.25)
            note_rest(process, result)
        return process

    def _renew(
        self,
        process: OperatorProcess,
        arrived: _Arrivals,
        result: Measurement,
        revision: str,
        then: Callable[[], object] = lambda: None,
    ) -> dict[str, float]:
        """Seconds from the wish to the first and to the last namespace with the new token."""
        with self._counted(result):
            used, started = cpu_seconds(process), time.monotonic()
            self._cluster.kubectl("annotate", "cght", "pull", f"{REFRESH}={revision}", "--overwrite")
            first = arrived.wait_for(self._names[:1], revision, any_of=True) - started
            last = arrived.wait_for(self._names, revision) - started
            then()
            pods = time.monotonic() - started
            until(lambda: settled(process, 1), every=0.25)
            result.cpu_seconds = cpu_seconds(process) - used
        result.idle_rss, result.lag = rss(process), lag(process)
        return {"first": round(first, 2), "last": round(last, 2), "pods": round(pods, 2)}

    def _another(self, arrived: _Arrivals) -> float:
        started = time.monotonic()
        self._apply(_namespace("team-late"))
        return round(arrived.wait_for(["team-late"], "2") - started, 2)

    def _until_touched(self) -> None:
        until(self._touched)

    def _touched(self) -> bool:
        """Whether all pods have our annotation of the second revision."""
        path = r'jsonpath={range .items[*]}{.metadata.annotations.githubtoken\.dev/synced-revision}{"\n"}{end}'
        told = self._cluster.kubectl("get", "pods", "-A", "-o", path).split()
        return len(told) == len(self._mounting) and "1" not in told

    @contextmanager
    def _counted(self, result: Measurement) -> Iterator[None]:
        with counted(self._cluster, self._simulator.control, result):
            yield

    @contextmanager
    def _operator(self) -> Iterator[OperatorProcess]:
        arguments = ("--operator-namespace", HOME)
        with operator_of(self._cluster, self._simulator, self._log, *arguments) as process:
            yield process

    def _arrivals(self) -> _Arrivals:
        return _Arrivals(self._binaries.kubectl, self._cluster)

    def _apply(self, *items: dict[str, Any]) -> None:
        for start in range(0, len(items), 500):
            self._cluster.apply({"apiVersion": "v1", "kind": "List", "items": list(items[start : start + 500])})


class _Arrivals(SecretWatch):
    """The consumers' Secrets and their revisions as they come."""

    def __init__(self, kubectl: Path, cluster: ControlPlane) -> None:
        path = r'jsonpath={.metadata.namespace} {.metadata.annotations.githubtoken\.dev/revision}{"\n"}'
        super().__init__(kubectl, cluster, "-A", shown=path)
        self._seen: dict[str, str] = {}

    def wait_for(self, namespaces: list[str], revision: str, *, any_of: bool = False) -> float:
        """When all of them, or the first of all, have the token of that revision."""
        missing = {name for name in namespaces if self._seen.get(name) != revision}
        lines = self.lines()
        while missing:
            line = next(lines, "")
            if not line:
                raise RuntimeError(f"kubectl ended with {self._process.wait()}: {len(missing)} namespaces are missing")
            name, _, found = line.strip().partition(" ")
            self._seen[name] = found
            if found == revision:
                missing.discard(name)
                if any_of:
                    break
        return time.monotonic()


def _ours(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "githubtoken.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _cluster_token(source: dict[str, Any]) -> dict[str, Any]:
    wanted = {"namespaces": {"selector": {"matchLabels": {"bench": "true"}}}, "appRef": {"name": "acme"}}
    return _ours("ClusterGitHubToken", "pull", {**wanted, **source})


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"bench": "true"}}}


def _secret(name: str, data: dict[str, str], *, role: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": HOME, "labels": {"githubtoken.dev/role": role}}
    encoded = {key: b64encode(text.encode()).decode() for key, text in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded}


def _pod(namespace: str) -> dict[str, Any]:
    """A pod of a node that there is not."""
    spec = {
        "nodeName": "nowhere",
        "volumes": [{"name": "token", "secret": {"secretName": "pull"}}],
        "containers": [{"name": "main", "image": "example.com/main"}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": namespace}, "spec": spec}


if __name__ == "__main__":
    main()
