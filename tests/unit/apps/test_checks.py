"""GitHub is asked about an App seldom, once for all, and what it says is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.lanes.outage import FIRST_PAUSE
from githubtoken_operator.domain.objects.secrets import encoded
from githubtoken_operator.domain.runs.appcheck import CHECK_EVERY
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import NotSent, RateLimited, Terminal
from githubtoken_operator.domain.vocabulary.model import App, AppInfo
from githubtoken_operator.engine.scheduling.turns import Stand, Waits
from tests.unit.apps.worlds import ACME, CI, OTHER, app_status, looks, world_with
from tests.unit.builders import githubtoken_body, secret
from tests.unit.fakes import NOT_SENT, FakeGitHub, Process, World, raising
from tests.unit.keys import pem

# --- A key that is replaced ------------------------------------------------------------------------------------------


async def test_a_key_that_was_replaced_since_it_was_read_is_no_failure() -> None:
    world = world_with()
    world.api.put(githubtoken_body())
    process = world.start()
    await process.apps.resolve(ACME)

    def replace_key() -> None:
        # GitHub refuses the old key, and the Secret, which nobody watches, has the new one.
        world.api.edit("secrets/acme-app", lambda it: it["data"].update(encoded({"private-key.pem": pem("next")})))
        raise Terminal(reasons.AUTHENTICATION_FAILED, "that key was deleted")

    world.faults.once("get_app", replace_key)
    await process.settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    assert "failedAttempts" not in world.status()
    assert world.event_reasons == [reasons.FRESH]


async def test_a_key_that_is_refused_and_was_not_replaced_is_a_failure() -> None:
    world = world_with()
    world.api.put(githubtoken_body())
    world.github.refuses["mint"] = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
    await world.start().run()
    assert ready_of(world.status()) == ("False", reasons.AUTHENTICATION_FAILED)
    assert world.status()["failedAttempts"] == 1


# --- Checking --------------------------------------------------------------------------------------------------------


async def test_github_is_asked_once_for_all_tokens_of_an_app() -> None:
    world = world_with()
    checks = world.start().checks
    for _ in range(3):
        await checks.ensure_checked(ACME, asks=CI)
    assert looks(world) == 1


async def test_a_restart_asks_nothing_anew() -> None:
    world = world_with()
    await world.start().app_runs.run(ACME)
    assert ready_of(app_status(world)) == ("True", reasons.ACCEPTED)
    await world.start().app_runs.run(ACME)
    assert looks(world) == 1


async def test_a_refusal_is_raised_for_every_token_until_the_next_look() -> None:
    world = world_with()
    world.github.refuses["get_app"] = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
    checks = world.start().checks
    for _ in range(3):
        with pytest.raises(Terminal, match="another App's key"):
            await checks.ensure_checked(ACME, asks=CI)
    assert looks(world) == 1
    world.clock.advance(timedelta(minutes=1))
    del world.github.refuses["get_app"]
    await checks.ensure_checked(ACME, asks=CI)
    assert looks(world) == 2


async def test_no_answer_is_no_check_and_no_refusal_and_one_looks_again_after_a_while() -> None:
    world = world_with()
    world.github.refuses["get_app"] = NOT_SENT
    checks = world.start().checks
    with pytest.raises(NotSent):
        await checks.ensure_checked(ACME, asks=CI)
    for key in (CI, OTHER):
        with pytest.raises(Waits):
            await checks.ensure_checked(ACME, asks=key)
    assert looks(world) == 1
    world.clock.advance(timedelta(seconds=FIRST_PAUSE + 1))
    del world.github.refuses["get_app"]
    with pytest.raises(Waits):
        await checks.ensure_checked(ACME, asks=CI)
    await checks.ensure_checked(ACME, asks=OTHER)
    assert looks(world) == 2


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda world: world.api.delete("githubapps/acme"), id="it was deleted"),
        pytest.param(lambda world: world.api.put(secret("acme-app", {"private-key.pem": "none"})), id="it has no key"),
        pytest.param(
            lambda world: world.faults.once("GET githubapps/acme", raising(Forbidden(403, "no"))), id="it is not shown"
        ),
    ],
)
async def test_an_app_of_which_nothing_is_to_be_asked_any_more_gives_up_its_turn(end: Callable[[World], None]) -> None:
    world = world_with()
    world.github.refuses["get_app"] = NOT_SENT
    process = world.start(watching=False)
    await process.app_runs.run(ACME)
    assert [key for key, _, _ in process.turns.waiting()] == [ACME]
    end(world)
    process.apps.forget(ACME)
    await process.app_runs.run(ACME)
    assert process.turns.waiting() == []


async def test_an_app_that_worked_is_used_while_nobody_answers_how_it_is() -> None:
    world = world_with()
    checks = world.start().checks
    await checks.ensure_checked(ACME, asks=CI)
    world.clock.advance(CHECK_EVERY)
    world.github.refuses["get_app"] = NOT_SENT
    await checks.ensure_checked(ACME, asks=CI)
    await checks.ensure_checked(ACME, asks=OTHER)
    assert looks(world) == 2


class Slow(FakeGitHub):
    """A GitHub that answers once the test says so."""

    answers: asyncio.Event

    async def get_app(self, app: App) -> AppInfo:
        await self.answers.wait()
        return await super().get_app(app)


async def test_one_asks_for_all_and_the_others_wait_for_nobody_and_are_woken() -> None:
    world = world_with()
    world.github = github = Slow(world.faults, world.clock)
    github.answers = asyncio.Event()
    process = world.start()
    asking = asyncio.create_task(process.checks.ensure_checked(ACME, asks=CI))
    for _ in range(20):
        await asyncio.sleep(0)
    with pytest.raises(Waits):
        await process.checks.ensure_checked(ACME, asks=OTHER)
    # What is known of the App is read meanwhile, by whoever wants it.
    assert (await process.apps.resolve(ACME)).app is not None
    github.answers.set()
    await asking
    assert OTHER in [key for key, _ in process.woken]
    await process.checks.ensure_checked(ACME, asks=OTHER)
    assert looks(world) == 1


async def waits_with_a_stand(world: World) -> tuple[Process, Stand]:
    """CI has GitHub asked about the App, which does not answer yet; OTHER says where it wants to stand then."""
    world.github = github = Slow(world.faults, world.clock)
    github.answers = asyncio.Event()
    process, stand = world.start(), Stand(Lane("api.github.com", "the key", "4711"), 100.0, WRITE)
    asking = asyncio.create_task(process.checks.ensure_checked(ACME, asks=CI))
    for _ in range(20):
        await asyncio.sleep(0)
    with pytest.raises(Waits):
        await process.checks.ensure_checked(ACME, asks=OTHER, stand=stand)
    github.answers.set()
    await asyncio.wait([asking])
    asking.exception()
    return process, stand


async def test_who_waited_with_a_place_to_stand_is_put_there_and_does_not_run_to_find_out() -> None:
    process, stand = await waits_with_a_stand(world_with())
    assert OTHER not in [key for key, _ in process.woken]
    assert [(key, lane) for key, lane, _ in process.turns.waiting()] == [(OTHER, stand.lane)]
    process.turns.pump()
    assert OTHER in [key for key, _ in process.woken]


async def test_who_waited_with_a_place_to_stand_is_woken_where_the_app_is_refused() -> None:
    world = world_with()
    world.faults.once("get_app", raising(Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")))
    process, stand = await waits_with_a_stand(world)
    assert OTHER in [key for key, _ in process.woken]
    assert stand.lane not in [lane for _, lane, _ in process.turns.waiting()]


async def test_who_goes_on_with_an_app_that_worked_is_put_nowhere_later() -> None:
    world = world_with()
    process = world.start(watching=False)
    await process.checks.ensure_checked(ACME, asks=CI)
    world.clock.advance(CHECK_EVERY)
    world.github.refuses["get_app"] = NOT_SENT
    await process.checks.ensure_checked(ACME, asks=CI)
    stand = Stand(Lane("api.github.com", "the key", "4711"), 100.0, WRITE)
    await process.checks.ensure_checked(ACME, asks=OTHER, stand=stand)
    process.turns.leave(OTHER)
    world.clock.advance(timedelta(seconds=FIRST_PAUSE + 1))
    del world.github.refuses["get_app"]
    await process.checks.ensure_checked(ACME, asks=CI)
    assert looks(world) == 3
    assert process.turns.waiting() == []


async def test_a_limit_is_waited_for() -> None:
    world = world_with()
    world.github.refuses["get_app"] = RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=60)
    checks = world.start().checks
    with pytest.raises(RateLimited):
        await checks.ensure_checked(ACME, asks=CI)
    world.clock.advance(timedelta(seconds=20))
    with pytest.raises(RateLimited) as caught:
        await checks.ensure_checked(ACME, asks=CI)
    assert caught.value.retry_after == 40
    assert looks(world) == 1


@pytest.mark.parametrize(
    ("spec", "client_id", "asked"),
    [
        pytest.param({}, "Iv23acme", 0, id="the spec has it"),
        pytest.param({"clientID": None}, "Iv23learnt", 1, id="learnt from GitHub, once"),
    ],
)
async def test_a_client_id_is_taken_from_the_spec_or_learnt(spec: dict[str, Any], client_id: str, asked: int) -> None:
    world = world_with(**spec)
    process = world.start()
    resolved = await process.apps.resolve(ACME)
    assert resolved.app is not None
    assert [await process.checks.client_id(ACME, resolved.app, asks=CI) for _ in range(2)] == [client_id] * 2
    assert looks(world) == asked


async def test_the_same_id_on_another_host_is_another_app() -> None:
    world = world_with(clientID=None)
    process = world.start()
    here = (await process.apps.resolve(ACME)).app
    assert here is not None
    await process.checks.client_id(ACME, here, asks=CI)
    await process.checks.client_id(
        ACME, replace(here, server=replace(here.server, api_url="https://ghe.example/api/v3")), asks=CI
    )
    assert looks(world) == 2


async def test_one_asks_for_the_client_id_for_all_and_a_refusal_is_remembered() -> None:
    world = world_with(clientID=None)
    world.github = github = Slow(world.faults, world.clock)
    github.answers = asyncio.Event()
    process = world.start()
    app = (await process.apps.resolve(ACME)).app
    assert app is not None
    asking = asyncio.create_task(process.checks.client_id(ACME, app, asks=CI))
    for _ in range(20):
        await asyncio.sleep(0)
    with pytest.raises(Waits):
        await process.checks.client_id(ACME, app, asks=OTHER)
    github.refuses["get_app"] = Terminal(reasons.AUTHENTICATION_FAILED, "no such App")
    github.answers.set()
    for _ in range(3):
        with pytest.raises(Terminal, match="no such App"):
            await (asking if not asking.done() else process.checks.client_id(ACME, app, asks=OTHER))
    assert looks(world) == 1


async def test_without_client_id_and_key_a_user_token_cannot_be_had() -> None:
    world = world_with(clientID=None, privateKeySecretRef=None)
    process = world.start()
    resolved = await process.apps.resolve(ACME)
    assert resolved.app is not None
    with pytest.raises(Terminal, match=r"set its `spec\.clientID`"):
        await process.checks.client_id(ACME, resolved.app, asks=CI)
