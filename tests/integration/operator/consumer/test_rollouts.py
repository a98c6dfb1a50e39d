"""What helm 4 makes of our objects while it waits for a release: it goes by kstatus, and so does Flux."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcluster.helm import locate_helm
from tests.integration.operator.stage.conditions import conditions_of
from tests.integration.operator.tokens.user.test_sign_in import device_app, wait_code
from tests.kstatus import CURRENT, FAILED, IN_PROGRESS, kstatus

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

DAY = 86_400


class Release:
    """A release of one GitHubToken, and of a ConfigMap that changes with each upgrade."""

    def __init__(self, world: World, folder: Path, spec: dict[str, Any]) -> None:
        self._world = world
        self._chart = folder / "chart"
        self._spec = spec
        self._upgrades = 0
        (self._chart / "templates").mkdir(parents=True)
        (self._chart / "Chart.yaml").write_text("{apiVersion: v2, name: team, version: 0.1.0}")

    def upgrade(self) -> subprocess.Popen[str]:
        """Begins `helm upgrade` with a rollback where it fails. helm waits for half a minute at most."""
        self._upgrades += 1
        data = {"upgrades": str(self._upgrades)}
        objects = [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "changing"}, "data": data},
            {
                "apiVersion": "githubtoken.dev/v1alpha1",
                "kind": "GitHubToken",
                "metadata": {"name": "ci"},
                "spec": self._spec,
            },
        ]
        (self._chart / "templates" / "all.yaml").write_text("\n---\n".join(json.dumps(each) for each in objects))
        where = f"--namespace={self._world.namespace}", f"--kubeconfig={self._world.cluster.control_plane.kubeconfig}"
        options = "--install", "--rollback-on-failure", "--timeout=30s"
        return subprocess.Popen(
            [locate_helm().helm4, "upgrade", "team", self._chart, *options, *where],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ends(self, upgrade: subprocess.Popen[str], code: int) -> str:
        """What helm said when it had ended so."""
        said, _ = upgrade.communicate(timeout=90)
        assert upgrade.returncode == code, said
        return said


def test_a_personal_token_that_expires_within_a_week_stops_no_release(world: World, tmp_path: Path) -> None:
    world.secret("robot-pat", {"token": world.made_by_hand(life=6 * DAY)}, role="seed")
    urls = {"apiURL": world.simulator.api_url, "webURL": world.simulator.web_url}
    release = Release(world, tmp_path, {"personal": {"secretRef": {"name": "robot-pat"}, **urls}})
    for _ in ("install", "upgrade"):
        release.ends(release.upgrade(), 0)
    shown = world.found()
    assert (conditions_of(shown), kstatus(shown)) == ({"NeedsHuman": "ExpiresSoon"}, CURRENT)


def test_a_valid_token_whose_successor_cannot_be_had_stops_no_release(world: World, tmp_path: Path) -> None:
    installation = world.install(world.app(installed=False))
    release = Release(world, tmp_path, {"appRef": {"name": "acme"}, "installation": {"owner": world.account}})
    release.ends(release.upgrade(), 0)
    world.github.suspend(installation)
    world.annotate("ci", refresh_requested_at="now")
    world.wait_failing()
    release.ends(release.upgrade(), 0)
    shown = world.found()
    assert (conditions_of(shown), kstatus(shown)) == ({"NeedsHuman": "InstallationSuspended"}, CURRENT)


def test_a_release_waits_for_a_human_who_signs_in(world: World, tmp_path: Path) -> None:
    device_app(world)
    release = Release(world, tmp_path, {"appRef": {"name": "acme"}, "user": {"deviceFlow": {}}})
    waiting = release.upgrade()
    code = wait_code(world, "ci")
    shown = world.found()
    assert (conditions_of(shown), kstatus(shown)) == ({"NeedsHuman": "AwaitingAuthorization"}, IN_PROGRESS)
    assert waiting.poll() is None
    world.github.approve(code, "alice")
    release.ends(waiting, 0)
    assert kstatus(world.found()) == CURRENT


def test_a_token_that_only_a_human_can_help_ends_a_release_and_the_one_before_comes_back(
    world: World, tmp_path: Path
) -> None:
    world.app()
    release = Release(world, tmp_path, {"appRef": {"name": "acme"}, "installation": {"owner": world.account}})
    release.ends(release.upgrade(), 0)
    (tmp_path / "worse").mkdir()
    worse = Release(world, tmp_path / "worse", {"appRef": {"name": "acme"}, "installation": {"owner": "nobody"}})
    failing = worse.upgrade()
    world.wait_reason("ci", "InstallationNotFound")
    assert kstatus(world.found()) == FAILED
    assert "status: Failed" in worse.ends(failing, 1)
    assert world.found()["spec"]["installation"] == {"owner": world.account}
    world.wait_ready()
