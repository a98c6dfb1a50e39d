"""What ends and begins: the operator, the API server, the operator's rights. Nothing is spent twice or lost."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from github_simulator.control_client import sha256
from tests.integration.operator.clocks import HurriedClock
from tests.integration.operator.conftest import RIGHTS
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.cluster_world import ClusterWorld
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from github_simulator.control_client import App
    from github_simulator.process import SimulatorProcess
    from localcluster import ControlPlane
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World

    Start = Callable[..., OperatorProcess]

pytestmark = pytest.mark.both_kinds

RBAC, OPTIONAL = RIGHTS


# --- the operator ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_asks_github_for_nothing_that_is_fresh(apart: World, start: Start, end: str) -> None:
    app = apart.app()
    apart.installation_token()
    forms: dict[str, Any] = {"formats": ["ArgoCDRepository", "DockerConfigJSON"], "data": {"it": "${token}"}}
    apart.installation_token("by-repository", repository=f"{apart.account}/website", secret=forms)
    apart.user_token(seed=apart.sign_in(app))
    apart.personal_token(apart.made_by_hand())
    for name in ("ci", "by-repository", "alice", "robot"):
        apart.wait_ready(name)
    apart.wait_for("alice", lambda token: token["status"].get("account"))
    apart.wait_ready("acme", kind="GitHubApp")
    before = {name: apart.data(name) for name in ("ci", "by-repository", "alice", "alice-credential", "robot")}
    # What an event of the status would change is settled.
    apart.settle(1)
    requests = len(apart.requests())
    getattr(apart.operator, end)()
    apart.operator = start()
    apart.wait_until(
        lambda: apart.operator.metrics().count("githubtoken_expiration_timestamp_seconds{") == 4,
        "the metrics of four tokens",
    )
    apart.settle(2)
    assert len(apart.requests()) == requests
    assert {name: apart.data(name) for name in before} == before
    assert len(apart.events("ci")) == 1
    assert apart.double_spends() == 0


def test_a_secret_deleted_while_nobody_watched_is_had_anew(apart: World, start: Start) -> None:
    apart.ready_token()
    assert apart.operator.stop() == 0
    apart.delete("Secret", "ci")
    apart.operator = start()
    apart.wait_for("ci", bool, kind="Secret")
    assert apart.wait_ready(revision=2)["status"]["revision"] == 2


def test_a_restart_goes_on_waiting_where_it_was(apart: World, start: Start) -> None:
    app = apart.app(installed=False)
    apart.github.suspend(apart.install(app))
    apart.installation_token()
    apart.wait_reason("ci", "InstallationSuspended")
    apart.settle(1)
    requests, status = len(apart.requests()), apart.status()
    assert apart.operator.stop() == 0
    apart.operator = start()
    apart.settle(3)
    assert len(apart.requests()) == requests
    assert apart.status() == status
    assert len(apart.events()) == 1


@pytest.mark.only_githubtoken
def test_what_is_mended_while_no_operator_runs_is_tried_by_the_next_one_at_once(apart: World, start: Start) -> None:
    app = apart.app(installed=False)
    installation = apart.install(app)
    apart.github.suspend(installation)
    apart.installation_token()
    apart.wait_reason("ci", "InstallationSuspended")
    planned = apart.status()["nextAttemptTime"]
    assert apart.operator.stop() == 0
    apart.github.unsuspend(installation)
    apart.secret_key("acme-app", "client-secret", "another")
    apart.operator = start()
    apart.wait_ready()
    assert apart.status()["issuedTime"] < planned


@pytest.mark.parametrize(
    "slowness",
    [pytest.param({"delay": 4}, id="before the answer"), pytest.param({"body_delay": 4}, id="in the answer")],
)
def test_sigterm_during_a_refresh_saves_the_pair(apart: World, start: Start, slowness: dict[str, Any]) -> None:
    app = apart.app()
    seed = apart.sign_in(app)
    fault = apart.github.fail("refresh", app=app, **slowness)
    apart.user_token(seed=seed)
    apart.wait_struck(fault, "the refresh")
    apart.operator.process.send_signal(signal.SIGTERM)
    assert apart.operator.process.wait(60) == 0
    pair = apart.data("alice-credential")
    assert pair["refresh_token"] != seed
    assert apart.github.token_is_alive(sha256(pair["refresh_token"]))
    apart.operator = start()
    apart.wait_ready("alice")
    assert apart.data("alice")["token"] == pair["token"]
    assert len(apart.requests("refresh")) == 1
    apart.annotate("alice", refresh_requested_at="now")
    apart.wait_ready("alice", revision=2)
    assert apart.double_spends() == 0


def test_a_restart_goes_on_with_a_revocation(apart: World, start: Start) -> None:
    app = apart.app()
    spec = {"appRef": {"name": "acme"}, "installation": {"owner": apart.account}, "deletionPolicy": "Revoke"}
    apart.token("ci", spec)
    apart.wait_ready()
    token = apart.data("ci")["token"]
    fault = apart.github.fail("revoke_installation_token", status=502, times=None, app=app)
    apart.delete("GitHubToken", "ci")
    apart.wait_until(lambda: apart.events(reason="RevocationDelayed"), "the event")
    apart.operator.kill()
    apart.github.clear_faults(fault)
    apart.operator = start()
    apart.wait_for("ci", lambda found: not found)
    assert not apart.github.token_is_alive(sha256(token))


@pytest.mark.only_githubtoken
def test_a_manifest_that_takes_our_marks_away_restarts_nobody_after_a_restart_of_the_operator(
    apart: World, start: Start
) -> None:
    apart.app()
    apart.workload()
    manifest = apart.get("Deployment", "web") or {}
    targets = [{"kind": "Deployment", "name": "web"}]
    source = {"appRef": {"name": "acme"}, "installation": {"owner": apart.account}}
    apart.token("ci", {**source, "restartTargets": targets})
    apart.wait_ready()
    apart.annotate("ci", refresh_requested_at="now")
    apart.wait_for("ci", lambda found: found["status"].get("restartedRevision") == 2)
    assert len(apart.wait_events(reason="Restarted")) == 1
    meta = {"name": "web", "namespace": apart.namespace}
    replaced = apart.cluster.send("PUT", "Deployment", apart.namespace, "web", {**manifest, "metadata": meta}).json()
    assert "annotations" not in replaced["spec"]["template"]["metadata"]
    apart.settle()
    apart.operator.stop()
    apart.operator = start()
    apart.settle(3)
    found = apart.get("Deployment", "web") or {}
    assert found["metadata"]["generation"] == replaced["metadata"]["generation"]
    apart.annotate("ci", refresh_requested_at="again")
    apart.wait_for("ci", lambda token: token["status"].get("restartedRevision") == 3)
    assert len(apart.wait_events(count=2, reason="Restarted")) == 2


def seed_file(world: World, refresh_token: str) -> str:
    """The seed's Secret as it lies in a repository."""
    namespace, name = world.kept("alice-seed")
    meta = {"name": name, "namespace": namespace, "labels": {"githubtoken.dev/role": "seed"}}
    return json.dumps(
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"refresh_token": refresh_token}}
    )


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(("apply",), id="by kubectl apply"),
        pytest.param(("apply", "--server-side", "--force-conflicts", "--field-manager=gitops"), id="as GitOps does"),
    ],
)
def test_the_seed_applied_again_around_a_rotation_and_a_restart_changes_nothing(
    apart: World, start: Start, plane_apart: ControlPlane, how: tuple[str, ...]
) -> None:
    app = apart.app()
    unchanged = seed_file(apart, apart.sign_in(app))

    def apply() -> None:
        plane_apart.kubectl(*how, "--filename=-", stdin=unchanged)

    apply()
    apart.user_token()
    apart.wait_ready("alice")
    apply()
    fault = apart.github.fail("refresh", app=app, delay=3)
    apart.annotate("alice", refresh_requested_at="now")
    apart.wait_struck(fault, "the refresh")
    apply()
    apart.wait_ready("alice", revision=2)
    apart.wait_for("alice", lambda token: token["status"].get("lastHandledRefreshAt") == "now")
    apply()
    apart.settle()
    assert apart.operator.stop() == 0
    apply()
    apart.operator = start()
    apply()
    apart.settle()
    assert apart.status("alice")["revision"] == 2
    assert apart.ready("alice").status == "True"
    assert (len(apart.requests("refresh")), apart.double_spends()) == (2, 0)
    assert apart.github.token_is_alive(sha256(apart.data("alice-credential")["refresh_token"]))
    # kubectl notes in an annotation what it applied, and no secret may be in one when the world ends.
    apart.delete("Secret", "alice-seed")


