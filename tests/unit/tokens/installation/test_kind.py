"""Installation tokens as a kind: a new token is looked at before it is published."""

from __future__ import annotations

from datetime import timedelta

from githubtoken_operator.domain.installation.probe import DELAYS
from githubtoken_operator.domain.objects.secrets import decoded
from githubtoken_operator.domain.runs.due import causes
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import Terminal
from tests.unit.fakes import Process, raising
from tests.unit.tokens.installed import APPLY, CONFLICT, FRESH, annotate, assert_published, declared, fresh, mints


async def test_a_token_is_not_published_before_github_accepts_it() -> None:
    world = declared()
    world.github.accepted_after = 3
    process = world.start()
    for delay in DELAYS[:3]:
        due = await process.run()
        assert due is not None
        assert (due.due - world.clock.now.timestamp(), due.cause) == (delay, causes.PROBE)
        assert "conditions" not in world.status()
        world.clock.advance(timedelta(seconds=delay))
    await process.run()
    calls = world.faults.calls
    assert mints(world) == 1
    assert calls.count("probe") == 4
    assert calls.index(APPLY) > len(calls) - 1 - calls[::-1].index("probe")
    assert_published(world)


async def looked_at(process: Process) -> None:
    """Runs it whenever it is looked at again whether GitHub accepts the new token, and once more."""
    for delay in DELAYS:
        due = await process.run()
        assert due is not None
        assert due.cause == causes.PROBE
        process.world.clock.advance(timedelta(seconds=delay))
    await process.run()


async def test_a_token_that_github_does_not_accept_is_not_published_while_the_one_before_is_valid() -> None:
    world = await fresh()
    before = decoded(world.secret(), "token")
    world.github.accepted_after = 10**6
    annotate(world, "now")
    process = world.start()
    await looked_at(process)
    assert mints(world) == 2
    assert decoded(world.secret(), "token") == before
    assert ready_of(world.status()) == FRESH
    assert "the one before is kept" in world.message
    world.github.accepted_after = 0
    await process.settle()
    assert_published(world)


async def test_a_token_that_was_left_alone_for_long_before_it_was_accepted_is_minted_anew() -> None:
    world = declared()
    world.github.accepted_after = 1
    process = world.start()
    await process.run()
    world.clock.advance(timedelta(minutes=30))
    await process.run()
    assert mints(world) == 2
    assert_published(world)


async def test_a_token_that_github_does_not_accept_is_better_than_none() -> None:
    world = declared()
    world.github.accepted_after = 10**6
    await looked_at(world.start())
    assert_published(world)
    assert reasons.NOT_VERIFIED in world.event_reasons


async def test_a_token_that_is_taken_up_from_its_secret_is_of_the_account_that_the_spec_names() -> None:
    world = await fresh(installation={"owner": "octo-org"})
    world.api.edit("githubtokens/ci", lambda body: body.update(status={"observedGeneration": -1}))
    await world.start().settle()
    assert ready_of(world.status()) == FRESH
    assert world.status()["account"] == "octo-org"
    assert mints(world) == 1


async def test_the_time_of_a_renewal_ends_when_the_secret_holds_its_token() -> None:
    world = declared()
    process = world.start()
    world.faults.once(APPLY, raising(CONFLICT))
    took = {name: f"githubtoken_refresh_duration_seconds_{name}" for name in ("count", "sum")}
    value = process.metrics.registry.get_sample_value
    await process.run()
    assert (mints(world), value(took["count"], {"kind": "Installation"})) == (1, 0)
    world.clock.advance(timedelta(seconds=2))
    await process.run()
    assert (mints(world), value(took["count"], {"kind": "Installation"})) == (1, 1)
    assert value(took["sum"], {"kind": "Installation"}) == 2


async def test_whoever_asks_for_a_token_after_the_app_was_installed_is_not_told_what_github_said_before() -> None:
    world = declared()
    process = world.start()
    world.faults.once("find_installation", raising(Terminal(reasons.INSTALLATION_NOT_FOUND, "install it")))
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.INSTALLATION_NOT_FOUND)
    annotate(world, "now")
    await process.settle()
    assert_published(world)
