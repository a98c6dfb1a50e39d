"""Objects come and go, and the operator holds no more for it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.integration.operator.stage.belongings import OPERATOR_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.world import World

    Start = Callable[..., OperatorProcess]

COUNTED: Final = Path(__file__).with_name("counted.py")
EACH: Final = 5
"""Objects of each kind in one round; what grows by one for each is held for good."""
BOUNDED: Final = {
    "domain.lanes.": "swept once there are 256",
    "engine.scheduling.pacing.": "the same",
    "apps.reader.Resolved": "swept once there are 64",
    "domain.vocabulary.errors.Terminal": "in what was read of an App",
    "engine.cache.watched.Ref": "in what was read of an App, and in lanes",
    "domain.installation.target.Target": "4,096 of what was learnt lately",
    "domain.vocabulary.model.Installation": "the same",
    "adapters.github.jwt:_web_tokens": "4,096",
    "adapters.metrics.recent.Recent._values": "an hour of them",
}
"""What may grow, to no more than that."""


def come_and_go(world: World, mark: str) -> None:
    """Tokens of every kind, with Apps of their own, that work and that do not; then all of it goes."""
    names, clusterwide, spaces = [], [], []
    for number in range(EACH):
        it = f"{mark}{number}"
        app = world.app(f"app{it}")
        world.installation_token(f"ci{it}", app=f"app{it}")
        world.user_token(f"user{it}", app=f"app{it}", seed=world.sign_in(app, f"user{it}"))
        world.personal_token(world.made_by_hand(f"robot{it}"), f"robot{it}", role=None if number % 2 else "seed")
        ours = {"appRef": {"name": f"app{it}"}}
        world.token(f"device{it}", {**ours, "user": {"deviceFlow": {}}})
        world.token(f"ended{it}", {**ours, "installation": {"owner": world.account}, "deletionPolicy": "Revoke"})
        world.token(f"lost{it}", {"appRef": {"name": f"nowhere{it}"}, "installation": {"owner": "x"}})
        names += [f"{kind}{it}" for kind in ("ci", "user", "robot", "ended")]
        shared = world.cluster_app(app, f"app-{it}-{world.namespace}", allowedNamespaces={"from": "All"})
        spaces.append(world.another_namespace(it))
        spec = {"appRef": {"name": shared}, "installation": {"owner": world.account}, "secret": {"name": "pull"}}
        name = f"pull-{it}-{world.namespace}"
        clusterwide.append(world.cluster_token({**spec, "namespaces": {"names": [spaces[-1]]}}, name))
    for name in names:
        world.wait_ready(name)
    for name in clusterwide:
        world.wait_ready(name, kind="ClusterGitHubToken")
    for number in range(EACH):
        world.wait_for(f"device{mark}{number}", lambda found: found.get("status", {}).get("deviceFlow"))
        world.wait_reason(f"lost{mark}{number}", "AppNotFound")
        for kind in ("ci", "user"):
            world.annotate(f"{kind}{mark}{number}", refresh_requested_at="now")
            world.wait_ready(f"{kind}{mark}{number}", revision=2)
    for name in clusterwide:
        world.cluster.delete("ClusterGitHubToken", "", name)
    world.cluster.delete("GitHubToken", world.namespace)
    world.wait_until(lambda: not world.cluster.list("GitHubToken", world.namespace), "the end of the tokens")
    for name in world.cluster_apps:
        world.cluster.delete("ClusterGitHubApp", "", name)
        world.cluster.delete("Secret", OPERATOR_NAMESPACE, f"{name}-app")
    for kind in ("GitHubApp", "Secret"):
        world.cluster.delete(kind, world.namespace)
    for space in spaces:
        world.cluster.delete("Namespace", "", space)
    world.wait_until(lambda: not any(world.cluster.get("Namespace", "", it) for it in spaces), "the end of namespaces")
    for made in (world.namespaces, world.cluster_apps, world.cluster_tokens):
        made.clear()
    world.settle(3)


def counted(world: World, target: Path) -> dict[str, int]:
    """What the operator holds of its own classes and collections, and its series of metrics by name."""
    target.unlink(missing_ok=True)
    world.operator.process.send_signal(signal.SIGUSR1)
    world.wait_until(target.exists, "the count")
    found: dict[str, int] = json.loads(target.read_text())
    for line in world.operator.metrics().splitlines():
        name = f"metric {line.partition('{')[0].partition(' ')[0]}"
        # The buckets of one series are fifteen lines, and its count is one.
        if name != "metric githubtoken_github_rate_limit_remaining" and not name.endswith("_bucket"):
            found[name] = found.get(name, 0) + 1
    return found


def test_what_came_and_went_is_not_held(apart: World, start: Start, tmp_path: Path) -> None:
    assert apart.operator.stop() == 0
    journal, target = tmp_path / "journal", tmp_path / "counted"
    apart.operator = start(None, "--journal-dir", str(journal), program=(str(COUNTED), str(target)))
    counts = []
    for mark in "abc":
        come_and_go(apart, mark)
        counts.append(counted(apart, target))
    first, _, last = counts
    grown = {name: (first.get(name, 0), many) for name, many in last.items() if many - first.get(name, 0) >= EACH}
    assert {name: many for name, many in grown.items() if not name.startswith(tuple(BOUNDED))} == {}
    assert list(journal.glob("*.json")) == []
