"""`make bench` and `make bench-scale`: what the operator costs, on a real API server and the simulator. Prints JSON.

For each size: N installation tokens over the Apps, from the start of the process until the last Secret is there; the
same without the probe; a restart with everything fresh; how long a deleted and an edited Secret take to come back; the
renewals of tokens that live for minutes. Beside it, in the same run, the bare loop of the same requests, and with
`--against` the operator of another commit: ratios travel between machines, seconds do not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.measuring import (
    ROOT,
    Measurement,
    checked_out,
    commit_of,
    counted,
    cpu_seconds,
    lag,
    machine,
    rss,
    say,
    settled,
    until,
    watched,
)
from github_simulator.control_client import App, Control, Installation
from github_simulator.process import SimulatorProcess
from localcluster import Binaries, ControlPlane, locate_or_build
from localcluster.operator_process import OperatorProcess, running_operator

NAMESPACE = "bench"
CRDS = ROOT / "deploy" / "crds"
AT_REST = 10.0
"""Seconds after which the memory is that of an operator that does nothing."""
SHORT_LIFE = 180.0
"""Seconds that a token lives where renewals are measured: each is renewed at two thirds."""


@dataclass(frozen=True)
class Plan:
    """What is measured: how much of it, and of which operator."""

    tokens: int
    apps: int
    latency: float
    flags: tuple[str, ...]
    source: Path | None = None
    """Where the operator's package is, if it is not the one beside."""


