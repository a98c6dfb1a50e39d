"""Whole runs for installation tokens, against a cluster and a GitHub in memory: what is written, when, and what not."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest

from githubtoken_operator.adapters.kubernetes.errors import (
    ApiError,
    Forbidden,
    HookAway,
    Invalid,
    Terminating,
    Unavailable,
)
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.times import format_time
from tests.unit.builders import githubtoken_body
from tests.unit.fakes import AFTER, API_AWAY, BEFORE, LOST, NOT_SENT, Killed, Moment, raising
from tests.unit.tokens.installed import APPLY, CONFLICT, FRESH, STATUS, assert_published, declared, fresh, mints, respec

# --- The first token -------------------------------------------------------------------------------------------------


async def test_the_first_token_is_in_the_secret_before_status_speaks_of_it() -> None:
    world = declared()
    await world.start().run()
    calls = world.faults.calls
    assert calls.index("mint") < calls.index("probe") < calls.index(APPLY) < calls.index(STATUS)
    assert_published(world)
    assert world.status()["account"] == "acme"
    assert world.status()["permissions"] == {"metadata": "read"}
    assert world.status()["repositorySelection"] == "all"
    assert world.event_reasons == [reasons.FRESH]


async def test_a_run_says_when_renewal_is_due_and_that_it_matters_until_expiry() -> None:
    world = declared()
    due = await world.start().run()
    assert due is not None
    assert due.deadline == (world.clock.now + timedelta(hours=1)).timestamp()
    assert format_time(world.clock.now) < world.status()["renewalTime"] < world.status()["expirationTime"]
    assert (
        format_time(world.clock.now + timedelta(seconds=due.due - world.clock.now.timestamp()))
        == (world.status()["renewalTime"])
    )


async def test_a_run_that_finds_nothing_to_do_writes_nothing() -> None:
    world = await fresh()
    before, events = copy.deepcopy(world.api.objects), list(world.api.events)
    process = world.start()
    for _ in range(3):
        await process.run()
    assert world.api.objects == before
    assert world.api.events == events


async def test_a_token_that_is_renewed_counts_on() -> None:
    world = await fresh()
    world.clock.advance(timedelta(minutes=45))
    await world.start().settle()
    assert_published(world)
    assert (mints(world), world.status()["revision"]) == (2, 2)
    # Being renewed is no transition, so nothing was said of it.
    assert world.event_reasons == [reasons.FRESH]


async def test_githubs_clock_counts_and_not_ours() -> None:
    world = declared()
    world.github.clock_ahead = timedelta(minutes=10)
    process = world.start()
    due = await process.run()
    assert due is not None
    assert due.deadline == (world.clock.now + timedelta(hours=1)).timestamp()
    await process.run()
    assert mints(world) == 1


# --- A restart -------------------------------------------------------------------------------------------------------


async def test_a_wait_that_a_wrong_clock_reckoned_holds_nobody_up() -> None:
    world = declared()
    world.github.clock_ahead = timedelta(hours=5)
    world.faults.on("mint", raising(NOT_SENT))
    process = world.start()
    await process.run()
    assert world.status()["failedAttempts"] == 1
    world.faults.clear()
    world.github.clock_ahead = timedelta(0)
    world.clock.advance(timedelta(minutes=2))
    await process.run()
    assert ready_of(world.status()) == ("True", "Fresh")


async def test_after_a_restart_nothing_that_is_fresh_is_asked_of_github() -> None:
    world = await fresh()
    world.faults.calls.clear()
    await world.start().settle()
    assert all("/" in call for call in world.faults.calls)
    assert not [call for call in world.faults.calls if not call.startswith("GET")]


# --- Death and faults at every moment --------------------------------------------------------------------------------


async def moments_of_the_first_run() -> list[tuple[str, Moment]]:
    world = declared()
    await world.start().settle()
    return world.faults.reached


async def test_whenever_the_process_is_killed_the_next_one_publishes_and_mints_once_more_at_most() -> None:
    for number, (call, _) in enumerate(await moments_of_the_first_run()):
        world = declared()
        world.faults.at(number, raising(Killed()))
        with pytest.raises(Killed):
            await world.start().settle()
        in_the_secret = "secrets/ci" in world.api.objects
        minted = mints(world)
        await world.start().settle()
        assert_published(world)
        assert mints(world) <= 2, call
        if in_the_secret:
            assert mints(world) == minted, "the Secret alone suffices"


@pytest.mark.parametrize(
    ("error", "moment"),
    [
        pytest.param(API_AWAY, BEFORE, id="the API server is away"),
        pytest.param(API_AWAY, AFTER, id="the API server's answer is lost"),
        pytest.param(CONFLICT, BEFORE, id="409"),
    ],
)
async def test_no_fault_of_the_api_server_mints_twice(error: Exception, moment: Moment) -> None:
    for number, (call, reached) in enumerate(await moments_of_the_first_run()):
        if reached != moment or "/" not in call or (error is CONFLICT and call.startswith("GET")):
            continue
        world = declared()
        world.faults.at(number, raising(error))
        await world.start().settle()
        assert_published(world)
        assert mints(world) == 1, call


@pytest.mark.parametrize("call", ["get_app", "find_installation", "mint"])
@pytest.mark.parametrize("error", [NOT_SENT, LOST], ids=["not sent", "lost"])
async def test_a_fault_on_the_way_to_github_is_overcome(call: str, error: Exception) -> None:
    world = declared()
    world.faults.once(call, raising(error))
    await world.start().settle()
    assert_published(world)
    assert not world.status().keys() & {"failedAttempts", "lastFailureTime", "nextAttemptTime"}


# --- Conflicts and rights --------------------------------------------------------------------------------------------


async def test_a_secret_that_may_not_be_read_is_said() -> None:
    world = declared()
    world.faults.on("GET secrets/ci", raising(Forbidden(403, "secrets is forbidden: User cannot get")))
    due = await world.start(watching=False).run()
    assert due is not None
    assert mints(world) == 0
    assert ready_of(world.status()) == ("False", reasons.MISSING_PERMISSION)


async def test_an_app_that_may_not_be_read_for_a_moment_is_read_again_without_any_event() -> None:
    """So answers an API server that has just started and has not read the roles yet."""
    world = declared()
    world.faults.once("GET githubapps/acme", raising(Forbidden(403, "githubapps is forbidden: User cannot get")))
    process = world.start(watching=False)
    due = await process.run()
    assert due is not None
    assert ready_of(world.status()) == ("False", reasons.MISSING_PERMISSION)
    world.clock.advance(timedelta(seconds=due.due - world.clock.now.timestamp()))
    await process.run()
    assert_published(world)


async def test_in_a_namespace_that_is_being_deleted_nothing_is_repeated() -> None:
    world = declared()
    world.faults.on(APPLY, raising(Terminating(403, "namespace team is being terminated")))
    assert await world.start().run() is None


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Forbidden(403, "githubtokens/status is forbidden"), id="a right that is missing"),
        pytest.param(Invalid(422, "status is invalid"), id="an admission policy"),
        pytest.param(Unavailable(500, "failed calling webhook"), id="a webhook that is away"),
    ],
)
async def test_what_failed_is_not_asked_of_github_again_because_status_could_not_be_written(refusal: ApiError) -> None:
    world = declared()
    world.faults.on("mint", raising(NOT_SENT))
    world.faults.on(STATUS, raising(refusal))
    process = world.start()
    for _ in range(3):
        await process.run()
    assert mints(world) == 1
    world.clock.advance(timedelta(minutes=30))
    for _ in range(3):
        await process.run()
    assert mints(world) == 2
    world.faults.on(STATUS, lambda: None)
    await process.run()
    assert world.status()["failedAttempts"] == 2
    world.faults.clear()
    world.clock.advance(timedelta(minutes=30))
    await process.settle()
    assert_published(world)


@pytest.mark.parametrize(
    "refusal",
    [Invalid(422, "status is invalid"), HookAway(500, "failed calling webhook")],
    ids=["an admission policy", "a webhook that is away"],
)
async def test_what_the_api_server_goes_on_refusing_is_tried_less_and_less_often(refusal: ApiError) -> None:
    world = declared()
    world.faults.on(STATUS, raising(refusal))
    process = world.start()
    waits = []
    for _ in range(8):
        due = await process.run()
        assert due is not None
        waits.append(due.due - world.clock.now.timestamp())
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    world.faults.clear()
    await process.run()
    assert_published(world)


async def test_an_event_that_cannot_be_written_repeats_nothing() -> None:
    world = declared()
    world.faults.on("POST events", raising(Forbidden(403, "events is forbidden")))
    await world.start().settle()
    assert_published(world)
    assert mints(world) == 1


# --- Suspension and the end ------------------------------------------------------------------------------------------


async def test_a_suspended_token_is_kept_and_not_renewed() -> None:
    world = await fresh()
    respec(world, suspend=True)
    process = world.start()
    world.clock.advance(timedelta(minutes=50))
    await process.run()
    assert (mints(world), ready_of(world.status())) == (1, FRESH)
    world.clock.advance(timedelta(minutes=10))
    await process.run()
    assert (mints(world), ready_of(world.status())) == (1, ("False", reasons.SUSPENDED))
    respec(world, suspend=False)
    await process.run()
    assert_published(world)


async def test_a_githubtoken_that_is_gone_leaves_no_series() -> None:
    world = await fresh()
    process = world.start()
    await process.run()
    about = {"namespace": "team", "name": "ci"}
    assert process.metrics.registry.get_sample_value("githubtoken_issued_timestamp_seconds", about) is not None
    world.api.delete("githubtokens/ci")
    assert await process.run() is None
    assert process.metrics.registry.get_sample_value("githubtoken_issued_timestamp_seconds", about) is None


async def test_a_githubtoken_that_is_made_anew_starts_anew() -> None:
    world = await fresh()
    process = world.start()
    await process.run()
    world.api.delete("githubtokens/ci")
    world.api.delete("secrets/ci")
    world.api.put(githubtoken_body(uid="uid-second"))
    await process.settle()
    assert mints(world) == 2
    assert world.secret()["metadata"]["ownerReferences"][0]["uid"] == "uid-second"


async def test_no_token_is_shown_anywhere_but_in_the_secret() -> None:
    world = await fresh()
    shown = str([world.status(), world.api.events, world.secret()["metadata"]])
    assert "ghs_" not in shown


@pytest.mark.parametrize("moment", [APPLY, STATUS])
async def test_an_object_that_is_deleted_meanwhile_is_forgotten_without_a_warning(
    moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = declared()
    process = world.start()
    world.faults.once(moment, lambda: world.api.delete("githubtokens/ci"))
    assert await process.run() is not None
    assert await process.run() is None
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
