"""A real Prometheus scrapes two replicas of the operator, and real failures fire every alert.

The order of the tests is that of the story: all is well; single tokens and GitHub fail; the operator itself does.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from localcluster import Binaries
from tests.chaos.faultproxy import FaultProxy, Rule
from tests.chaos.stage import behind
from tests.integration.adapters.signers.services.vaults import running_vault
from tests.integration.monitoring.failures import FAILURES
from tests.integration.monitoring.prometheus import Firing
from tests.integration.monitoring.scene import Scene, alerts, queries, scene_on
from tests.integration.operator.clocks import HurriedClock, SettableClock

pytestmark = [pytest.mark.xdist_group("monitoring"), pytest.mark.timeout(600)]

OF_TOKENS_AND_GITHUB: Final = sorted(name for failure in FAILURES for name in failure.fires)
OF_THE_OPERATOR: Final = (
    "GitHubTokenSignerFailing",
    "GitHubTokenWaiting",
    "GitHubTokenSchedulerOverdue",
    "GitHubTokenEventLoopBlocked",
    "GitHubTokenRunsCrash",
    "GitHubTokenWatchSilent",
    "GitHubTokenLeaseNotRenewed",
    "GitHubTokenTwoLeaders",
    "GitHubTokenJournalStuck",
    "GitHubTokenLeaderMissing",
    "GitHubTokenRevocationFailed",
    "GitHubTokenOperatorAbsent",
)


DEFECT: Final = """
import githubtoken_operator.tokens.runs.reconciler as reconciler

def decide(seen):
    if seen.token.name == "struck":
        raise ZeroDivisionError("a defect")
    return whole(seen)