def main() -> None:
    """Runs the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument(
        "--tokens", type=int, nargs="+", default=[500], help="how many GitHubTokens, size after size (default: 500)"
    )
    options.add_argument("--apps", type=int, default=10, help="Apps that they are of (default: %(default)s)")
    options.add_argument("--latency", type=float, default=0.05, help="seconds that GitHub takes (default: %(default)s)")
    options.add_argument("--against", metavar="COMMIT", help="measure the operator of this commit too, in turn")
    options.add_argument("--renewals", type=int, default=0, help="renew so many short-lived tokens too (default: 0)")
    options.add_argument("--flags", default="", help="further flags of `githubtoken run`")
    options.add_argument("--output", type=Path, help="also write the JSON to this file")
    chosen = options.parse_args()
    if min(*chosen.tokens, chosen.apps, 1) < 1:
        options.error("--tokens and --apps must be 1 or more")
    text = json.dumps(run(chosen), indent=2)
    print(text)
    if chosen.output:
        chosen.output.write_text(text + "\n")


def run(chosen: argparse.Namespace) -> dict[str, Any]:
    """All measurements."""
    binaries = locate_or_build(say=say)
    versions = {"now": commit_of("HEAD")} | ({"before": commit_of(chosen.against)} if chosen.against else {})
    with checked_out(chosen.against) if chosen.against else nullcontext() as before:
        sizes = []
        for tokens in chosen.tokens:
            size: dict[str, Any] = {"tokens": tokens}
            for name in versions:
                source = before if name == "before" else None
                plan = Plan(tokens, chosen.apps, chosen.latency, tuple(chosen.flags.split()), source)
                say(f"{tokens} tokens, {name}")
                size[name] = _measure(binaries, plan, bare=name == "now", renewals=chosen.renewals)
            sizes.append({**size, "ratios": _ratios(size)})
    return {
        "machine": machine(binaries),
        "versions": versions,
        "apps": chosen.apps,
        "github_latency_seconds": chosen.latency,
        "sizes": sizes,
    }


def _measure(binaries: Binaries, plan: Plan, *, bare: bool, renewals: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with _world(binaries, plan) as world:
        world.apply(plan.tokens)
        if bare:
            say("  the bare loop")
            found["bare_loop"] = world.bare_loop()
        say("  the first tokens")
        found["first"], found["repair_seconds"] = world.first()
        say("  a restart")
        found["restart"] = world.restart()
    with _world(binaries, plan) as world:
        world.apply(plan.tokens)
        say("  the first tokens without the probe")
        found["first_without_probe"], _ = world.first("--no-verify-before-publish")
    if renewals:
        with _world(binaries, plan, life=SHORT_LIFE) as world:
            world.apply(renewals)
            say("  renewals")
            found["renewals"] = world.renewals(renewals)
    return found


def _ratios(size: dict[str, Any]) -> dict[str, float]:
    """What travels between machines."""
    now, bare = size["now"], size["now"]["bare_loop"]
    found = {
        "seconds_to_bare_loop": now["first"]["seconds"] / bare["seconds"],
        "seconds_without_probe_to_bare_loop": now["first_without_probe"]["seconds"] / bare["seconds"],
    }
    if before := size.get("before"):
        for phase in ("first", "first_without_probe", "restart"):
            for figure in ("seconds", "cpu_seconds", "idle_rss_mb", "api_requests_per"):
                if before[phase][figure]:
                    found[f"{phase}_{figure}_to_before"] = now[phase][figure] / before[phase][figure]
    return {name: round(value, 2) for name, value in found.items()}


@contextmanager
def _world(binaries: Binaries, plan: Plan, *, life: float | None = None) -> Iterator[_World]:
    with (
        tempfile.TemporaryDirectory() as folder,
        ControlPlane(binaries, crds=CRDS) as cluster,
        SimulatorProcess() as simulator,
    ):
        made = _World(plan, binaries, cluster, simulator, Path(folder))
        made.make_apps(life)
        simulator.control.settings(latency=plan.latency)
        yield made


class _World:
    """A cluster, a GitHub, and the operator to be measured."""

    def __init__(
        self, plan: Plan, binaries: Binaries, cluster: ControlPlane, simulator: SimulatorProcess, folder: Path
    ) -> None:
        self._plan = plan
        self._binaries = binaries
        self._cluster = cluster
        self._simulator = simulator
        self._github: Control = simulator.control
        self._log = folder / "operator.log"
        self._apps: list[tuple[App, Installation]] = []

    def make_apps(self, life: float | None) -> None:
        """The Apps, each installed for one owner, with their keys."""
        self._cluster.kubectl("create", "namespace", NAMESPACE)
        items: list[dict[str, Any]] = []
        for number in range(self._plan.apps):
            app = self._github.create_app(f"bench-{number}", token_life=life)
            self._apps.append((app, self._github.install(app, f"org-{number}")))
            items += _app(number, app, self._simulator)
        self._cluster.apply({"apiVersion": "v1", "kind": "List", "items": items})

    def apply(self, tokens: int) -> None:
        """The GitHubTokens."""
        say(f"  applying {tokens} GitHubTokens")
        items = [_token(number, self._plan.apps) for number in range(tokens)]
        for start in range(0, tokens, 500):
            self._cluster.apply({"apiVersion": "v1", "kind": "List", "items": items[start : start + 500]})

    def bare_loop(self) -> dict[str, float]:
        """The same requests without an operator."""
        plan = {
            "api_url": self._simulator.api_url,
            "namespace": NAMESPACE,
            "count": self._plan.tokens,
            "apps": [
                {"id": app.id, "installation": installed.id, "private_key": app.private_key}
                for app, installed in self._apps
            ],
        }
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("bare_loop.py"))],
            input=json.dumps({**plan, "started": time.time()}),
            capture_output=True,
            text=True,
            check=True,
            env={"KUBECONFIG": str(self._cluster.kubeconfig), "PATH": "/usr/bin:/bin"},
        )
        result: dict[str, float] = json.loads(done.stdout)
        return result

    def first(self, *flags: str) -> tuple[dict[str, Any], dict[str, float]]:
        """From the start of the process until the last Secret is there; then how fast what is broken comes back."""
        result = Measurement()
        with (
            _Arrivals(self._binaries.kubectl, self._cluster.kubeconfig) as arrived,
            counted(self._cluster, self._github, result),
        ):
            started = time.monotonic()
            with self._operator(*flags) as process, watched(lambda: process.pid, result):
                arrived.wait_for(self._plan.tokens)
                result.seconds = time.monotonic() - started
                until(lambda: settled(process, self._plan.tokens), every=0.25)
                self._note_rest(process, result)
                repairs = self._repairs()
        return result.report(self._plan.tokens), repairs

    def restart(self) -> dict[str, Any]:
        """From the start of a process that finds everything fresh until it knows all of it."""
        result = Measurement()
        with counted(self._cluster, self._github, result):
            started = time.monotonic()
            with self._operator() as process, watched(lambda: process.pid, result):
                until(lambda: settled(process, self._plan.tokens), every=0.25)
                result.seconds = time.monotonic() - started
                self._note_rest(process, result)
                known = process.metrics().count("githubtoken_info{")
        if known != self._plan.tokens:
            raise RuntimeError(f"after the restart {known} of {self._plan.tokens} tokens are known")
        return result.report(self._plan.tokens)

    def renewals(self, tokens: int) -> dict[str, Any]:
        """What one renewal costs an operator that does nothing else: each token is renewed once or more."""
        result = Measurement()
        with self._operator() as process, watched(lambda: process.pid, result):
            until(lambda: settled(process, tokens), every=0.25)
            with counted(self._cluster, self._github, result):
                started, used = time.monotonic(), cpu_seconds(process)
                time.sleep(SHORT_LIFE)
                result.seconds = time.monotonic() - started
                result.cpu_seconds = cpu_seconds(process) - used
            result.lag = lag(process)
        renewed = result.github["mint"]
        return {"renewals": renewed, **result.report(max(renewed, 1))}

    @contextmanager
    def _operator(self, *flags: str) -> Iterator[OperatorProcess]:
        hosts = ",".join(url.split("//")[1] for url in (self._simulator.api_url, self._simulator.web_url))
        environment = {"PYTHONPATH": str(self._plan.source)} if self._plan.source else {}
        arguments = ("--allowed-hosts", hosts, *self._plan.flags, *flags)
        with running_operator(self._cluster.kubeconfig, self._log, *arguments, environment=environment) as process:
            yield process

    def _note_rest(self, process: OperatorProcess, result: Measurement) -> None:
        result.cpu_seconds = cpu_seconds(process)
        time.sleep(AT_REST)
        result.idle_rss = rss(process)
        result.lag = lag(process)

    def _repairs(self) -> dict[str, float]:
        def shown(name: str, path: str) -> str:
            options = ("--ignore-not-found", "-o", f"jsonpath={path}")
            return self._cluster.kubectl("get", "secret", name, "-n", NAMESPACE, *options)

        before = shown("token-00000", "{.metadata.uid}")
        self._cluster.kubectl("delete", "secret", "token-00000", "-n", NAMESPACE, "--wait=false")
        deleted = until(lambda: shown("token-00000", "{.metadata.uid}") not in ("", before))
        kept = shown("token-00000", "{.data.token}")
        patch = json.dumps({"data": {"token": b64encode(b"edited").decode()}})
        self._cluster.kubectl("patch", "secret", "token-00000", "-n", NAMESPACE, "--type=merge", "-p", patch)
        edited = until(lambda: shown("token-00000", "{.data.token}") == kept)
        return {"deleted": round(deleted, 2), "edited": round(edited, 2)}


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


def _app(number: int, app: App, simulator: SimulatorProcess) -> list[dict[str, Any]]:
    meta = {"name": f"app-{number}", "namespace": NAMESPACE}
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


if __name__ == "__main__":
    main()
