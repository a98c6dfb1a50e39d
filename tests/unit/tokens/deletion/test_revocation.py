"""What a GitHubToken with `deletionPolicy: Revoke` leaves behind, whatever fails and whenever the process dies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from githubtoken_operator.adapters.kubernetes.errors import (
    ApiError,
    Conflict,
    Forbidden,
    HookAway,
    Invalid,
    Terminating,
)
from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.objects.specs.github_token import FINALIZER
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.runs.due import causes
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import RateLimited
from githubtoken_operator.engine.scheduling.turns import WORTH_A_WORD
from tests.unit.builders import app_body, githubtoken_body, secret
from tests.unit.fakes import AFTER, API_AWAY, LOST, NOT_SENT, Killed, Moment, Process, World, raising, token_ref
from tests.unit.keys import pem
from tests.unit.tokens.ends import (
    BOTH,
    CREDENTIAL,
    TOKEN,
    Begin,
    came_from,
    installation,
    living,
    moved,
    requested,
    revocations,
    until_gone,
    user,
)

# --- What nobody has any more ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", BOTH)
async def test_what_came_from_the_apps_earlier_host_is_revoked_there_and_shown_to_no_other(begin: Begin) -> None:
    world = await begin()
    tokens = living(world)
    moved(world)
    world.api.delete(TOKEN)
    process = world.start()
    await until_gone(world, process)
    assert world.github.revoked == tokens
    assert all(world.github.shown[token] <= {"api.github.com", "github.com"} for token in tokens)
    assert revocations(process) == {"success": 1, "failed": 0}


@pytest.mark.parametrize("begin", BOTH)
async def test_the_present_host_gets_the_client_secret_and_the_earlier_one_does_not(begin: Begin) -> None:
    world = await begin()
    moved(world)
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    assert all((asked.client_secret, asked.private_key) == (None, None) for asked in world.github.revokers)


@pytest.mark.parametrize("begin", BOTH)
async def test_an_earlier_host_that_is_not_allowed_any_more_is_not_asked_and_that_is_no_success(begin: Begin) -> None:
    world = await begin()
    away = {"apiURL": "https://ghe.gone.example/api/v3", "webURL": "https://ghe.gone.example"}
    for key in (key for key in ("secrets/ci", CREDENTIAL) if key in world.api.objects):
        came_from(world, key, away)
    tokens = living(world)
    world.api.delete(TOKEN)
    process = world.start()
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert not world.github.revoked & tokens
    assert revocations(process) == {"success": 0, "failed": 1}
    assert world.event_reasons[-1] == reasons.REVOCATION_FAILED
    assert "ghe.gone.example" in world.api.events[-1]["message"]
    assert (CREDENTIAL in world.api.objects) == (begin is user), "nothing else could revoke the pair"


@pytest.mark.parametrize("begin", BOTH)
async def test_what_is_gone_and_dead_is_no_failure(begin: Begin) -> None:
    world = await begin()
    world.clock.advance(timedelta(days=200))
    for key in [key for key in world.api.objects if key.startswith("secrets/")]:
        del world.api.objects[key]
    world.api.delete(TOKEN)
    process = world.start()
    await process.run()
    assert revocations(process) == {"success": 1, "failed": 0}


# --- Deletion --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", BOTH)
async def test_everything_that_was_obtained_is_revoked_and_the_credential_removed(begin: Begin) -> None:
    world = await begin()
    tokens, process = living(world), world.start()
    world.api.delete(TOKEN)
    assert await process.run() is None
    assert TOKEN not in world.api.objects
    assert CREDENTIAL not in world.api.objects
    assert world.github.revoked == tokens
    assert revocations(process) == {"success": 1, "failed": 0}


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
async def test_other_policies_revoke_nothing_and_keep_the_credential(policy: str) -> None:
    world = await user(policy)
    world.api.delete(TOKEN)
    assert await world.start().run() is None
    assert CREDENTIAL in world.api.objects
    assert world.github.revoked == set()


async def test_a_policy_changed_during_the_deletion_counts() -> None:
    world = await user()
    world.faults.on("revoke", raising(NOT_SENT))
    world.api.delete(TOKEN)
    process = world.start()
    await process.run()
    world.api.edit(TOKEN, lambda body: body["spec"].update(deletionPolicy="Delete"))
    await process.run()
    assert TOKEN not in world.api.objects
    assert CREDENTIAL in world.api.objects


@pytest.mark.parametrize("begin", BOTH)
async def test_whenever_the_process_dies_the_next_one_revokes_all_of_it(begin: Begin) -> None:
    world = await begin()
    first = len(world.faults.reached)
    world.api.delete(TOKEN)
    await world.start().run()
    for number in range(len(world.faults.reached) - first):
        world = await begin()
        tokens = living(world)
        world.api.delete(TOKEN)
        world.faults.at(number, raising(Killed()))
        with pytest.raises(Killed):
            await world.start().run()
        await until_gone(world, world.start())
        assert world.github.revoked == tokens
        assert {TOKEN, CREDENTIAL} & world.api.objects.keys() == set()


@pytest.mark.parametrize("fault", [API_AWAY, Conflict(409, "the resourceVersion is not the present one")])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("begin", BOTH)
async def test_no_fault_of_the_api_server_keeps_a_token_alive(begin: Begin, fault: Exception, moment: Moment) -> None:
    world = await begin()
    first = len(world.faults.reached)
    world.api.delete(TOKEN)
    await world.start().run()
    moments = world.faults.reached[first:]
    for number, (call, reached) in enumerate(moments):
        if reached != moment or "/" not in call or (isinstance(fault, Conflict) and (moment == AFTER or "GET" in call)):
            continue
        world = await begin()
        tokens, process = living(world), world.start()
        world.api.delete(TOKEN)
        world.faults.at(number, raising(fault))
        await until_gone(world, process)
        assert world.github.revoked == tokens, call
        assert {TOKEN, CREDENTIAL} & world.api.objects.keys() == set()


async def test_a_token_whose_secret_was_deleted_is_revoked_from_memory() -> None:
    world = await installation()
    process = world.start()
    await process.run()
    world.api.delete("secrets/ci")
    world.api.delete(TOKEN)
    await process.run()
    assert world.github.revoked == {world.github.minted[-1].reveal()}


async def test_a_secret_of_somebody_else_is_not_read_out() -> None:
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    world.api.put(secret("ci", {"token": "ghs_strangers"}))
    world.api.put(githubtoken_body(deletionPolicy="Revoke"))
    world.api.edit(TOKEN, lambda body: body["metadata"].update(finalizers=[FINALIZER]))
    world.api.delete(TOKEN)
    await world.start().run()
    assert TOKEN not in world.api.objects
    assert world.github.revoked == set()


# --- GitHub or the App is away ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", BOTH)
@pytest.mark.parametrize("fault", [NOT_SENT, LOST])
async def test_an_unreachable_github_holds_the_object_five_minutes_and_no_longer(
    begin: Begin, fault: Exception
) -> None:
    world = await begin()
    world.faults.on("revoke", raising(fault))
    world.api.delete(TOKEN)
    deleted, process = world.clock.now, world.start()
    due = await process.run()
    assert due is not None
    assert TOKEN in world.api.objects
    assert world.event_reasons[-1] == reasons.REVOCATION_DELAYED
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert timedelta(0) <= world.clock.now - deleted - deletion.LONGEST_HOLD < timedelta(seconds=5)
    assert world.event_reasons[-2:] == [reasons.REVOCATION_DELAYED, reasons.REVOCATION_FAILED]
    assert revocations(process) == {"success": 0, "failed": 1}
    assert (CREDENTIAL in world.api.objects) is (begin is user), "nothing else could revoke the pair any more"


HOURS = timedelta(hours=3)


@pytest.mark.parametrize("step", [HOURS, -HOURS])
@pytest.mark.parametrize("begin", BOTH)
async def test_a_clock_that_is_set_makes_nobody_give_up_early_or_hold_the_object_longer(
    begin: Begin, step: timedelta
) -> None:
    world = await begin()
    process = world.start()
    await process.run()
    world.faults.on("revoke", raising(NOT_SENT))
    world.set_by = step
    world.api.delete(TOKEN)
    deleted = world.clock.now
    await process.run()
    assert world.event_reasons[-1] == reasons.REVOCATION_DELAYED
    world.set_by = -step
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert timedelta(0) <= world.clock.now - deleted - deletion.LONGEST_HOLD < timedelta(seconds=5)


@pytest.mark.parametrize("begin", BOTH)
async def test_a_clock_that_is_behind_at_the_start_holds_the_object_five_minutes_too(begin: Begin) -> None:
    world = await begin()
    world.faults.on("revoke", raising(NOT_SENT))
    world.set_by = -HOURS
    world.api.delete(TOKEN)
    deleted, process = world.clock.now, world.start()
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert world.clock.now - deleted < deletion.LONGEST_HOLD + timedelta(seconds=5)


@pytest.mark.parametrize("ahead", [HOURS, -HOURS])
@pytest.mark.parametrize("begin", BOTH)
async def test_a_token_is_alive_as_long_as_githubs_clock_says_so_and_not_ours(begin: Begin, ahead: timedelta) -> None:
    world = await begin()
    world.github.clock_ahead, world.set_by = ahead, -ahead
    process = world.start()
    requested(world, "2026-03-01T12:00:00Z")
    await process.settle()
    tokens = living(world)
    world.api.delete(TOKEN)
    await process.run()
    assert world.github.revoked >= tokens
    assert revocations(process) == {"success": 1, "failed": 0}


async def while_its_app_hangs(world: World) -> Process:
    """A process in which another object of the same client or installation is being answered, which takes long."""
    process = world.start()
    lane = (await process.lane())._replace(host="api.github.com")
    assert process.lanes.ask(token_ref("other"), lane, deadline=0, points=WRITE, now=world.clock.monotonic())
    return process


@pytest.mark.parametrize("begin", BOTH)
async def test_a_deletion_waits_for_its_apps_turn_without_a_place_and_says_so_once(begin: Begin) -> None:
    world = await begin()
    tokens, process = living(world), await while_its_app_hangs(world)
    world.api.delete(TOKEN)
    due = await process.run()
    assert due is not None
    assert due.cause == causes.TURN
    assert world.github.revoked == set()
    assert reasons.REVOCATION_DELAYED not in world.event_reasons
    for _ in range(2):
        world.clock.advance(timedelta(seconds=WORTH_A_WORD))
        await process.run()
    assert world.event_reasons.count(reasons.REVOCATION_DELAYED) == 1
    assert "waiting for its App's turn, 0 before it" in world.api.events[-1]["message"]
    process.lanes.leave(token_ref("other"), world.clock.monotonic())
    process.turns.pump()
    assert process.woken[-1][0] == token_ref("ci")
    await process.run()
    assert TOKEN not in world.api.objects
    assert world.github.revoked == tokens


async def test_a_deletion_whose_turn_does_not_come_is_held_five_minutes_and_no_longer() -> None:
    world = await installation()
    process = await while_its_app_hangs(world)
    world.api.delete(TOKEN)
    deleted = world.clock.now
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert world.clock.now - deleted == deletion.LONGEST_HOLD
    assert world.event_reasons[-1] == reasons.REVOCATION_FAILED
    assert "the turn of its App at GitHub did not come" in world.api.events[-1]["message"]
    assert process.lanes.waiting() == []


async def test_a_restart_does_not_begin_the_five_minutes_anew() -> None:
    world = await installation()
    world.faults.on("revoke", raising(NOT_SENT))
    world.api.delete(TOKEN)
    await world.start().run()
    world.clock.advance(deletion.LONGEST_HOLD)
    assert await world.start().run() is None
    assert TOKEN not in world.api.objects


async def test_a_github_that_comes_back_in_time_revokes() -> None:
    world = await user()
    tokens, process = living(world), world.start()
    world.faults.on("revoke", raising(NOT_SENT))
    world.api.delete(TOKEN)
    await process.run()
    world.faults.clear()
    world.clock.advance(timedelta(minutes=2))
    await process.run()
    assert world.github.revoked == tokens
    assert revocations(process) == {"success": 1, "failed": 0}


async def test_a_limit_that_github_states_is_waited_for() -> None:
    world = await installation()
    world.github.refuses["revoke"] = RateLimited(reasons.RATE_LIMITED, "wait", retry_after=100.0)
    world.api.delete(TOKEN)
    due = await world.start().run()
    assert due is not None
    assert due.due == world.clock.now.timestamp() + 100


@pytest.mark.parametrize("begin", BOTH)
async def test_an_app_that_is_gone_is_used_as_it_was(begin: Begin) -> None:
    world = await begin()
    tokens, process = living(world), world.start()
    await process.run()
    world.api.delete("githubapps/acme")
    world.clock.advance(timedelta(minutes=1))
    world.api.delete(TOKEN)
    await process.run()
    assert TOKEN not in world.api.objects
    assert world.github.revoked == tokens


@pytest.mark.parametrize("begin", BOTH)
async def test_an_app_that_nobody_remembers_does_not_hold_it_for_longer(begin: Begin) -> None:
    world = await begin()
    world.api.delete("githubapps/acme")
    world.api.delete(TOKEN)
    deleted, process = world.clock.now, world.start()
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert world.clock.now - deleted < deletion.LONGEST_HOLD + timedelta(seconds=5)
    assert world.github.revoked == set()
    assert "AppNotFound" not in world.api.events[-1]["message"]
    assert "no GitHubApp `acme`" in world.api.events[-1]["message"]


async def test_what_never_had_a_token_goes_at_once_also_without_app() -> None:
    world = World()
    world.api.put(githubtoken_body(deletionPolicy="Revoke"))
    process = world.start()
    await process.run()
    assert world.api.objects[TOKEN]["metadata"]["finalizers"] == [FINALIZER]
    world.api.delete(TOKEN)
    assert await process.run() is None
    assert TOKEN not in world.api.objects


async def test_a_namespace_that_goes_does_not_hang_on_its_events() -> None:
    world = await installation()
    world.faults.on("revoke", raising(NOT_SENT))
    world.faults.on("POST events", raising(Terminating(403, "the namespace is being terminated")))
    world.api.delete(TOKEN)
    process = world.start()
    assert await process.run() is not None
    await until_gone(world, process)
    assert TOKEN not in world.api.objects


@pytest.mark.parametrize("begin", BOTH)
@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Forbidden(403, "githubtokens is forbidden"), id="a right that is missing"),
        pytest.param(Invalid(422, "githubtokens is invalid"), id="an admission policy"),
        pytest.param(HookAway(500, "failed calling webhook"), id="a webhook that is away"),
    ],
)
async def test_an_object_that_cannot_be_let_go_is_tried_again_after_a_pause(begin: Begin, refusal: ApiError) -> None:
    world = await begin()
    world.api.delete(TOKEN)
    world.faults.on("PATCH githubtokens/ci", raising(refusal))
    process = world.start()
    for _ in range(3):
        due = await process.run()
        assert due is not None
        assert due.due - world.clock.now.timestamp() == deletion.LONGEST_PAUSE
        world.clock.advance(timedelta(seconds=deletion.LONGEST_PAUSE))
    world.faults.clear()
    await process.run()
    assert TOKEN not in world.api.objects
    assert revocations(process)["success"] == 1