def test_a_new_seed_wins_over_a_refresh_that_is_in_flight(apart: World) -> None:
    app = apart.app()
    apart.user_token(seed=apart.sign_in(app))
    apart.wait_ready("alice")
    fault = apart.github.fail("refresh", app=app, delay=3)
    apart.annotate("alice", refresh_requested_at="now")
    apart.wait_struck(fault, "the refresh")
    apart.seed("alice", apart.sign_in(app, "bob"))
    apart.wait_for("alice", lambda token: token["status"].get("account") == "bob")
    apart.wait_ready("alice")
    assert apart.github.token(sha256(apart.data("alice")["token"])).user == "bob"
    assert apart.github.token(sha256(apart.data("alice-credential")["refresh_token"])).user == "bob"
    assert apart.double_spends() == 0


def test_a_grace_period_that_is_too_short_is_told_in_the_log(apart: World, start: Start) -> None:
    apart.ready_token()
    assert apart.operator.stop() == 0
    assert "the grace period of" not in apart.log()
    apart.operator = start(None, "--grace-period", "10s")
    assert "the grace period of 10s is too short" in apart.log()


def test_sigterm_cuts_off_a_mint_that_can_be_begun_anew(apart: World, start: Start) -> None:
    app = apart.app()
    fault = apart.github.fail("mint", app=app, delay=60)
    apart.installation_token()
    apart.wait_struck(fault, "the mint")
    # In less than the mint takes.
    assert apart.operator.stop(within=45) == 0
    assert apart.get("Secret", "ci") is None
    apart.operator = start()
    apart.wait_ready()
    assert apart.github.token_is_alive(sha256(apart.data("ci")["token"]))


