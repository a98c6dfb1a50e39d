"""`make bench`: what the operator costs, on a real API server and the simulator. Prints one JSON object.

N installation tokens over 10 Apps, 50 ms GitHub latency: from the start of the process until the last Secret is there;
the same after a restart with everything fresh; how long a deleted and an edited Secret take to come back; and the bare
loop of the same requests in the same run, because ratios travel between machines and seconds do not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from github_simulator.control_client import App, Control, Installation
from github_simulator.process import SimulatorProcess
from localcluster import ControlPlane, locate_or_build
from localcluster.operator_process import OperatorProcess, running_operator

NAMESPACE = "bench"
APPS = 10
WITHIN = 600.0
CRDS = Path(__file__).parents[1] / "deploy" / "crds"
WATCHED = ("secrets", "githubtokens", "githubapps", "events", "leases")


def main() -> None:
    """Runs the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--tokens", type=int, default=500, help="how many GitHubTokens (default: %(default)s)")
    options.add_argument("--latency", type=float, default=0.05, help="seconds that GitHub takes (default: %(default)s)")
    options.add_argument("--flags", default="", help="further flags of `githubtoken run`")
    options.add_argument("--output", type=Path, help="also write the JSON to this file")
    chosen = options.parse_args()
    result = json.dumps(run(chosen.tokens, chosen.latency, chosen.flags.split()), indent=2)
    print(result)
    if chosen.output:
        chosen.output.write_text(result + "\n")


def run(tokens: int, latency: float, flags: list[str]) -> dict[str, Any]:
    """All measurements."""
    binaries = locate_or_build(say=_say)
    with (
        tempfile.TemporaryDirectory() as folder,
        ControlPlane(binaries, crds=CRDS) as cluster,
        SimulatorProcess() as simulator,
    ):
        github = simulator.control
        apps = _make_apps(cluster, github, simulator.api_url, simulator.web_url)
        _say(f"applying {tokens} GitHubTokens")
        cluster.apply({"apiVersion": "v1", "kind": "List", "items": [_token(number) for number in range(tokens)]})
        github.settings(latency=latency)
        plan = {
            "api_url": simulator.api_url,
            "namespace": NAMESPACE,
            "count": tokens,
            "apps": [
                {"id": app.id, "installation": installed.id, "private_key": app.private_key} for app, installed in apps
            ],
        }
        _say("the bare loop")
        bare = _bare_loop(cluster, plan)
        hosts = ",".join(url.split("//")[1] for url in (simulator.api_url, simulator.web_url))
        arguments = ("--allowed-hosts", hosts, *flags)

        def operator() -> Any:  # noqa: ANN401 - a context manager
            return running_operator(cluster.kubeconfig, Path(folder) / "operator.log", *arguments)

        _say("the first run")
        with (
            _Arrivals(binaries.kubectl, cluster.kubeconfig) as arrived,
            _measured(cluster, github, operator) as (first, process),
        ):
            arrived.wait_for(tokens)
            first.take_idle(process, tokens)
            repairs = _repairs(cluster)
        _say("the restart")
        with _measured(cluster, github, operator) as (again, process):
            before = _api_requests(cluster)["GET secrets"]
            _until(lambda: _api_requests(cluster)["GET secrets"] - before >= tokens, every=0.5)
            again.take_idle(process, tokens)
            known = process.metrics().count("githubtoken_info{")
            if known != tokens:
                raise RuntimeError(f"after the restart {known} of {tokens} tokens are known")
    return {
        "tokens": tokens,
        "apps": APPS,
        "github_latency_seconds": latency,
        "bare_loop": bare,
        "first_run": first.report(),
        "restart": again.report(),
        "repair_seconds": repairs,
        "ratio_to_bare_loop": {
            "seconds": round(first.seconds / bare["seconds"], 2),
            "cpu": round(first.cpu_seconds / bare["cpu_seconds"], 2),
        },
    }


@dataclass
class Measurement:
    """One life of the operator."""

    started: float = field(default_factory=time.monotonic)
    tokens: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss: int = 0
    idle_rss: int = 0
    api: Counter[str] = field(default_factory=Counter)
    github: Counter[str] = field(default_factory=Counter)

    def take_idle(self, process: OperatorProcess, tokens: int) -> None:
        """Everything is there: notes how long that took, and the memory once it has come to rest."""
        self.seconds = time.monotonic() - self.started
        self.tokens = tokens
        self.cpu_seconds = sum(psutil.Process(process.pid).cpu_times()[:2])
        time.sleep(10)
        self.idle_rss = psutil.Process(process.pid).memory_info().rss

    def report(self) -> dict[str, Any]:
        """The figures for people and scripts; requests are per token."""
        return {
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "cpu_ms_per_token": round(1000 * self.cpu_seconds / self.tokens, 1),
            "peak_rss_mb": round(self.peak_rss / 1e6, 1),
            "idle_rss_mb": round(self.idle_rss / 1e6, 1),
            "mints": self.github["mint"],
            "github_requests_per_token": round(sum(self.github.values()) / self.tokens, 2),
            "github_requests": dict(self.github),
            "api_requests_per_token": round(sum(self.api.values()) / self.tokens, 2),
            "api_requests": dict(sorted(self.api.items())),
        }


