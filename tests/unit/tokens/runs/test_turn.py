"""A GitHubToken that waits for its App's turn, or for the end of a limit, and what is said of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from githubtoken_operator.domain.runs.due import causes
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import find_condition, ready_of
from githubtoken_operator.domain.vocabulary.errors import RateLimited
from githubtoken_operator.engine.scheduling.turns import WORTH_A_WORD
from tests.unit.builders import NAMESPACE, app_body, githubtoken_body, secret
from tests.unit.fakes import NOT_SENT, Process, World, raising, token_ref
from tests.unit.keys import pem
from tests.unit.tokens.installed import FRESH, STATUS, declared, fresh, mints


async def test_a_limit_pauses_that_app_and_no_other() -> None:
    world = declared()
    key = {"name": "other-app", "key": "private-key.pem"}
    world.api.put(app_body("other", appID=2, clientID="Iv23other", privateKeySecretRef=key))
    world.api.put(secret("other-app", {"private-key.pem": pem("other")}))
    world.api.put(githubtoken_body("same", uid="uid-same"))
    world.api.put(githubtoken_body("elsewhere", uid="uid-elsewhere", appRef={"name": "other"}))
    process = world.start()
    world.faults.once("mint", raising(RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=60)))
    await process.run()
    await process.run("same")
    await process.run("elsewhere")
    assert ready_of(world.status("ci")) == ("False", reasons.RATE_LIMITED)
    assert ready_of(world.status("same")) == ("False", reasons.RATE_LIMITED)
    assert ready_of(world.status("elsewhere")) == FRESH
    assert mints(world) == 2


async def paced(world: World) -> Process:
    """One token of the App is being minted, which takes long, and four others wait."""
    process = world.start()
    lane = await process.lane()
    for name in "abcde":
        process.lanes.ask(token_ref(name), lane, deadline=0, points=5, now=world.clock.monotonic())
    return process


async def test_a_token_that_waits_for_its_apps_turn_says_so_once_and_makes_no_event() -> None:
    world = declared()
    process = await paced(world)
    await process.run()
    assert "conditions" not in world.status()
    world.clock.advance(timedelta(seconds=WORTH_A_WORD))
    due = await process.run()
    assert due is not None
    assert due.cause == causes.TURN
    condition = find_condition(world.status(), "Ready")
    assert condition is not None
    shown = condition["status"], condition["reason"], condition["message"]
    assert shown == ("Unknown", reasons.PENDING, "waiting for its App's turn, 4 before it")
    about = {"namespace": NAMESPACE, "name": "ci", "condition": "Unknown"}
    assert process.metrics.registry.get_sample_value("githubtoken_ready_status", about) == 1
    writes = world.faults.calls.count(STATUS)
    await process.run()
    assert (world.faults.calls.count(STATUS), world.event_reasons, mints(world)) == (writes, [], 0)


async def test_a_valid_token_that_waits_for_its_apps_turn_stays_as_it_is() -> None:
    world = await fresh()
    world.clock.advance(timedelta(minutes=45))
    process = await paced(world)
    await process.run()
    assert (mints(world), ready_of(world.status())) == (1, FRESH)


async def test_a_token_that_dies_while_it_waits_for_its_turn_is_looked_at_when_it_does() -> None:
    world = await fresh()
    world.clock.advance(timedelta(minutes=59, seconds=56))
    process = await paced(world)
    due = await process.run()
    assert due is not None
    assert due.due - world.clock.now.timestamp() == pytest.approx(4)


@pytest.mark.parametrize("tried", [True, False], ids=["its renewal failed", "it was never asked for"])
async def test_a_token_that_dies_while_others_look_whether_github_answers_says_why(*, tried: bool) -> None:
    world = await fresh()
    world.api.put(githubtoken_body("first", uid="uid-first"))
    world.clock.advance(timedelta(minutes=45))
    process = world.start()
    world.github.refuses["mint"] = NOT_SENT
    for name in ("ci", "first") if tried else ("first",):
        await process.run(name)
    lane = await process.lane()
    for name in "abcde":
        process.lanes.ask(token_ref(name), lane, deadline=0, points=5, now=world.clock.monotonic())
    world.clock.advance(timedelta(minutes=16))
    await process.run("ci")
    assert ready_of(world.status()) == ("False", reasons.GITHUB_UNAVAILABLE)


async def test_one_that_waits_while_github_is_away_makes_no_event_and_says_when_it_answers_again() -> None:
    world = declared()
    world.api.put(githubtoken_body("first", uid="uid-first"))
    process = world.start()
    world.github.refuses["mint"] = NOT_SENT
    await process.run("first")
    lane, told = await process.lane(), list(world.event_reasons)
    for name in "abcde":
        process.lanes.ask(token_ref(name), lane, deadline=0, points=5, now=world.clock.monotonic())
    await process.run("ci")
    world.clock.advance(timedelta(seconds=WORTH_A_WORD))
    await process.run("ci")
    assert (ready_of(world.status()), world.event_reasons) == (("False", reasons.GITHUB_UNAVAILABLE), told)
    process.lanes.answered(lane, world.clock.monotonic())
    await process.run("ci")
    assert (ready_of(world.status()), world.event_reasons) == (("Unknown", reasons.PENDING), told)


async def taken(process: Process, seconds: float) -> None:
    """So much time passes, in which whoever is woken by its turn runs."""
    world = process.world
    for _ in range(int(seconds / 0.25)):
        process.turns.pump()
        due = {key.name for key, _ in process.woken if key in {token_ref(name) for name in NAMES}}
        process.woken.clear()
        for name in sorted(due):
            await process.run(name)
        world.clock.advance(timedelta(seconds=0.25))


NAMES = [f"t{number}" for number in range(10)]


@pytest.mark.parametrize("restarted", [False, True])
async def test_after_an_outage_all_are_served_at_once_also_where_the_operator_was_restarted_in_it(
    *, restarted: bool
) -> None:
    world = declared()
    for name in NAMES:
        world.api.put(githubtoken_body(name, uid=f"uid-{name}"))
    process = world.start()
    await process.run(NAMES[0])
    world.github.refuses["mint"] = NOT_SENT
    for _ in range(4):
        for name in NAMES[1:]:
            await process.run(name)
        await taken(process, 30)
    if restarted:
        process = world.start()
        for name in NAMES:
            await process.run(name)
        await taken(process, 30)
    waiting = [name for name in NAMES if ready_of(world.status(name)) == ("False", reasons.GITHUB_UNAVAILABLE)]
    assert len(waiting) > 1
    world.github.refuses.clear()
    await taken(process, 10)
    assert {ready_of(world.status(name)) for name in NAMES} == {FRESH}