# --- the API server --------------------------------------------------------------------------------------------------


@pytest.mark.only_githubtoken
def test_a_minute_without_api_server_loses_and_spends_nothing(
    apart: World, plane_apart: ControlPlane, cluster_apart: Cluster, simulator: SimulatorProcess
) -> None:
    """Tokens of both kinds fall due meanwhile, and one rotation of each is between GitHub's answer and the store."""
    with (
        new_namespace(cluster_apart) as other,
        world_in(cluster_apart, simulator, apart.operator, other, ClusterWorld) as shared,
    ):
        worlds = apart, shared
        due = [due_in_half_a_minute(world) for world in worlds]
        caught = [rotating(world) for world in worlds]
        for world, (_, fault) in zip(worlds, caught, strict=True):
            world.wait_struck(fault, "the refresh")
        plane_apart.stop_api_server()
        time.sleep(60)
        assert apart.operator.process.poll() is None
        plane_apart.start_api_server()
        for world, names, (app, _) in zip(worlds, due, caught, strict=True):
            world.wait_ready("caught", within=120)
            for name in names:
                world.wait_ready(name, revision=2, within=120)
            assert len(world.requests("refresh", app=app)) == 1
            assert world.double_spends() == 0
        assert apart.operator.process.poll() is None


def due_in_half_a_minute(world: World) -> list[str]:
    """Tokens that are ready, and expire in half a minute."""
    app = world.app(token_life=30, user_token_life=30)
    for number in range(3):
        world.installation_token(f"ci-{number}")
        world.user_token(f"user-{number}", seed=world.sign_in(app, f"user-{number}"))
    names = [f"{kind}-{number}" for kind in ("ci", "user") for number in range(3)]
    for name in names:
        world.wait_ready(name)
    return names


def rotating(world: World) -> tuple[App, int]:
    """An App whose one user token is had by a slow refresh, and that fault."""
    app = world.register()
    world.app_secret(app, "caught-app")
    world.github_app(app, "caught")
    fault = world.github.fail("refresh", app=app, delay=5)
    world.user_token("caught", app="caught", seed=world.sign_in(app))
    return app, fault


# --- rights ----------------------------------------------------------------------------------------------------------


def rules() -> list[dict[str, Any]]:
    """The rights that the operator always has, all in one list."""
    parts = [part for path in sorted(RBAC.glob("*.yaml")) for part in yaml.safe_load_all(path.read_text())]
    return [rule for part in parts if part["kind"] in {"ClusterRole", "Role"} for rule in part["rules"]]