class _Arrivals:
    """The consumer's Secrets as they come, by one watch: looking at lists would cost more than what is measured."""

    def __init__(self, kubectl: Path, kubeconfig: Path) -> None:
        selector = "--selector=githubtoken.dev/role=token"
        command = (str(kubectl), "--kubeconfig", str(kubeconfig), "get", "secrets", "-n", NAMESPACE, selector)
        self._process = subprocess.Popen((*command, "--watch", "-o", "name"), stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def wait_for(self, count: int) -> None:
        """Returns when so many have come."""
        names: set[str] = set()
        while len(names) < count and (line := self._next()):
            names.add(line)

    def _next(self) -> str:
        if self._process.stdout is None:
            raise RuntimeError("the watch has no output")
        return self._process.stdout.readline()


@contextmanager
def _measured(
    cluster: ControlPlane, github: Control, operator: Callable[[], Any]
) -> Iterator[tuple[Measurement, OperatorProcess]]:
    api, counts = _api_requests(cluster), Counter(github.ledger().counts)
    result = Measurement()
    done = threading.Event()
    with operator() as process:
        sampler = threading.Thread(target=_sample, args=(process.pid, result, done))
        sampler.start()
        try:
            yield result, process
        finally:
            done.set()
            sampler.join()
    result.api = _api_requests(cluster) - api
    result.github = Counter(github.ledger().counts) - counts


def _sample(pid: int, result: Measurement, done: threading.Event) -> None:
    while not done.wait(0.05):
        result.peak_rss = max(result.peak_rss, psutil.Process(pid).memory_info().rss)


def _repairs(cluster: ControlPlane) -> dict[str, float]:
    def uid() -> str:
        shown = ("--ignore-not-found", "-o", "jsonpath={.metadata.uid}")
        return cluster.kubectl("get", "secret", "token-00001", "-n", NAMESPACE, *shown)

    def data() -> str:
        return cluster.kubectl("get", "secret", "token-00002", "-n", NAMESPACE, "-o", "jsonpath={.data.token}")

    before = uid()
    cluster.kubectl("delete", "secret", "token-00001", "-n", NAMESPACE, "--wait=false")
    deleted = _until(lambda: uid() not in ("", before))
    kept = data()
    patch = json.dumps({"data": {"token": b64encode(b"edited").decode()}})
    cluster.kubectl("patch", "secret", "token-00002", "-n", NAMESPACE, "--type=merge", "-p", patch)
    return {"deleted": round(deleted, 2), "edited": round(_until(lambda: data() == kept), 2)}


def _bare_loop(cluster: ControlPlane, plan: dict[str, Any]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("bare_loop.py"))],
        input=json.dumps({**plan, "started": time.time()}),
        capture_output=True,
        text=True,
        check=True,
        env={"KUBECONFIG": str(cluster.kubeconfig), "PATH": "/usr/bin:/bin"},
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _make_apps(cluster: ControlPlane, github: Control, api_url: str, web_url: str) -> list[tuple[App, Installation]]:
    cluster.kubectl("create", "namespace", NAMESPACE)
    made = []
    for number in range(APPS):
        app = github.create_app(f"bench-{number}")
        made.append((app, github.install(app, f"org-{number}")))
        meta = {"name": f"app-{number}", "namespace": NAMESPACE}
        key = b64encode((app.private_key or "").encode()).decode()
        labels = {"githubtoken.dev/role": "app"}
        cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": meta | {"labels": labels},
                "data": {"private-key.pem": key},
            }
        )
        spec = {"appID": app.id, "privateKeySecretRef": {"name": meta["name"]}, "apiURL": api_url, "webURL": web_url}
        cluster.apply({"apiVersion": "githubtoken.dev/v1alpha1", "kind": "GitHubApp", "metadata": meta, "spec": spec})
    return made


def _token(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "githubtoken.dev/v1alpha1",
        "kind": "GitHubToken",
        "metadata": {"name": f"token-{number:05}", "namespace": NAMESPACE},
        "spec": {
            "appRef": {"name": f"app-{number % APPS}"},
            "installation": {"owner": f"org-{number % APPS}"},
        },
    }


def _api_requests(cluster: ControlPlane) -> Counter[str]:
    """Requests so far by verb and resource, as the API server counts them; watches and our own looks left out."""
    counts: Counter[str] = Counter()
    for line in cluster.kubectl("get", "--raw", "/metrics").splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        labels, value = line[len("apiserver_request_total{") :].rsplit("} ", 1)
        fields = dict(item.split("=", 1) for item in labels.replace('"', "").split(",") if "=" in item)
        resource, verb = fields.get("resource", ""), fields.get("verb", "")
        if resource in WATCHED and verb not in ("WATCH", "LIST"):
            name = "/".join(part for part in (resource, fields.get("subresource", "")) if part)
            counts[f"{verb} {name}"] += int(float(value))
    return counts


def _until(condition: Callable[[], bool], *, every: float = 0.05) -> float:
    """Seconds until `condition` holds; a look that costs the operator something is taken seldom."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > WITHIN:
            raise TimeoutError(f"not within {WITHIN:.0f} s")
        time.sleep(every)
    return time.monotonic() - started


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
