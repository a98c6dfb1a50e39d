"""What of an installation's tokens is revoked at the end: the one that is held, and those that live on beside it."""

from __future__ import annotations

import copy
from datetime import timedelta

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.engine.cache.watched import Ref
from tests.unit.builders import NAMESPACE
from tests.unit.fakes import NOT_SENT, Process, World
from tests.unit.tokens.ends import TOKEN, came_from, installation, living, moved, requested, revocations, until_gone


async def assert_all_are_revoked(world: World, process: Process) -> None:
    world.api.delete(TOKEN)
    await process.run()
    assert world.github.revoked == {token.reveal() for token in world.github.minted}


async def test_an_earlier_server_of_ones_own_is_asked_where_it_is_still_allowed() -> None:
    world = await installation()
    came_from(world, "secrets/ci", {"apiURL": "https://ghe.old.example/api/v3", "webURL": "https://ghe.old.example"})
    (token,) = living(world)
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    assert world.github.shown[token] == {"api.github.com", "ghe.old.example"}, "the first by the mint"


async def test_a_token_of_an_earlier_version_is_shown_to_no_other_host_than_status_speaks_of() -> None:
    world = await installation()
    came_from(world, "secrets/ci", None)
    moved(world)
    world.api.delete(TOKEN)
    process = world.start()
    await until_gone(world, process)
    assert not world.github.revoked
    assert revocations(process) == {"success": 0, "failed": 1}


async def test_superseded_tokens_of_the_earlier_host_are_revoked_there() -> None:
    world = await installation()
    process = world.start()
    await process.settle()
    moved(world)
    process.apps.forget(Ref(Kind.APP, NAMESPACE, "acme"))
    await process.settle()
    first, second = (token.reveal() for token in world.github.minted)
    world.api.delete(TOKEN)
    await until_gone(world, process)
    assert world.github.shown[first] == {"api.github.com"}
    assert world.github.shown[second] == {"api.acme.ghe.com"}
    assert world.github.revoked == {first, second}


async def test_an_installation_token_that_nobody_has_any_more_is_never_called_revoked() -> None:
    world = await installation()
    known = world.status()["tokenSHA256"]
    del world.api.objects["secrets/ci"]
    world.api.delete(TOKEN)
    process = world.start()
    assert await process.run() is None
    assert revocations(process) == {"success": 0, "failed": 1}
    assert known in world.api.events[-1]["message"], "it joins GitHub's audit log"


async def test_the_predecessors_of_an_installation_token_are_revoked_too() -> None:
    world = await installation()
    process = world.start()
    for time in ("one", "two"):
        requested(world, time)
        await process.settle()
    assert len(world.github.minted) == 3
    await assert_all_are_revoked(world, process)


async def test_a_predecessor_that_a_restart_forgot_is_never_called_revoked_while_it_lives() -> None:
    world = await installation()
    process = world.start()
    for time in ("one", "two"):
        requested(world, time)
        await process.settle()
    first, second, third = world.github.minted
    restarted = world.start()
    requested(world, "three")
    await restarted.settle()
    fourth = world.github.minted[-1]
    world.api.delete(TOKEN)
    await until_gone(world, restarted)
    assert world.github.revoked == {third.reveal(), fourth.reveal()}
    assert revocations(restarted) == {"success": 0, "failed": 1}
    message = world.api.events[-1]["message"]
    assert any(each.sha256_base64 in message for each in (first, second))
    assert "a token from before the last renewal is not revoked" in message


async def test_a_predecessor_that_a_restart_forgot_is_no_failure_once_its_time_is_over() -> None:
    world = await installation()
    process = world.start()
    requested(world, "one")
    await process.settle()
    world.clock.advance(timedelta(minutes=61))
    restarted = world.start()
    await restarted.settle()
    world.api.delete(TOKEN)
    await until_gone(world, restarted)
    assert revocations(restarted) == {"success": 1, "failed": 0}


async def test_a_restart_writes_no_secret_anew_for_its_predecessors() -> None:
    world = await installation()
    process = world.start()
    requested(world, "one")
    await process.settle()
    before = copy.deepcopy(world.secret())
    await world.start().settle()
    assert world.secret() == before


async def test_a_predecessor_whose_time_is_over_is_not_asked_about() -> None:
    world = await installation()
    process = world.start()
    await process.settle()
    world.clock.now += timedelta(minutes=59)
    await process.settle()
    world.clock.now += timedelta(minutes=2)
    world.api.delete(TOKEN)
    await process.run()
    assert world.github.revoked == {world.github.minted[-1].reveal()}


async def test_a_token_that_was_never_published_is_revoked_too() -> None:
    world = await installation()
    process = world.start()
    await process.settle()
    world.github.accepted_after = 99
    requested(world, "now")
    await process.run()
    assert len(world.github.minted) == 2
    await assert_all_are_revoked(world, process)


async def test_what_has_expired_needs_no_github() -> None:
    world = await installation()
    world.github.refuses["revoke"] = NOT_SENT
    world.clock.advance(timedelta(hours=2))
    world.api.delete(TOKEN)
    assert await world.start().run() is None
    assert TOKEN not in world.api.objects