whole, reconciler.decide = reconciler.decide, decide
"""


@pytest.fixture(scope="module")
def scene(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene_on(binaries, tmp_path_factory.mktemp("scene")) as scene:
        yield scene
        if table := os.environ.get("ALERTS_TABLE"):
            _write_table(Path(table), scene)


@pytest.fixture(scope="module")
def fired(scene: Scene) -> dict[str, Firing]:
    """All failures that do not concern the operator itself, begun together; and what they fired."""
    drivers = [failure.drive(scene) for failure in FAILURES]
    expected = {name: labels for failure in FAILURES for name, labels in failure.fires.items()}
    found = scene.wait_fires("", expected, *drivers)
    for failure in FAILURES:
        scene.seen |= {name: (failure.what, scene.seen[name][1]) for name in failure.fires}
    return found


def test_the_tests_below_know_every_alert() -> None:
    known = [rule["alert"] for group in alerts()["groups"] for rule in group["rules"]]
    assert sorted(known) == sorted([*OF_TOKENS_AND_GITHUB, *OF_THE_OPERATOR])


def test_nothing_fires_while_all_is_well(scene: Scene) -> None:
    world, began = scene.world, time.monotonic()
    app = world.app("well")
    world.installation_token("well", app="well")
    world.user_token("alice", app="well", seed=world.sign_in(app))
    for revision in (1, 2):
        for name in ("well", "alice"):
            world.wait_ready(name, revision=revision)
            world.annotate(name, refresh_requested_at="once more")
    # Longer than the longest `for` of an alert that a start could fire.
    world.settle(6)
    assert scene.prometheus.has_fired(within=time.monotonic() - began) == set()


@pytest.mark.parametrize("alert", OF_TOKENS_AND_GITHUB)
def test_a_failure_of_a_token_or_of_github_fires_its_alert(fired: dict[str, Firing], alert: str) -> None:
    for text in (fired[alert].annotations["summary"], fired[alert].annotations["description"]):
        assert "{{" not in text
        assert "error" not in text.lower()
        assert "<no value>" not in text
    assert fired[alert].labels["job"]
    assert "instance" not in fired[alert].labels


def test_what_is_well_has_no_alert(scene: Scene, fired: dict[str, Firing]) -> None:
    assert [one for one in scene.prometheus.firing() if one.labels.get("name") in {"well", "alice"}] == []


@pytest.mark.parametrize("panel", [title for title, asked in queries().items() if asked])
def test_a_panel_of_the_dashboard_has_data(scene: Scene, fired: dict[str, Firing], panel: str) -> None:
    for expression in queries()[panel]:
        assert scene.prometheus.query(expression), expression


def test_a_scheduler_whose_places_are_all_taken_fires(scene: Scene, fired: dict[str, Firing]) -> None:
    """No host has more than three of the four places, so two are slow."""
    world, elsewhere = scene.world, scene.elsewhere
    faults = []
    for number in range(3):
        here, there = f"slow-{number}", f"slow-{number}-elsewhere"
        faults.append(world.github.fail("mint", app=world.app(here), delay=8, times=None))
        app = elsewhere.control.create_app(there)
        elsewhere.control.install(app, world.account)
        elsewhere.control.fail("mint", app=app, delay=8, times=None)
        world.app_secret(app, f"{there}-app")
        world.github_app(app, there, apiURL=elsewhere.api_url, webURL=elsewhere.web_url)
        for name in (here, there):
            for token in range(8):
                world.installation_token(f"{name}-{token}", app=name)
    scene.wait_fires("Two GitHubs take long to mint, and others wait.", {"GitHubTokenSchedulerOverdue": {}})
    for fault in faults:
        world.github.clear_faults(fault)
    elsewhere.control.clear_faults()


def test_one_that_waits_for_its_turn_all_the_time_fires_though_it_has_never_run(scene: Scene) -> None:
    world = scene.world
    app = world.app("hangs")
    fault = world.github.fail("mint", app=app, delay=20, times=None)
    for number in range(2):
        world.installation_token(f"hangs-{number}", app="hangs")
    scene.wait_fires(
        "An App hangs, and one of its tokens waits for the other.",
        {"GitHubTokenWaiting": {"namespace": world.namespace}},
    )
    world.github.clear_faults(fault)


def test_a_process_that_gets_no_cpu_again_and_again_fires(scene: Scene) -> None:
    [standby] = [one for one in scene.replicas if "githubtoken_leader 0.0" in one.metrics()]

    def frozen() -> Iterator[None]:
        while True:
            os.kill(standby.pid, signal.SIGSTOP)
            time.sleep(1.5)
            os.kill(standby.pid, signal.SIGCONT)
            # Time for a scrape.
            time.sleep(0.75)
            yield

    what = "A process is stopped for a second and a half, again and again."
    scene.wait_fires(what, {"GitHubTokenEventLoopBlocked": {}}, frozen())


def test_a_run_that_crashes_fires_and_its_object_that_never_ran_to_its_end_is_not_ready(
    scene: Scene, tmp_path: Path
) -> None:
    """The defect is put into a second operator, which is alone in its namespace."""
    (tmp_path / "sitecustomize.py").write_text(DEFECT)
    world = scene.world
    world.app("struck")
    stray = scene.start("defective", "--no-leader-elect", environment={"PYTHONPATH": str(tmp_path)})
    scene.prometheus.scrape([stray.metrics_url])
    world.installation_token("struck", app="struck")
    scene.wait_fires(
        "A defect is put into the operator.",
        {"GitHubTokenRunsCrash": {"kind": "GitHubToken"}, "GitHubTokenNotReady": {"name": "struck"}},
    )
    assert stray.stop() == 0
    scene.prometheus.scrape([one.metrics_url for one in scene.replicas])


def test_watches_that_bring_nothing_fire(scene: Scene, tmp_path: Path) -> None:
    """A second operator sits behind a proxy that lets watches be opened, and nothing through."""
    with FaultProxy(scene.plane.server, ca_file=scene.plane.ca_file) as proxy:
        proxy.add(Rule("watch=true", times=None, delay=3600))
        kubeconfig = behind(scene.plane.kubeconfig, proxy, tmp_path / "kubeconfig")
        clock = HurriedClock(tmp_path / "clock")
        environment = {"KUBECONFIG": str(kubeconfig), **clock.environment}
        deaf = scene.start("deaf", "--no-leader-elect", environment=environment)
        clock.pass_by(60)
        scene.prometheus.scrape([deaf.metrics_url])
        expected = {"GitHubTokenWatchSilent": {"resource": "githubtokens"}}
        scene.wait_fires("A proxy before the API server swallows what watches bring.", expected)
        deaf.kill()
    scene.prometheus.scrape([one.metrics_url for one in scene.replicas])


def test_a_token_that_could_not_be_revoked_for_five_minutes_fires(scene: Scene, tmp_path: Path) -> None:
    """Most of them are over on the clock of an operator that starts after the deletion, with a clock set ahead."""
    world, clock = scene.world, SettableClock(tmp_path / "clock")
    app = world.app("kept")
    spec = {"appRef": {"name": "kept"}, "installation": {"owner": world.account}, "deletionPolicy": "Revoke"}
    world.token("kept", spec)
    world.wait_ready("kept")
    world.github.fail("revoke_installation_token", app=app, status=502, times=None)
    world.delete("GitHubToken", "kept")
    clock.set(300 - 25)
    hasty = scene.start("hasty", "--no-leader-elect", environment=clock.environment)
    try:
        scene.prometheus.scrape([one.metrics_url for one in (*scene.replicas, hasty)])
        counted = 'githubtoken_revocations_total{result="failed"}'
        world.wait_until(lambda: len(scene.prometheus.query(counted)) > len(scene.replicas), "a scrape of all three")
        scene.wait_fires("GitHub answers a revocation with 502 for five minutes.", {"GitHubTokenRevocationFailed": {}})
        world.wait_for("kept", lambda found: not found)
    finally:
        assert hasty.stop() == 0
        scene.prometheus.scrape([one.metrics_url for one in scene.replicas])


def test_a_vault_that_is_sealed_fires(scene: Scene) -> None:
    world = scene.world
    app, name = world.register(own_key=True), f"signed-{world.namespace}"
    world.install(app)
    with running_vault(scene.plane, scene.folder, port=scene.vault_port) as vault:
        vault.bao.import_key(app.private_key or "", name)
        vault.role(keys=(name,))
        vault.bao.seal()
        world.cluster_apps.append(name)
        spec = {"privateKeySecretRef": None, "clientSecretSecretRef": None, "allowedNamespaces": {"from": "All"}}
        world.github_app(app, name, kind="ClusterGitHubApp", signer=vault.signer(name), **spec)
        world.token(
            "signed", {"appRef": {"kind": "ClusterGitHubApp", "name": name}, "installation": {"owner": world.account}}
        )
        expected = {"GitHubTokenSignerFailing": {"backend": "vault"}}
        scene.wait_fires("The Vault that signs for an App is sealed.", expected, _asking(scene))
        vault.bao.unseal()
        world.wait_ready("signed")


def _asking(scene: Scene) -> Iterator[None]:
    for turn in itertools.count():
        # Our own back-off is skipped, as above.
        scene.world.annotate("signed", refresh_requested_at=str(turn))
        yield


def test_two_operators_that_share_no_lease_fire(scene: Scene) -> None:
    stray = scene.start("stray", "--no-leader-elect")
    scene.prometheus.scrape([one.metrics_url for one in (*scene.replicas, stray)])
    scene.wait_fires("A second operator runs without leader election.", {"GitHubTokenTwoLeaders": {}})
    assert stray.stop() == 0
    scene.prometheus.scrape([one.metrics_url for one in scene.replicas])


def test_an_api_server_that_is_gone_in_the_middle_of_a_rotation_fires(scene: Scene) -> None:
    world = scene.world
    fault = world.github.fail("refresh", delay=3)
    world.annotate("alice", refresh_requested_at="in vain")
    world.wait_struck(fault, "a refresh")
    scene.plane.stop_api_server()
    try:
        scene.wait_fires(
            "The API server is stopped after GitHub was asked for a new pair.",
            {"GitHubTokenLeaseNotRenewed": {}, "GitHubTokenJournalStuck": {}, "GitHubTokenLeaderMissing": {}},
        )
    finally:
        scene.plane.start_api_server()
    world.wait_until(lambda: scene.prometheus.query("githubtoken_leader == 1"), "a leader")


def test_an_operator_whose_replicas_are_all_killed_fires(scene: Scene) -> None:
    for replica in scene.replicas:
        replica.kill()
    scene.wait_fires("All replicas are killed.", {"GitHubTokenOperatorAbsent": {}})


def _write_table(path: Path, scene: Scene) -> None:
    rows = [f"| `{name}` | {what} | {seconds:.0f} s |" for name, (what, seconds) in sorted(scene.seen.items())]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["| Alert | What was done | Fired after |", "|---|---|---|", *rows, ""]))