def limited_rules() -> list[dict[str, Any]]:
    """The rights but for two: to patch Secrets, and to get one that is not named here."""
    kept = [
        {**rule, "verbs": [verb for verb in rule["verbs"] if verb not in {"get", "patch"}]}
        if "secrets" in rule["resources"]
        else rule
        for rule in rules()
    ]
    names = ["acme-app", "ci", "alice", "alice-seed"]
    return [*kept, {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": names}]


@pytest.mark.only_githubtoken
def test_a_missing_right_is_named_and_its_grant_heals(
    apart: World, plane_apart: ControlPlane, start: Start, tmp_path: Path
) -> None:
    clock = HurriedClock(tmp_path / "clock")
    assert apart.operator.stop() == 0
    limited = plane_apart.service_account_kubeconfig("limited", cluster_rules=limited_rules())
    apart.operator = start(limited, environment=clock.environment)
    app = apart.app()
    apart.installation_token()
    apart.user_token(seed=apart.sign_in(app))
    for name, verb in (("ci", "patch"), ("alice", "get")):
        assert f'cannot {verb} resource "secrets"' in apart.wait_reason(name, "MissingPermission").message
    apart.settle(3)
    for name in ("ci", "alice"):
        assert len(apart.events(name, reason="MissingPermission")) == 1
    assert len(apart.requests("mint")) == 1
    assert apart.requests("refresh") == []
    plane_apart.service_account_kubeconfig("limited", cluster_rules=rules())
    # What a human must mend is looked at again after a minute.
    clock.pass_by(60)
    apart.wait_ready()
    apart.wait_ready("alice")
    assert len(apart.requests("mint")) == 1
    assert apart.double_spends() == 0


def optional_rules() -> list[dict[str, Any]]:
    parts = [part for path in sorted(OPTIONAL.glob("*.yaml")) for part in yaml.safe_load_all(path.read_text())]
    return [rule for part in parts if part["kind"] in {"ClusterRole", "Role"} for rule in part["rules"]]


@pytest.mark.only_githubtoken
def test_what_is_done_for_consumers_needs_the_optional_rights_and_no_others(
    apart: World, plane_apart: ControlPlane, start: Start
) -> None:
    assert apart.operator.stop() == 0
    apart.operator = start(plane_apart.service_account_kubeconfig("plain", cluster_rules=rules()))
    apart.app()
    apart.workload()
    apart.pod("mounts", {"secret": {"secretName": "ci"}})
    targets = [{"kind": "Deployment", "name": "web"}]
    source = {"appRef": {"name": "acme"}, "installation": {"owner": apart.account}}
    apart.token("ci", {**source, "restartTargets": targets, "propagation": "Immediate"})
    apart.wait_ready()
    apart.wait_until(lambda: len(apart.events(reason="MissingPermission")) == 2, "two events")
    said = " ".join(event["message"] for event in apart.events(reason="MissingPermission"))
    assert "`rbac.restartTargets.enabled`" in said
    assert "`rbac.immediatePropagation.enabled`" in said
    assert apart.ready().reason == "Fresh"
    plane_apart.service_account_kubeconfig("plain", cluster_rules=[*rules(), *optional_rules()])
    apart.settle(2)
    apart.annotate("ci", refresh_requested_at="now")
    apart.wait_ready(revision=2)

    def restarted() -> object:
        template = (apart.get("Deployment", "web") or {})["spec"]["template"]
        return template["metadata"].get("annotations", {}).get("githubtoken.dev/restarted-at")

    def touched() -> object:
        notes = (apart.get("Pod", "mounts") or {})["metadata"].get("annotations", {})
        return notes.get("githubtoken.dev/synced-revision") == "2"

    apart.wait_until(touched, "the touch")
    apart.wait_until(restarted, "the restart")
    assert len(apart.events(reason="MissingPermission")) == 2


# --- health ----------------------------------------------------------------------------------------------------------


def test_health_and_metrics_are_served(apart: World) -> None:
    app = apart.app()
    apart.installation_token()
    apart.user_token(seed=apart.sign_in(app))
    apart.wait_ready()
    apart.wait_ready("alice")
    for path in ("/healthz", "/readyz"):
        assert httpx.get(apart.operator.health_url + path, trust_env=False).status_code == 200
    page = apart.operator.metrics()
    where = apart.series("ci")
    for expected in (
        f"githubtoken_expiration_timestamp_seconds{{{where}}}",
        f"githubtoken_issued_timestamp_seconds{{{where}}}",
        f"githubtoken_renewal_timestamp_seconds{{{where}}}",
        f"githubtoken_refresh_token_expiration_timestamp_seconds{{{apart.series('alice')}}}",
        f'githubtoken_ready_status{{condition="True",{where}}} 1.0',
        'githubtoken_refresh_total{kind="Installation",result="success"} 1.0',
        'githubtoken_refresh_total{kind="User",result="success"} 1.0',
        "githubtoken_github_requests_total{",
        "githubtoken_github_rate_limit_remaining{",
        "githubtoken_clock_skew_seconds{",
        "githubtoken_scheduler_pending",
        "githubtoken_build_info{",
    ):
        assert expected in page


# --- some namespaces only --------------------------------------------------------------------------------------------


def test_an_operator_of_some_namespaces_serves_no_cluster_app(
    cluster_apart: Cluster, simulator: SimulatorProcess, start: Start
) -> None:
    with (
        new_namespace(cluster_apart) as name,
        world_in(cluster_apart, simulator, start(None, "--namespaces", name), name) as world,
    ):
        app = world.app()
        cluster_app = world.cluster_app(app, allowedNamespaces={"from": "All"})
        appref = {"kind": "ClusterGitHubApp", "name": cluster_app}
        world.token("cluster", {"appRef": appref, "installation": {"owner": world.account}})
        world.installation_token()
        world.wait_ready()
        assert "this operator serves namespaces only" in world.wait_reason("cluster", "AppNotAllowed").message
        world.settle(0.5)
        assert world.status(cluster_app, kind="ClusterGitHubApp") == {"observedGeneration": -1}
        assert len(world.requests("mint")) == 1
