"""A picture of the dashboard, for docs/monitoring.md: `make dashboard` draws it.

A fleet lives for some minutes on the scene of the alerts, and some of it goes wrong. Then every query of the dashboard
is asked of the real Prometheus, over that time, and the answers are drawn where the dashboard has its panels.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import pytest

from github_simulator.control_client import App
from localcluster import Binaries
from tests.integration.monitoring.dashboard.drawing import Series, draw
from tests.integration.monitoring.prometheus import Prometheus, Sample
from tests.integration.monitoring.scene import DASHBOARD, Scene, chosen, scene_on

PICTURE: Final = os.environ.get("DASHBOARD_PICTURE", "")
SECONDS: Final = 300
STEP: Final = 2
DAY: Final = 86_400

pytestmark = [
    pytest.mark.skipif(not PICTURE, reason="the picture is drawn by `make dashboard`"),
    pytest.mark.timeout(900),
]


@pytest.fixture
def scene(binaries: Binaries, tmp_path: Path) -> Iterator[Scene]:
    with scene_on(binaries, tmp_path, namespace="team-a") as scene:
        yield scene


class Fleet:
    """What happens, by the second. Tokens live for a minute and a half there, instead of an hour."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._app: App | None = None
        self.story: dict[int, Callable[[], None]] = {
            0: self._app_and_people,
            **{5 + 6 * number: self._token(name) for number, name in enumerate(("ci", "deploy", "renovate", "docs"))},
            30: self._in_two_namespaces,
            35: self._personal,
            60: self._without_app,
            75: self._second_namespace,
            90: self._github_down,
            135: self._github_up,
            **{160 + 5 * number: self._secret_deleted for number in range(3)},
            200: self._revoked,
            230: self._leader_killed,
        }

    def _app_and_people(self) -> None:
        world = self._scene.world
        self._app = world.app("acme", token_life=90, user_token_life=120)
        for name in ("alice", "bob"):
            world.user_token(name, seed=world.sign_in(self._app, name))

    def _token(self, name: str) -> Callable[[], None]:
        spec = {"deletionPolicy": "Revoke"} if name == "docs" else {}
        source = {"appRef": {"name": "acme"}, "installation": {"owner": "acme-team-a"}, **spec}
        return lambda: self._scene.world.token(name, source)

    def _personal(self) -> None:
        world = self._scene.world
        world.personal_token(world.made_by_hand("robot", life=30 * DAY), "robot")

    def _in_two_namespaces(self) -> None:
        world = self._scene.world
        assert self._app is not None
        name = world.cluster_app(self._app, "acme", allowedNamespaces={"from": "All"})
        spec = {"appRef": {"name": name}, "installation": {"owner": "acme-team-a"}}
        world.cluster_token({**spec, "namespaces": {"names": [world.namespace, f"{world.namespace}-web"]}}, "pull")

    def _second_namespace(self) -> None:
        self._scene.world.another_namespace("web")

    def _without_app(self) -> None:
        self._scene.world.installation_token("orphan", app="nobody")

    def _github_down(self) -> None:
        assert self._app is not None
        self._fault = self._scene.world.github.fail("mint", app=self._app, status=502, times=None)

    def _github_up(self) -> None:
        self._scene.world.github.clear_faults(self._fault)

    def _secret_deleted(self) -> None:
        self._scene.world.delete("Secret", "deploy")

    def _revoked(self) -> None:
        self._scene.world.delete("GitHubToken", "docs")

    def _leader_killed(self) -> None:
        scene = self._scene
        leader = next(one for one in scene.replicas if one.leads)
        leader.kill()
        scene.replicas.remove(leader)
        scene.replicas.append(scene.start("third", "--leader-elect"))
        scene.prometheus.scrape([one.metrics_url for one in scene.replicas])
        scene.world.operator = scene.replicas[-1]


def name_of(labels: Mapping[str, str], legend: str) -> str:
    """What Grafana writes into the legend: labels in their places, and nothing for one that is not there."""
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend).strip()


def points(sample: Sample) -> Sequence[tuple[float, float]]:
    pairs = sample["values"] if "values" in sample else [sample["value"]]
    return [(float(at), float(value)) for at, value in pairs]


def asked(prometheus: Prometheus, panel: Mapping[str, Any], began: float) -> list[Series]:
    """What Prometheus answers to the queries of a panel, in the time since `began`."""
    found = []
    for target in panel.get("targets", ()):
        query = chosen(target["expr"])
        if target.get("instant"):
            samples = prometheus.query(query)
        else:
            samples = prometheus.query_range(query, start=began, end=began + SECONDS, step=STEP)
        for sample in samples:
            moved = [(at - began, value) for at, value in points(sample)]
            found.append(Series(name_of(sample["metric"], target.get("legendFormat", "")), sample["metric"], moved))
    return found


def test_the_dashboard_is_drawn(scene: Scene) -> None:
    story, began = Fleet(scene).story, time.time()
    for at in sorted(story):
        time.sleep(max(0.0, began + at - time.time()))
        story[at]()
    time.sleep(max(0.0, began + SECONDS - time.time()))
    dashboard = json.loads(DASHBOARD.read_text())
    results = {panel["id"]: asked(scene.prometheus, panel, began) for panel in dashboard["panels"]}
    empty = [panel["title"] for panel in dashboard["panels"] if panel["type"] != "row" and not results[panel["id"]]]
    assert empty == []
    # Text stays text, and the same figure is the same file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dashboard"}):
        draw(dashboard, results, SECONDS).savefig(PICTURE, metadata={"Date": None})
