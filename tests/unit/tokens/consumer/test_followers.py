"""Whom a new token is told to, when, and how often: whole runs against a cluster in memory."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Conflict, Forbidden
from githubtoken_operator.domain.consumer.mounts import SYNCED_REVISION
from githubtoken_operator.domain.consumer.rollout import RESTARTED_AT
from githubtoken_operator.domain.objects.specs.github_token import REFRESH_REQUESTED_AT
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.times import format_time
from githubtoken_operator.tokens.consumer.followers import MOST_ATTEMPTS
from tests.unit.builders import app_body, githubtoken_body, secret
from tests.unit.fakes import API_AWAY, BEFORE, Killed, Process, World, raising
from tests.unit.keys import pem

WEB = {"kind": "Deployment", "name": "web"}
PATCH_WEB = "PATCH deployments/web"
STATUS = "PATCH githubtokens/ci/status"


def workload(world: World, name: str = "web", kind: str = "Deployment", *, age: timedelta = timedelta(days=1)) -> None:
    meta = {"name": name, "namespace": "team", "creationTimestamp": format_time(world.clock.now - age)}
    world.api.put({"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": {"template": {"spec": {}}}})


def pod(world: World, name: str, secret_name: str = "ci") -> None:
    spec = {"nodeName": "node-1", "volumes": [{"secret": {"secretName": secret_name}}]}
    world.api.put({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "team"}, "spec": spec})


async def published(**spec: Any) -> tuple[World, Process]:  # noqa: ANN401 - fields of the spec
    """Its first token is there; a Deployment and two pods were there before."""
    world = World()
    workload(world)
    pod(world, "web-1")
    pod(world, "other", "another-secret")
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    world.api.put(githubtoken_body(**spec))
    process = world.start()
    await process.settle()
    world.clock.advance(timedelta(minutes=5))
    return world, process


def restarted_at(world: World, key: str = "deployments/web") -> str | None:
    template = world.api.objects[key]["spec"]["template"]
    found: str | None = template.get("metadata", {}).get("annotations", {}).get(RESTARTED_AT)
    return found


def touched(world: World, name: str) -> str | None:
    found: str | None = world.api.objects[f"pods/{name}"]["metadata"].get("annotations", {}).get(SYNCED_REVISION)
    return found


async def renew(world: World, process: Process, name: str = "ci") -> None:
    """Somebody asks for a new token."""
    value = {REFRESH_REQUESTED_AT: f"{world.clock.now} {len(world.github.minted)}"}
    world.api.edit(f"githubtokens/{name}", lambda body: body["metadata"].update(annotations=value))
    await process.settle(name)


# --- restartTargets --------------------------------------------------------------------------------------------------


async def test_the_first_token_restarts_nobody_and_each_new_one_everybody_once() -> None:
    kinds = ["Deployment", "StatefulSet", "DaemonSet"]
    world, process = await published(restartTargets=[{"kind": kind, "name": "web"} for kind in kinds])
    for kind in kinds:
        workload(world, kind=kind)
    keys = [f"{kind.lower()}s/web" for kind in kinds]
    assert [restarted_at(world, key) for key in keys] == [None, None, None]
    await renew(world, process)
    assert [restarted_at(world, key) for key in keys] == [format_time(world.clock.now)] * 3
    writes = world.faults.calls.count(PATCH_WEB)
    for _ in range(3):
        await process.run()
        await world.start().run()
    assert world.faults.calls.count(PATCH_WEB) == writes


async def test_status_is_written_before_anybody_is_restarted() -> None:
    world, process = await published(restartTargets=[WEB])
    first = len(world.faults.calls)
    await renew(world, process)
    calls = world.faults.calls[first:]
    assert calls.index("PATCH secrets/ci") < calls.index(STATUS) < calls.index(PATCH_WEB)


async def test_a_label_of_the_secret_restarts_nobody() -> None:
    world, process = await published(restartTargets=[WEB])

    def label(body: dict[str, Any]) -> None:
        body["spec"]["secret"] = {"labels": {"team": "web"}}
        body["metadata"]["generation"] += 1

    world.api.edit("githubtokens/ci", label)
    await process.settle()
    world.api.delete("secrets/ci")
    await process.settle()
    assert restarted_at(world) is None


async def test_a_target_that_is_named_later_waits_for_the_next_token() -> None:
    world, process = await published()
    await renew(world, process)

    def name_it(body: dict[str, Any]) -> None:
        body["spec"]["restartTargets"] = [WEB]
        body["metadata"]["generation"] += 1

    world.api.edit("githubtokens/ci", name_it)
    await process.settle()
    await world.start().settle()
    assert restarted_at(world) is None
    await renew(world, world.start())
    assert restarted_at(world) == format_time(world.clock.now)


@pytest.mark.parametrize("fault", [API_AWAY, Killed()], ids=["API server away", "killed"])
async def test_a_target_that_is_named_later_is_not_restarted_where_it_could_not_be_marked_at_first(
    fault: BaseException,
) -> None:
    world, process = await published()
    await renew(world, process)
    world.api.edit("githubtokens/ci", lambda it: it["spec"].update(restartTargets=[WEB]))
    world.api.edit("githubtokens/ci", lambda it: it["metadata"].update(generation=2))
    world.faults.once("GET deployments/web", raising(fault))
    with suppress(Killed):
        await process.settle()
    await world.start().settle()
    assert restarted_at(world) is None
    assert world.status()["restartedRevision"] == 2


async def test_two_restarts_of_one_workload_are_a_minute_apart() -> None:
    world, process = await published(restartTargets=[WEB])
    await renew(world, process)
    first = restarted_at(world)
    world.clock.advance(timedelta(seconds=10))
    value = {REFRESH_REQUESTED_AT: "again"}
    world.api.edit("githubtokens/ci", lambda body: body["metadata"].update(annotations=value))
    due = await process.run()
    assert restarted_at(world) == first
    assert due is not None
    assert due.due == world.clock.now.timestamp() + 50
    # Also for a process that knows nothing of it.
    process = world.start()
    due = await process.run()
    assert due is not None
    assert due.due == world.clock.now.timestamp() + 50
    world.clock.now = datetime.fromtimestamp(due.due, UTC)
    await process.run()
    assert restarted_at(world) == format_time(world.clock.now)


async def test_of_two_githubtokens_each_has_its_restart_and_the_second_waits() -> None:
    world, process = await published(restartTargets=[WEB])
    world.api.put(githubtoken_body("other", uid="uid-other", restartTargets=[WEB]))
    await process.settle("other")
    await renew(world, process)
    first = restarted_at(world)
    value = {REFRESH_REQUESTED_AT: "now"}
    world.api.edit("githubtokens/other", lambda body: body["metadata"].update(annotations=value))
    due = await process.run("other")
    assert restarted_at(world) == first
    assert due is not None
    world.clock.now = datetime.fromtimestamp(due.due, UTC)
    await process.run("other")
    assert restarted_at(world) == format_time(world.clock.now)
    await process.run()
    assert restarted_at(world) == format_time(world.clock.now)


async def test_wherever_the_process_dies_the_workload_is_restarted_once() -> None:
    world, process = await published(restartTargets=[WEB])
    first = len(world.faults.reached)
    await renew(world, process)
    for number in range(len(world.faults.reached) - first):
        world, process = await published(restartTargets=[WEB])
        world.faults.at(number, raising(Killed()))
        with pytest.raises(Killed):
            await renew(world, process)
        await world.start().settle()
        await world.start().settle()
        versions = [world.api.objects["deployments/web"]["metadata"]["resourceVersion"]]
        assert restarted_at(world) is not None, number
        await world.start().settle()
        assert [world.api.objects["deployments/web"]["metadata"]["resourceVersion"]] == versions


async def test_a_missing_target_is_an_event_and_no_failure() -> None:
    world, process = await published(restartTargets=[{"kind": "DaemonSet", "name": "typo"}, WEB])
    await renew(world, process)
    assert world.event_reasons.count(reasons.RESTART_TARGET_NOT_FOUND) == 1
    assert ready_of(world.status()) == ("True", "Fresh")
    assert restarted_at(world) is not None


# --- who did that? ---------------------------------------------------------------------------------------------------


def counted(process: Process, kind: str) -> float:
    return process.metrics.registry.get_sample_value("githubtoken_restarts_total", {"kind": kind}) or 0


async def test_each_restart_is_an_event_and_is_counted() -> None:
    world, process = await published(restartTargets=[WEB, {"kind": "DaemonSet", "name": "web"}])
    workload(world, kind="DaemonSet")
    for count in (1, 2):
        await renew(world, process)
        world.clock.advance(timedelta(minutes=2))
        said = [event["message"] for event in world.api.events if event["reason"] == reasons.RESTARTED]
        assert len(said) == 2 * count
        assert f"restarted Deployment `web` for the token of revision {count + 1}" in said
        assert (counted(process, "Deployment"), counted(process, "DaemonSet")) == (count, count)
        assert counted(process, "StatefulSet") == 0
    assert {event["type"] for event in world.api.events if event["reason"] == reasons.RESTARTED} == {"Normal"}


async def test_an_event_that_cannot_be_written_repeats_no_restart() -> None:
    world, process = await published(restartTargets=[WEB])
    world.faults.on("POST events", raising(Conflict(409, "somebody was faster")))
    writes = world.faults.calls.count(PATCH_WEB)
    await renew(world, process)
    assert world.faults.calls.count(PATCH_WEB) == writes + 1


async def test_marks_that_somebody_removed_restart_nobody_also_not_after_a_restart_of_the_operator() -> None:
    world, process = await published(restartTargets=[WEB])
    await renew(world, process)
    assert world.status()["restartedRevision"] == 2

    def replaced(body: dict[str, Any]) -> None:
        body["metadata"].pop("annotations")
        body["spec"] = {"template": {"spec": {}}}

    world.api.edit("deployments/web", replaced)
    for again in (process, world.start(), world.start()):
        await again.settle()
        assert restarted_at(world) is None
    await renew(world, world.start())
    assert restarted_at(world) == format_time(world.clock.now)


async def test_what_was_left_out_is_looked_at_again_by_the_next_process() -> None:
    world, process = await published(restartTargets=[WEB])
    world.faults.on(PATCH_WEB, raising(Forbidden(403, "cannot do that")))
    await renew(world, process)
    assert world.status()["restartedRevision"] == 1
    world.faults.clear()
    await world.start().settle()
    assert restarted_at(world) is not None
    assert world.status()["restartedRevision"] == 2


async def test_a_rollout_is_restarted_by_its_own_field() -> None:
    target = {"kind": "Rollout", "name": "web"}
    world, process = await published(restartTargets=[target])
    workload(world, kind="Rollout")
    await renew(world, process)
    assert world.api.objects["rollouts/web"]["spec"]["restartAt"] == format_time(world.clock.now)
    assert restarted_at(world, "rollouts/web") is None
    assert counted(process, "Rollout") == 1
    await renew(world, process)
    assert world.status()["restartedRevision"] == 3
    assert counted(process, "Rollout") == 2


# --- propagation -----------------------------------------------------------------------------------------------------


async def test_pods_that_mount_the_secret_are_touched_and_no_others() -> None:
    world, process = await published(propagation="Immediate")
    await renew(world, process)
    assert (touched(world, "web-1"), touched(world, "other")) == ("2", None)
    touches = world.faults.calls.count("PATCH pods/web-1/status")
    await process.run()
    assert world.faults.calls.count("PATCH pods/web-1/status") == touches


async def test_while_a_restart_has_to_wait_no_pod_is_touched_again() -> None:
    world, process = await published(propagation="Immediate", restartTargets=[WEB])
    await renew(world, process)
    await renew(world, process)
    touches = world.faults.calls.count("PATCH pods/web-1/status")
    await process.run()
    assert world.faults.calls.count("PATCH pods/web-1/status") == touches == 3


async def test_wherever_the_process_dies_pods_are_touched_for_the_new_token() -> None:
    world, process = await published(propagation="Immediate")
    first = len(world.faults.reached)
    world.clock.advance(timedelta(minutes=40))
    await process.run()
    for number in range(len(world.faults.reached) - first):
        world, process = await published(propagation="Immediate")
        world.clock.advance(timedelta(minutes=40))
        world.faults.at(number, raising(Killed()))
        with pytest.raises(Killed):
            await process.run()
        await world.start().run()
        assert touched(world, "web-1") not in {None, "1"}, number


async def test_after_a_restart_no_pods_are_looked_for_that_kubelet_has_synced_since() -> None:
    world, process = await published(propagation="Immediate")
    await renew(world, process)
    world.clock.advance(timedelta(minutes=2))
    calls = len(world.faults.calls)
    await world.start().settle()
    assert "GET pods" not in world.faults.calls[calls:]


async def test_a_pod_that_went_meanwhile_holds_up_nothing() -> None:
    world, process = await published(propagation="Immediate")
    world.faults.once("PATCH pods/web-1/status", lambda: world.api.delete("pods/web-1"))
    await renew(world, process)
    assert reasons.CONSUMERS_NOT_TOLD not in world.event_reasons


async def test_without_either_field_no_consumer_is_looked_at() -> None:
    world, process = await published()
    await renew(world, process)
    assert not [call for call in world.faults.calls if "pods" in call or "deployments" in call]


# --- what can go wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "call", "value"),
    [
        ({"restartTargets": [WEB]}, "GET deployments/web", "rbac.restartTargets.enabled"),
        ({"restartTargets": [WEB]}, PATCH_WEB, "rbac.restartTargets.enabled"),
        ({"propagation": "Immediate"}, "GET pods", "rbac.immediatePropagation.enabled"),
        ({"propagation": "Immediate"}, "PATCH pods/web-1/status", "rbac.immediatePropagation.enabled"),
    ],
)
async def test_a_missing_right_is_one_event_that_names_the_charts_value(
    spec: dict[str, Any], call: str, value: str
) -> None:
    world, process = await published(**spec)
    world.api.events.clear()
    world.faults.on(call, raising(Forbidden(403, "cannot do that")))
    for _ in range(3):
        await renew(world, process)
        world.clock.advance(timedelta(minutes=2))
    said = [event["message"] for event in world.api.events if event["reason"] == reasons.MISSING_PERMISSION]
    assert len(said) == 1
    assert value in said[0]
    assert ready_of(world.status()) == ("True", "Fresh")


@pytest.mark.parametrize("error", [API_AWAY, Conflict(409, "the resourceVersion is not the present one")])
@pytest.mark.parametrize(
    ("spec", "call"),
    [({"restartTargets": [WEB]}, PATCH_WEB), ({"propagation": "Immediate"}, "PATCH pods/web-1/status")],
)
async def test_what_fails_for_a_moment_is_done_a_moment_later(
    spec: dict[str, Any], call: str, error: Exception
) -> None:
    world, process = await published(**spec)
    world.faults.once(call, raising(error), moment=BEFORE)
    await renew(world, process)
    assert world.status()["revision"] == 2
    assert restarted_at(world) is not None if "restartTargets" in spec else touched(world, "web-1") == "2"


async def test_what_fails_for_long_is_left_until_the_next_token() -> None:
    world, process = await published(restartTargets=[WEB])
    world.faults.on(PATCH_WEB, raising(API_AWAY))
    before = world.faults.calls.count(PATCH_WEB)
    await renew(world, process)
    assert world.faults.calls.count(PATCH_WEB) - before == MOST_ATTEMPTS
    assert world.event_reasons.count(reasons.CONSUMERS_NOT_TOLD) == 1
    assert ready_of(world.status()) == ("True", "Fresh")
    world.faults.clear()
    await renew(world, process)
    assert restarted_at(world) is not None
