"""What the tests of this folder share: two replicas of the operator, and a Prometheus that scrapes them.

The control plane is this scene's own, because its API server is stopped. The alerts' durations are divided by `FACTOR`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from github_simulator.process import SimulatorProcess
from localcluster import Binaries, ControlPlane
from localcluster.launch import free_ports
from localcluster.operator_process import OperatorProcess, start_operator
from tests.conftest import CRDS, REPOSITORY
from tests.integration.monitoring.dashboard.shrinking import shrink
from tests.integration.monitoring.prometheus import Firing, Prometheus, program, running_prometheus
from tests.integration.operator.stage.cluster import Cluster, new_namespace
from tests.integration.operator.stage.world import World, world_in

CHART_FILES: Final = REPOSITORY / "charts" / "githubtoken-operator" / "files"
ALERTS: Final = CHART_FILES / "alerts.yaml"
DASHBOARD: Final = CHART_FILES / "dashboard.json"
FACTOR: Final = 120
"""An hour becomes half a minute, two minutes become a second: the pace of the scrapes allows no more."""
TOKENS: Final = "tokens"
"""Where in the scene's folder the replicas look for what they show a Vault."""
FIRES_WITHIN: Final = 120.0
POLL: Final = 0.25

StartReplica = Callable[..., OperatorProcess]


def alerts() -> dict[str, Any]:
    """The chart's rule file."""
    rules: dict[str, Any] = yaml.safe_load(ALERTS.read_text())
    return rules


def queries() -> dict[str, list[str]]:
    """What the panels of the chart's dashboard ask, by their titles, with everything chosen."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return {panel["title"]: [chosen(target["expr"]) for target in panel.get("targets", ())] for panel in panels}


def chosen(expression: str) -> str:
    """A query of the dashboard with everything chosen, and over a time that fits the pace of the scrapes."""
    for variable, value in {"$job": ".*", "$namespace": ".*", "$name": ".*", "$__rate_interval": "10s"}.items():
        expression = re.sub(re.escape(variable) + r"\b", value, expression)
    return expression


@dataclass
class Scene:
    """The processes, and what was seen to fire: by alert, the failure and the seconds until it fired.

    The replicas may ask a Vault on `vault_port`, with the tokens in `folder`.
    """

    world: World
    plane: ControlPlane
    elsewhere: SimulatorProcess
    prometheus: Prometheus
    replicas: list[OperatorProcess]
    start: StartReplica
    folder: Path
    vault_port: int
    seen: dict[str, tuple[str, float]] = field(default_factory=dict)

    def wait_fires(
        self, what: str, expected: Mapping[str, Mapping[str, str]], *drivers: Iterator[None]
    ) -> dict[str, Firing]:
        """Waits until these alerts fire with these labels; a driver repeats its failure at each turn of the wait."""
        began = time.monotonic()
        found: dict[str, Firing] = {}
        while missing := expected.keys() - found.keys():
            waited = time.monotonic() - began
            assert waited < FIRES_WITHIN, f"{missing} did not fire, but {[f.name for f in self.prometheus.firing()]}"
            for driver in drivers:
                next(driver)
            for firing in self.prometheus.firing():
                if firing.name in missing and expected[firing.name].items() <= firing.labels.items():
                    found[firing.name] = firing
                    self.seen[firing.name] = (what, waited)
            time.sleep(POLL)
        return found


@contextmanager
def scene_on(binaries: Binaries, folder: Path, namespace: str | None = None) -> Iterator[Scene]:
    """All of it, ready: one replica leads, and Prometheus has scraped both."""
    program("prometheus")
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(binaries, crds=CRDS))
        cluster = Cluster(plane)
        stack.callback(cluster.close)
        simulator = stack.enter_context(SimulatorProcess())
        elsewhere = stack.enter_context(SimulatorProcess("--clock-offset=600"))
        [vault_port] = free_ports(1)

        def start(name: str, *flags: str, environment: Mapping[str, str] | None = None) -> OperatorProcess:
            # Each by its port: series name a host by the entry that admits it.
            hosts = {urlsplit(url).netloc for each in (simulator, elsewhere) for url in (each.api_url, each.web_url)}
            hosts.add(f"127.0.0.1:{vault_port}")
            fixed = (
                "--signer-tokens",
                str(folder / TOKENS),
                "--allowed-hosts",
                ",".join(sorted(hosts)),
                "--lease-duration",
                "6s",
                "--concurrency",
                "4",
            )
            replica = start_operator(
                plane.kubeconfig,
                folder / "operator.log",
                *fixed,
                *("--journal-dir", str(folder / name)),
                *flags,
                environment=environment,
            )
            stack.callback(replica.stop)
            replica.wait_ready()
            return replica

        replicas = [start(name, "--leader-elect") for name in ("first", "second")]
        namespace = stack.enter_context(new_namespace(cluster, namespace))
        world = stack.enter_context(world_in(cluster, simulator, replicas[0], namespace))
        world.wait_until(lambda: any(one.leads for one in replicas), "a leader")
        urls = [replica.metrics_url for replica in replicas]
        prometheus = stack.enter_context(running_prometheus(folder, shrink(alerts(), FACTOR), urls))
        world.wait_until(lambda: len(prometheus.query("githubtoken_leader")) == len(replicas), "a scrape of both")
        # Before the first scrape there was no operator.
        world.wait_until(lambda: prometheus.firing() == [], "silence")
        yield Scene(world, plane, elsewhere, prometheus, replicas, start, folder, vault_port)
