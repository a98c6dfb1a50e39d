"""An App's own run: its status, and whom it wakes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, NotFound, Terminating
from githubtoken_operator.domain.objects.secrets import encoded
from githubtoken_operator.domain.runs import doubt
from githubtoken_operator.domain.runs.due.schedule import RECHECK_MISSING
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, TokenError
from githubtoken_operator.engine.cache.watched import Ref
from tests.unit.apps.worlds import ACME, app_status, looks, world_with
from tests.unit.builders import app_body, githubtoken_body, secret
from tests.unit.fakes import API_AWAY, NOT_SENT, Process, World, raising, token_ref
from tests.unit.keys import pem


async def test_an_accepted_app_says_so_once() -> None:
    world = world_with()
    process = world.start()
    assert await process.app_runs.run(ACME) is None
    written = app_status(world)
    assert (written["slug"], written["owner"], written["tokens"]) == ("acme", "acme", 0)
    calls = world.faults.calls.count("PATCH githubapps/acme/status")
    await process.app_runs.run(ACME)
    assert world.faults.calls.count("PATCH githubapps/acme/status") == calls
    assert world.event_reasons == [reasons.ACCEPTED]


async def test_an_app_without_key_is_not_checked() -> None:
    world = world_with(privateKeySecretRef=None)
    await world.start().app_runs.run(ACME)
    assert ready_of(app_status(world)) == ("True", reasons.NOT_CHECKED)
    assert looks(world) == 0


async def test_an_app_that_is_not_answered_says_why_once_and_until_it_is() -> None:
    world = world_with()
    world.github.refuses["get_app"] = NOT_SENT
    process = world.start()
    for _ in range(3):
        await process.app_runs.run(ACME)
    assert ready_of(app_status(world)) == ("Unknown", reasons.PENDING)
    told = app_status(world)["conditions"][0]["message"]
    assert told == f"GitHub has not answered yet: {NOT_SENT.message}"
    assert world.faults.calls.count("PATCH githubapps/acme/status") == 1
    del world.github.refuses["get_app"]
    world.clock.advance(timedelta(minutes=1))
    await process.app_runs.run(ACME)
    assert ready_of(app_status(world)) == ("True", reasons.ACCEPTED)
    assert process.checks.unanswered(ACME) is None


async def used_by_a_token() -> tuple[World, Process]:
    """The App has been looked at since its token is ready."""
    world = world_with()
    world.api.put(githubtoken_body())
    process = world.start()
    await process.settle()
    await process.app_runs.run(ACME)
    return world, process


async def test_an_app_counts_the_tokens_that_use_it() -> None:
    world, _ = await used_by_a_token()
    assert app_status(world)["tokens"] == 1


async def test_a_change_of_an_app_wakes_its_tokens_and_nothing_else_does() -> None:
    world, process = await used_by_a_token()
    process.woken.clear()
    await process.app_runs.run(ACME)
    assert woken(process) == []
    world.api.edit("secrets/acme-app", lambda it: it["data"].update(encoded({"client-secret": "new"})))
    await process.app_runs.run(ACME)
    assert woken(process) == [token_ref()]


async def test_an_app_that_comes_wakes_those_that_found_none() -> None:
    world = World()
    world.api.put(githubtoken_body())
    process = world.start(watching=False)
    await process.settle()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    process.apps.forget(ACME)
    await process.app_runs.run(ACME)
    assert woken(process) == [token_ref()]


async def test_the_first_run_of_an_app_wakes_no_token_that_has_read_the_same() -> None:
    world = world_with()
    world.api.put(githubtoken_body())
    process = world.start()
    await process.settle()
    await process.app_runs.run(ACME)
    assert woken(process) == []


def woken(process: Process) -> list[Ref]:
    return [ref for ref, _ in process.woken if ref.kind is Kind.TOKEN]


async def test_an_app_whose_key_is_missing_is_looked_at_again_soon() -> None:
    world = world_with()
    world.api.delete("secrets/acme-app")
    due = await world.start().app_runs.run(ACME)
    assert due is not None
    assert due.due == (world.clock.now + RECHECK_MISSING).timestamp()
    assert ready_of(app_status(world)) == ("False", reasons.PRIVATE_KEY_MISSING)


async def test_an_app_that_may_not_be_read_is_read_again_soon_and_then_wakes_its_tokens() -> None:
    world = world_with()
    world.api.put(githubtoken_body())
    process = world.start(watching=False)
    await process.settle()
    await process.app_runs.run(ACME)
    process.apps.forget(ACME)
    world.faults.once("GET githubapps/acme", raising(Forbidden(403, "githubapps is forbidden")))
    due = await process.app_runs.run(ACME)
    assert due is not None
    assert due.due == (world.clock.now + RECHECK_MISSING).timestamp()
    process.woken.clear()
    assert await process.app_runs.run(ACME) is None
    assert woken(process) == [token_ref()]
    assert ready_of(app_status(world))[0] == "True"


async def test_an_app_that_is_gone_is_forgotten() -> None:
    world = world_with()
    app_runs = world.start().app_runs
    await app_runs.run(ACME)
    world.api.delete("githubapps/acme")
    assert await app_runs.run(ACME) is None


@pytest.mark.parametrize("call", ["GET githubapps/acme", "PATCH githubapps/acme/status"])
async def test_while_the_api_server_is_away_an_app_comes_back(call: str) -> None:
    world = world_with()
    app_runs = world.start(watching=False).app_runs
    world.faults.once(call, raising(API_AWAY))
    due = await app_runs.run(ACME)
    assert due is not None
    await app_runs.run(ACME)
    assert ready_of(app_status(world)) == ("True", reasons.ACCEPTED)


async def test_a_refused_app_says_why_and_is_looked_at_again() -> None:
    world = world_with()
    world.github.refuses["get_app"] = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
    due = await world.start().app_runs.run(ACME)
    assert due is not None
    assert due.due == (world.clock.now + timedelta(minutes=1)).timestamp()
    assert ready_of(app_status(world)) == ("False", reasons.AUTHENTICATION_FAILED)
    assert world.event_reasons == [reasons.AUTHENTICATION_FAILED]


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(minutes=-1), timedelta(minutes=1)])
async def test_an_app_that_github_accepts_again_wakes_its_tokens_once(ahead: timedelta) -> None:
    world = world_with()
    world.api.put(githubtoken_body())
    world.github.refuses["get_app"] = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
    process = world.start()
    await process.run()
    await process.app_runs.run(ACME)
    # How far the clocks differ is known only since.
    world.github.clock_ahead = ahead
    del world.github.refuses["get_app"]
    process.woken.clear()
    world.clock.advance(timedelta(minutes=1))
    await process.app_runs.run(ACME)
    assert woken(process) == [token_ref()]
    await process.app_runs.run(ACME)
    assert woken(process) == [token_ref()]
    await process.run()
    assert ready_of(world.status()) == ("True", reasons.FRESH)


async def test_an_event_that_is_lost_keeps_no_token_from_being_woken() -> None:
    world = world_with()
    world.api.put(githubtoken_body())
    world.github.refuses["get_app"] = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
    process = world.start()
    await process.run()
    await process.app_runs.run(ACME)
    del world.github.refuses["get_app"]
    process.woken.clear()
    world.clock.advance(timedelta(minutes=1))
    world.faults.once("POST events", raising(API_AWAY))
    assert await process.app_runs.run(ACME) is None
    assert woken(process) == [token_ref()]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_token_that_failed_before_its_app_was_called_refused_is_tried_when_that_is_over(
    *, restarted: bool
) -> None:
    world, process = await used_by_a_token()
    refusal = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
    world.github.refuses |= {"mint": refusal, "get_app": refusal}
    world.clock.advance(timedelta(minutes=61))
    for state in ("False", "True"):
        process.woken.clear()
        for _ in range(doubt.BELIEVED):
            if state == "False":
                await process.run()
            due = await process.app_runs.run(ACME)
            if ready_of(app_status(world))[0] == state:
                break
            assert due is not None
            world.clock.now = datetime.fromtimestamp(due.due, UTC)
        world.github.refuses.clear()
    assert woken(process) == [token_ref()]
    assert datetime.fromisoformat(world.status()["nextAttemptTime"]) > world.clock.now
    await (world.start() if restarted else process).run()
    assert ready_of(world.status()) == ("True", reasons.FRESH)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(
    ("error", "wait"),
    [
        pytest.param(NOT_SENT, RECHECK_MISSING, id="no answer"),
        pytest.param(RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=40), timedelta(seconds=40), id="limit"),
    ],
)
async def test_a_refused_app_of_which_github_says_no_more_stays_so_and_is_not_asked_about_without_a_pause(
    error: TokenError, wait: timedelta, *, restarted: bool
) -> None:
    world = world_with()
    world.github.refuses["get_app"] = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
    process = world.start()
    await process.app_runs.run(ACME)
    world.clock.advance(timedelta(minutes=1))
    world.github.refuses["get_app"] = error
    process = world.start() if restarted else process
    for _ in range(3):
        due = await process.app_runs.run(ACME)
        assert due is not None
        assert due.due == (world.clock.now + wait).timestamp()
        assert ready_of(app_status(world)) == ("False", reasons.AUTHENTICATION_FAILED)
    assert looks(world) == 2


@pytest.mark.parametrize("error", [Terminating(403, "it is being terminated"), NotFound(404, "no such namespace")])
async def test_an_app_whose_namespace_goes_says_nothing_of_its_event(
    error: ApiError, caplog: pytest.LogCaptureFixture
) -> None:
    world = world_with()
    world.faults.once("POST events", raising(error))
    assert await world.start().app_runs.run(ACME) is None
    assert ready_of(app_status(world)) == ("True", reasons.ACCEPTED)
    assert caplog.records == []
