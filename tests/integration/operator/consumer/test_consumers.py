"""What consumers notice of a new token: verified before they see it, restarts, and pods that are touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.standins import know, rollouts_crd

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

KINDS = ["Deployment", "StatefulSet", "DaemonSet"]


def token(world: World, **spec: Any) -> None:  # noqa: ANN401 - fields of the spec
    world.token("ci", {"appRef": {"name": "acme"}, "installation": {"owner": world.account}, **spec})


def renew(world: World, revision: int) -> None:
    world.annotate("ci", refresh_requested_at=f"for {revision}")
    world.wait_ready(revision=revision)


def restarted_at(world: World, kind: str = "Deployment") -> str | None:
    template = (world.get(kind, "web") or {})["spec"]["template"]
    found: str | None = template["metadata"].get("annotations", {}).get("githubtoken.dev/restarted-at")
    return found


def synced(world: World, pod: str) -> str | None:
    notes = (world.get("Pod", pod) or {})["metadata"].get("annotations", {})
    found: str | None = notes.get("githubtoken.dev/synced-revision")
    return found


# --- verified before it is published ---------------------------------------------------------------------------------


@pytest.mark.both_kinds
def test_a_token_that_replicas_do_not_know_yet_is_not_seen_by_consumers(world: World) -> None:
    app = world.ready_token()
    before = world.data("ci")
    fault = world.github.fail("installation_repositories", status=401, times=None, app=app)
    world.annotate("ci", refresh_requested_at="now")
    assert "the one before is kept" in world.wait_failing().message
    assert world.data("ci") == before
    assert len(world.requests("installation_repositories", app=app)) >= 5
    world.github.clear_faults(fault)
    world.wait_ready(revision=2)
    assert world.data("ci")["token"] != before["token"]


# --- restarts --------------------------------------------------------------------------------------------------------


def test_each_new_token_restarts_the_targets_once(world: World) -> None:
    world.app()
    for kind in KINDS:
        world.workload(kind=kind)
    token(world, restartTargets=[{"kind": kind, "name": "web"} for kind in KINDS])
    world.wait_ready()
    assert [restarted_at(world, kind) for kind in KINDS] == [None, None, None]
    renew(world, 2)
    world.wait_until(lambda: all(restarted_at(world, kind) for kind in KINDS), "the restarts")
    before = [(world.get(kind, "web") or {})["metadata"]["generation"] for kind in KINDS]
    # Another token within the minute, a label, and a Secret that was deleted: nobody is restarted for them now.
    renew(world, 3)
    world.change("ci", secret={"labels": {"team": "web"}})
    world.delete("Secret", "ci")
    world.wait_for("ci", lambda secret: secret and secret["metadata"]["labels"].get("team") == "web", kind="Secret")
    world.settle()
    assert [(world.get(kind, "web") or {})["metadata"]["generation"] for kind in KINDS] == before
    assert world.events(reason="MissingPermission") == []


def test_a_target_that_is_not_there_is_told_and_the_others_are_restarted(world: World) -> None:
    world.app()
    world.workload()
    token(world, restartTargets=[{"kind": "DaemonSet", "name": "typo"}, {"kind": "Deployment", "name": "web"}])
    world.wait_ready()
    world.wait_until(lambda: world.events(reason="RestartTargetNotFound"), "the event")
    renew(world, 2)
    world.wait_until(lambda: restarted_at(world), "the restart")
    assert world.ready().status == "True"
    assert len(world.events(reason="RestartTargetNotFound")) == 1


def test_a_rollout_is_restarted_by_its_own_field_and_a_cluster_without_the_kind_says_so(world: World) -> None:
    plane = world.cluster.control_plane
    plane.kubectl("delete", "crd", "rollouts.argoproj.io", "--ignore-not-found")
    world.app()
    token(world, restartTargets=[{"kind": "Rollout", "name": "web"}])
    world.wait_ready()
    world.wait_until(lambda: world.events(reason="RestartTargetNotFound"), "the event")
    assert "no CRD of Argo Rollouts" in world.events(reason="RestartTargetNotFound")[0]["message"]
    know(plane, rollouts_crd())
    world.workload(kind="Rollout")
    renew(world, 2)
    world.wait_until(lambda: (world.get("Rollout", "web") or {})["spec"].get("restartAt"), "the restart")
    assert restarted_at(world, "Rollout") is None
    assert "restarted Rollout `web`" in world.wait_events(reason="Restarted")[0]["message"]
    assert 'githubtoken_restarts_total{kind="Rollout"}' in world.operator.metrics()


# --- propagation -----------------------------------------------------------------------------------------------------


@pytest.mark.both_kinds
@pytest.mark.parametrize("kind", ["installation", "user"])
def test_pods_that_mount_the_secret_are_touched_for_each_new_token(world: World, kind: str) -> None:
    app = world.app()
    mounted = {"secret": {"secretName": "ci"}}
    world.pod("mounts", mounted)
    world.pod("projects", {"projected": {"sources": [{"secret": {"name": "ci"}}]}})
    world.pod("other", {"secret": {"secretName": "another"}})
    if kind == "user":
        world.seed("ci", world.sign_in(app))
        source = {"seedSecretRef": {"name": "ci-seed"}}
        world.token("ci", {"appRef": {"name": "acme"}, "user": source, "propagation": "Immediate"})
    else:
        token(world, propagation="Immediate")
    world.wait_ready()
    world.wait_until(lambda: synced(world, "projects") == "1", "the first touch")
    generation = (world.get("Pod", "mounts") or {})["metadata"].get("generation")
    renew(world, 2)
    world.wait_until(lambda: [synced(world, pod) for pod in ("mounts", "projects")] == ["2", "2"], "the touches")
    assert synced(world, "other") is None
    assert (world.get("Pod", "mounts") or {})["metadata"].get("generation") == generation
    assert world.events(reason="MissingPermission") == []


@pytest.mark.both_kinds
def test_a_pod_is_touched_though_another_token_left_the_same_revision_on_it(world: World) -> None:
    world.app()
    world.pod("mounts", {"secret": {"secretName": "ci"}}, {"secret": {"secretName": "web"}})
    source = {"appRef": {"name": "acme"}, "installation": {"owner": world.account}, "propagation": "Immediate"}
    values: list[str | None] = []
    for name in ("ci", "web"):
        world.token(name, source)
        world.wait_ready(name)
        world.wait_until(lambda: synced(world, "mounts") not in {None, *values}, "another value")
        values.append(synced(world, "mounts"))
    assert values[0] == "1"
