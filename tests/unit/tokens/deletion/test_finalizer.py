"""The finalizer: an object is held where its tokens are to be revoked, and only where it can be let go again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, Invalid
from githubtoken_operator.domain.objects.specs.github_token import FINALIZER
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from tests.unit.builders import app_body, githubtoken_body, secret
from tests.unit.fakes import Process, World, raising
from tests.unit.keys import pem
from tests.unit.tokens.ends import BOTH, CREDENTIAL, TOKEN, Begin, installation, living, revocations, until_gone, user

PATCH = f"PATCH {TOKEN}"


@pytest.mark.parametrize("begin", BOTH)
async def test_the_object_is_held_before_its_first_token_is_obtained(begin: Begin) -> None:
    world = await begin()
    calls = world.faults.calls
    assert calls.index(PATCH) < min(calls.index(call) for call in ("mint", "refresh") if call in calls)
    assert world.api.objects[TOKEN]["metadata"]["finalizers"] == [FINALIZER]


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
async def test_no_other_policy_holds_the_object(policy: str) -> None:
    world = await installation(policy)
    assert "finalizers" not in world.api.objects[TOKEN]["metadata"]
    assert PATCH not in world.faults.calls


async def test_the_policy_may_be_changed_at_any_time() -> None:
    world = await installation("Delete")
    process = world.start()
    for policy, finalizers in (("Revoke", [FINALIZER]), ("Retain", [])):

        def change(body: dict[str, object], policy: str = policy) -> None:
            body["spec"] = {"appRef": {"name": "acme"}, "installation": {"id": 678}, "deletionPolicy": policy}

        world.api.edit(TOKEN, change)
        await process.settle()
        assert world.api.objects[TOKEN]["metadata"]["finalizers"] == finalizers
    assert len(world.github.minted) == 1


async def test_finalizers_of_others_are_left_alone() -> None:
    world = await installation("Delete")

    def change(body: dict[str, dict[str, object]]) -> None:
        body["metadata"]["finalizers"] = ["example.com/hold"]
        body["spec"]["deletionPolicy"] = "Revoke"

    world.api.edit(TOKEN, change)
    process = world.start()
    await process.settle()
    world.api.delete(TOKEN)
    await process.run()
    assert world.api.objects[TOKEN]["metadata"]["finalizers"] == ["example.com/hold"]
    assert world.github.revoked == living(world)


@pytest.mark.parametrize(
    "refusal",
    [Forbidden(403, "cannot patch githubtokens"), Invalid(422, "ValidatingAdmissionPolicy 'frozen' denied request")],
    ids=["RBAC", "an admission policy"],
)
async def test_what_may_not_be_held_obtains_nothing_and_says_so(refusal: ApiError) -> None:
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    world.api.put(githubtoken_body(deletionPolicy="Revoke"))
    world.faults.on(PATCH, raising(refusal))
    await world.start().run()
    assert world.github.minted == []
    assert ready_of(world.status()) == ("False", reasons.MISSING_PERMISSION)
    assert "deletionPolicy: Revoke" in world.message
    assert refusal.message in world.message


ROLE_GONE = Forbidden(403, "githubtokens.githubtoken.dev is forbidden")


async def of_namespaces(*, allowed: bool) -> tuple[World, Process]:
    """An operator with `--namespaces`, and a GitHubToken that is to be revoked."""
    world = World()
    world.api.allows = allowed
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    world.api.put(githubtoken_body(deletionPolicy="Revoke"))
    return world, world.start(clusterwide=False)


async def test_an_operator_of_some_namespaces_holds_nothing_that_it_could_not_let_go() -> None:
    world, process = await of_namespaces(allowed=False)
    due = await process.run()
    assert world.github.minted == []
    assert "finalizers" not in world.api.objects[TOKEN]["metadata"]
    assert ready_of(world.status()) == ("False", reasons.MISSING_PERMISSION)
    assert "rbac.revocation.enabled" in world.message
    world.api.allows = True
    assert due is not None
    world.clock.now = datetime.fromtimestamp(due.due, UTC)
    await process.settle()
    assert len(world.github.minted) == 1
    assert world.api.objects[TOKEN]["metadata"]["finalizers"] == [FINALIZER]


async def test_a_finalizer_from_before_the_right_was_lost_is_taken_off() -> None:
    world, process = await of_namespaces(allowed=True)
    await process.settle()
    world.api.allows = False
    await world.start(clusterwide=False).settle()
    assert world.api.objects[TOKEN]["metadata"]["finalizers"] == []
    assert len(world.github.minted) == 1


@pytest.mark.parametrize("policy", ["Revoke", "Delete"])
@pytest.mark.parametrize("begin", BOTH)
async def test_a_role_that_is_gone_is_no_error_of_the_run_and_its_return_ends_the_matter(
    begin: Begin, policy: str
) -> None:
    world = await begin()
    tokens, process = living(world), world.start()
    world.api.delete(TOKEN)
    world.api.edit(TOKEN, lambda body: body["spec"].update(deletionPolicy=policy))
    world.faults.on(PATCH, raising(ROLE_GONE))
    due = await process.run()
    assert due is not None
    assert due.due - world.clock.now.timestamp() == deletion.LONGEST_PAUSE
    assert revocations(process) == {"success": 0, "failed": 0}, "nothing is counted twice"
    world.faults.clear()
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert world.github.revoked == (tokens if policy == "Revoke" else set())
    assert revocations(process) == {"success": 1 if policy == "Revoke" else 0, "failed": 0}


async def test_secrets_that_may_not_be_read_any_more_hold_it_five_minutes_and_no_longer() -> None:
    world = await user()
    process = world.start()
    for call in ("GET secrets/ci", f"GET {CREDENTIAL}"):
        world.faults.on(call, raising(Forbidden(403, "secrets is forbidden")))
    world.api.delete(TOKEN)
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert revocations(process) == {"success": 0, "failed": 1}
