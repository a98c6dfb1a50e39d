"""`make bench-fairness`: whom a limit, a hanging App and an outage of GitHub delay. Prints one JSON object.

Four cells, each on a real API server and the simulator, for the present commit and for the one before lanes
(`--before`), both checked out beside, one after the other in the same run. Seconds are counted from when the process is
ready, or from the end of the outage.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from benchmarks.measuring import ROOT, checked_out, commit_of, machine, say
from benchmarks.world import SecretWatch, app_objects, operator_of
from github_simulator.control_client import App, Control, Request
from github_simulator.process import SimulatorProcess
from localcluster import ControlPlane, locate_or_build
from localcluster.operator_process import OperatorProcess

BEFORE = "da77ec8"
INSTALLATIONS, EACH = 11, 10
HANGING = 40
OUTAGE, TOKENS_IN_OUTAGE = 30.0, 50
POINTS, TOKENS_OF_ONE_APP = 900, 300
SOON = 10.0
PATIENCE = 120.0
"""Seconds after which a cell ends, whatever is still missing."""


def main() -> None:
    """Runs the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--before", default=BEFORE, help="the commit to compare with (default: %(default)s)")
    options.add_argument("--only-this", action="store_true", help="leave the other version out")
    options.add_argument("--cells", default=",".join(CELLS), help="which (default: %(default)s)")
    options.add_argument("--output", type=Path, help="also write the JSON to this file")
    chosen = options.parse_args()
    result = json.dumps(run(chosen.cells.split(","), None if chosen.only_this else chosen.before), indent=2)
    print(result)
    if chosen.output:
        chosen.output.write_text(result + "\n")


def run(cells: Sequence[str], before: str | None) -> dict[str, Any]:
    """All cells, with both versions."""
    binaries = locate_or_build(say=say)
    found: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        ControlPlane(binaries, crds=ROOT / "deploy" / "crds") as cluster,
        checked_out("HEAD") as now,
        checked_out(before) if before else nullcontext() as earlier,
    ):
        versions = {"now": now} | ({"before": earlier} if earlier else {})
        for cell, (version, sources) in itertools.product(cells, versions.items()):
            say(f"{cell}, {version}")
            with SimulatorProcess() as simulator:
                stage = Stage(cluster, simulator, f"{cell}-{version}", Path(folder), sources, binaries.kubectl)
                stage.prepare()
                found.setdefault(cell, {})[version] = result = CELLS[cell](stage)
                say(json.dumps(result))
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(binaries),
        "commits": {"now": commit_of("HEAD"), "before": commit_of(before) if before else None},
        "cells": found,
    }


@dataclass
class Stage:
    """A namespace, a GitHub and a version of the operator."""

    cluster: ControlPlane
    simulator: SimulatorProcess
    namespace: str
    folder: Path
    sources: Path
    kubectl: Path

    @property
    def github(self) -> Control:
        """The simulator's control."""
        return self.simulator.control

    def prepare(self) -> None:
        """Makes the namespace; a GitHub that takes 50 ms."""
        self.cluster.kubectl("create", "namespace", self.namespace)
        self.github.settings(latency=0.05)

    def app(self, name: str) -> App:
        """An App with its key and its object."""
        app = self.github.create_app(f"{self.namespace}-{name}")
        items = app_objects(name, self.namespace, app, self.simulator)
        self.cluster.apply({"apiVersion": "v1", "kind": "List", "items": items})
        return app

    def tokens(self, named: dict[str, tuple[str, int]]) -> None:
        """GitHubTokens by name, each with its App and installation, by one apply."""
        items = [
            {
                "apiVersion": "githubtoken.dev/v1alpha1",
                "kind": "GitHubToken",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": {"appRef": {"name": app}, "installation": {"id": installation}},
            }
            for name, (app, installation) in named.items()
        ]
        self.cluster.apply({"apiVersion": "v1", "kind": "List", "items": items})

    @contextmanager
    def running(self) -> Iterator[OperatorProcess]:
        """The operator of this version, for this namespace."""
        log = self.folder / f"{self.namespace}.log"
        flags = ("--namespaces", self.namespace)
        with operator_of(self.cluster, self.simulator, log, *flags, source=self.sources) as operator:
            yield operator

    def arrivals(self) -> Arrivals:
        """The consumers' Secrets as they come."""
        return Arrivals(self.kubectl, self.cluster, self.namespace)

    def requests(self, operation: str | None = None) -> list[Request]:
        """What GitHub was asked."""
        return [each for each in self.github.ledger().requests if operation in {None, each.operation}]


class Arrivals(SecretWatch):
    """When each Secret came."""

    def __init__(self, kubectl: Path, cluster: ControlPlane, namespace: str) -> None:
        super().__init__(kubectl, cluster, "-n", namespace)
        self.at: dict[str, float] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def wait_for(self, prefix: str, count: int, *, until: float) -> list[float]:
        """When those of that prefix came, once there are so many or it is that time."""
        while len(self.of(prefix)) < count and time.monotonic() < until:
            time.sleep(0.1)
        return self.of(prefix)

    def of(self, prefix: str) -> list[float]:
        """When those of that prefix came."""
        return sorted(at for name, at in tuple(self.at.items()) if name.startswith(prefix))

    def _read(self) -> None:
        for line in self.lines():
            self.at.setdefault(line.strip().removeprefix("secret/"), time.monotonic())


def limited(stage: Stage) -> dict[str, Any]:
    """11 installations of ten tokens, of which one answers 403 with `Retry-After: 60`."""
    app = stage.app("app")
    numbers = [stage.github.install(app, f"org-{number}").id for number in range(INSTALLATIONS)]
    stage.github.fail(
        "mint", times=None, app=app, installation_id=numbers[0], status=403, headers={"Retry-After": "60"}
    )
    # A list comes sorted by name: the limited ones stand among the others, and first.
    stage.tokens(
        {
            f"token-{number}-{place:02}": ("app", numbers[place])
            for number in range(EACH)
            for place in range(INSTALLATIONS)
        }
    )
    with stage.arrivals() as arrivals, stage.running():
        started = time.monotonic()
        time.sleep(60)
        came = [at - started for at in arrivals.of("token")]
        asked = [each for each in stage.requests("mint") if each.installation_id == numbers[0]]
    healthy = EACH * (INSTALLATIONS - 1)
    return {
        "healthy_tokens": healthy,
        "healthy_after_10_s": sum(at <= SOON for at in came),
        "healthy_after_60_s": len(came),
        "last_healthy_seconds": round(max(came), 2) if len(came) == healthy else None,
        "requests_for_the_limited_in_60_s": len(asked),
    }


def hanging(stage: Stage) -> dict[str, Any]:
    """An App of which each call takes 30 s, beside one that answers; 40 tokens each."""
    undisturbed = _beside(stage, "alone", hangs=False)
    stage.namespace += "-hangs"
    stage.prepare()
    disturbed = _beside(stage, "beside", hangs=True)
    ratio = round(disturbed["last"] / undisturbed["last"], 2) if disturbed["last"] and undisturbed["last"] else None
    return {"undisturbed": undisturbed, "beside_one_that_hangs": disturbed, "ratio": ratio}


def _beside(stage: Stage, owner: str, *, hangs: bool) -> dict[str, Any]:
    apps = {name: stage.app(name) for name in ("bad", "good")}
    where = {name: stage.github.install(app, f"{owner}-{name}").id for name, app in apps.items()}
    if hangs:
        stage.github.fail("*", times=None, app=apps["bad"], delay=30.0)
    stage.tokens({f"{name}-{number}": (name, where[name]) for name in apps for number in range(HANGING)})
    with stage.arrivals() as arrivals, stage.running():
        started = time.monotonic()
        came = arrivals.wait_for("good", HANGING, until=started + PATIENCE)
        if not hangs:
            arrivals.wait_for("bad", HANGING, until=started + PATIENCE)
    stage.github.clear_faults()
    return {"served": len(came), "last": round(came[-1] - started, 2) if len(came) == HANGING else None}


def outage(stage: Stage) -> dict[str, Any]:
    """30 s of 502, in which 50 tokens are made."""
    app = stage.app("app")
    installation = stage.github.install(app, "org").id
    with stage.arrivals() as arrivals, stage.running():
        _until_ready(stage, "app")
        stage.github.reset_ledger()
        stage.github.fail("*", times=None, status=502)
        began = time.monotonic()
        stage.tokens({f"token-{number}": ("app", installation) for number in range(TOKENS_IN_OUTAGE)})
        time.sleep(max(began + OUTAGE - time.monotonic(), 0))
        stage.github.clear_faults()
        ended = time.monotonic()
        came = arrivals.wait_for("token", TOKENS_IN_OUTAGE, until=ended + PATIENCE)
        requests = stage.requests()
    failed = [each for each in requests if each.status == 502]  # noqa: PLR2004 - an HTTP status
    return {
        "tokens": TOKENS_IN_OUTAGE,
        "requests": len(requests),
        "refused_requests": len(failed),
        "busiest_second_of_the_outage": _busiest(failed),
        "busiest_second": _busiest(requests),
        "last_token_after_the_end_seconds": round(came[-1] - ended, 2) if len(came) == TOKENS_IN_OUTAGE else None,
    }


def points(stage: Stage) -> dict[str, Any]:
    """300 tokens of one App under 900 points a minute."""
    app = stage.app("app")
    installation = stage.github.install(app, "org").id
    stage.github.settings(points_per_minute=POINTS)
    stage.tokens({f"token-{number}": ("app", installation) for number in range(TOKENS_OF_ONE_APP)})
    with stage.arrivals() as arrivals:
        started = time.monotonic()
        with stage.running():
            came = arrivals.wait_for("token", TOKENS_OF_ONE_APP, until=started + PATIENCE)
            mints = stage.requests("mint")
    return {
        "tokens": TOKENS_OF_ONE_APP,
        "served": len(came),
        "refused_requests": sum(each.status == 403 for each in mints),  # noqa: PLR2004 - an HTTP status
        "last_seconds": round(came[-1] - started, 2) if came else None,
    }


CELLS = {"limited": limited, "hanging": hanging, "outage": outage, "points": points}


def _busiest(requests: Sequence[Request]) -> int:
    return max(Counter(int(each.at) for each in requests).values(), default=0)


def _until_ready(stage: Stage, app: str) -> None:
    until = time.monotonic() + PATIENCE
    path = "-o=jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    while stage.cluster.kubectl("get", "githubapp", app, "-n", stage.namespace, path) != "True":
        if time.monotonic() > until:
            raise TimeoutError("the App is not ready")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
