"""What is done of what was decided: a request is answered once, a failure is counted, told and waited for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from githubtoken_operator.domain.objects.secrets import encoded
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import needs_human, ready_of
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, Transient
from githubtoken_operator.domain.vocabulary.times import format_time
from tests.unit.apps.worlds import KEY_SECRET
from tests.unit.fakes import API_AWAY, World, raising, token_ref
from tests.unit.tokens.installed import FRESH, STATUS, annotate, assert_published, declared, fresh, mints, respec


def another_client_secret(world: World) -> None:
    world.api.edit("secrets/acme-app", lambda it: it["data"].update(encoded({"client-secret": "another"})))


# --- Requests --------------------------------------------------------------------------------------------------------


async def test_a_refresh_request_is_handled_once() -> None:
    world = await fresh()
    process = world.start()
    annotate(world, "now")
    await process.settle()
    assert (mints(world), world.status()["lastHandledRefreshAt"]) == (2, "now")
    await process.settle()
    await world.start().settle()
    assert mints(world) == 2
    assert_published(world)


async def test_a_refresh_request_is_answered_once_also_where_status_cannot_be_written_at_first() -> None:
    world = await fresh()
    process = world.start()
    annotate(world, "now")
    world.faults.once(STATUS, raising(API_AWAY))
    await process.settle()
    assert (mints(world), world.status()["lastHandledRefreshAt"]) == (2, "now")


async def test_a_refresh_request_skips_our_own_back_off_once() -> None:
    world = declared()
    world.github.refuses["mint"] = Transient(reasons.GITHUB_UNAVAILABLE, "GitHub does not answer")
    process = world.start()
    await process.run()
    await process.run()
    assert mints(world) == 1
    annotate(world, "now")
    await process.run()
    await process.run()
    assert mints(world) == 2


async def test_a_refresh_request_never_undercuts_what_github_stated() -> None:
    world = declared()
    world.github.refuses["mint"] = RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=600)
    process = world.start()
    await process.run()
    annotate(world, "now")
    due = await process.run()
    assert mints(world) == 1
    assert due is not None
    assert due.due >= (world.clock.now + timedelta(seconds=600)).timestamp()


# --- Failures --------------------------------------------------------------------------------------------------------


async def test_failures_are_counted_and_the_next_attempt_is_waited_for_also_after_a_restart() -> None:
    world = declared()
    world.github.refuses["mint"] = Transient(reasons.GITHUB_UNAVAILABLE, "GitHub does not answer")
    await world.start().run()
    assert world.status()["failedAttempts"] == 1
    assert world.status()["nextAttemptTime"] == format_time(world.clock.now + timedelta(seconds=5))
    successor = world.start()
    due = await successor.run()
    assert due is not None
    assert due.due == (world.clock.now + timedelta(seconds=5)).timestamp()
    assert mints(world) == 1
    world.clock.advance(timedelta(seconds=5))
    await successor.run()
    assert world.status()["failedAttempts"] == 2


async def test_what_stands_is_said_once_and_not_again_after_a_restart() -> None:
    world = declared()
    world.github.refuses["mint"] = Terminal(reasons.INSTALLATION_SUSPENDED, "the installation is suspended")
    for _ in range(3):
        await world.start().run()
        process = world.start()
        for _ in range(3):
            await process.run()
            assert needs_human(world.status()) == reasons.INSTALLATION_SUSPENDED
            world.clock.advance(timedelta(minutes=30))
    assert world.event_reasons == [reasons.INSTALLATION_SUSPENDED]
    del world.github.refuses["mint"]
    await world.start().settle()
    assert world.event_reasons == [reasons.INSTALLATION_SUSPENDED, reasons.FRESH]


async def test_a_valid_token_stays_while_its_renewal_fails() -> None:
    world = await fresh()
    world.github.refuses["mint"] = Terminal(reasons.INSTALLATION_SUSPENDED, "the installation is suspended")
    world.clock.advance(timedelta(minutes=45))
    process = world.start()
    await process.run()
    assert ready_of(world.status()) == FRESH
    assert needs_human(world.status()) == reasons.INSTALLATION_SUSPENDED
    assert "refresh failing: the installation is suspended" in world.message
    world.clock.advance(timedelta(minutes=15))
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.INSTALLATION_SUSPENDED)


async def test_a_token_of_an_earlier_spec_is_kept_while_the_new_one_cannot_be_had() -> None:
    world = await fresh()
    before = world.secret()["data"]
    world.github.refuses["mint"] = Terminal(reasons.PERMISSIONS_NOT_GRANTED, "grant `contents`")
    respec(world, installation={"id": 678, "permissions": {"contents": "write"}})
    await world.start().run()
    assert world.secret()["data"] == before
    assert ready_of(world.status()) == ("False", reasons.PERMISSIONS_NOT_GRANTED)
    assert "of an earlier spec" in world.message


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda world: world.api.delete("githubapps/acme"), reasons.APP_NOT_FOUND, id="no App"),
        pytest.param(lambda world: world.api.delete("secrets/acme-app"), reasons.PRIVATE_KEY_MISSING, id="no key"),
        pytest.param(
            lambda world: world.api.edit(
                "secrets/acme-app", lambda it: it.update(data=encoded({"private-key.pem": "x"}))
            ),
            reasons.PRIVATE_KEY_INVALID,
            id="garbage for a key",
        ),
        pytest.param(
            lambda world: world.api.edit(
                "githubapps/acme", lambda it: it["spec"].update(apiURL="https://evil.example")
            ),
            reasons.HOST_NOT_ALLOWED,
            id="a host that is not allowed",
        ),
        pytest.param(
            lambda world: world.api.edit("githubapps/acme", lambda it: it["spec"].update(caBundle="bm90IFBFTQ==")),
            reasons.APP_NOT_READY,
            id="an App that cannot be served",
        ),
        pytest.param(
            lambda world: world.github.refuses.update(
                get_app=Terminal(reasons.AUTHENTICATION_FAILED, "the key is another App's")
            ),
            reasons.AUTHENTICATION_FAILED,
            id="an App that GitHub refuses",
        ),
        pytest.param(
            lambda world: respec(world, secret={"data": {"x": "${nonsense}"}}),
            reasons.INVALID_SPEC,
            id="a text that cannot be filled",
        ),
    ],
)
async def test_what_a_human_must_mend_is_said_and_nothing_is_minted(
    spoil: Callable[[World], object], reason: str
) -> None:
    world = declared()
    spoil(world)
    process = world.start()
    await process.run()
    await process.run()
    assert mints(world) == 0
    assert ready_of(world.status()) == ("False", reason)
    assert needs_human(world.status()) == reason
    assert world.event_reasons == [reason]


async def test_a_mended_app_is_tried_at_once() -> None:
    world = declared()
    held = world.api.objects["secrets/acme-app"]
    world.api.delete("secrets/acme-app")
    process = world.start()
    await process.run()
    world.api.put(held)
    process.apps.forget(token_ref())
    world.clock.advance(timedelta(seconds=11))
    await process.run()
    assert_published(world)


@pytest.mark.parametrize("restarted", ["never", "before", "meanwhile", "after an upgrade"])
async def test_what_is_mended_is_tried_at_once_whichever_process_saw_the_attempt_fail(restarted: str) -> None:
    world = declared()
    world.github.refuses["mint"] = Terminal(reasons.INSTALLATION_SUSPENDED, "the installation is suspended")
    process = world.start()
    await process.run()
    if restarted == "before":
        process = world.start()
    del world.github.refuses["mint"]
    await process.run()
    assert mints(world) == 1
    another_client_secret(world)
    if restarted == "after an upgrade":
        # The version before this one did not note what an attempt was made with.
        world.api.edit("githubtokens/ci", lambda it: it["status"].pop("lastFailureInputs"))
    process = process if restarted in {"never", "before"} else world.start()
    process.apps.forget(KEY_SECRET)
    await process.run()
    if restarted == "after an upgrade":
        assert mints(world) == 1
        world.clock.advance(timedelta(minutes=1))
        await process.run()
    assert_published(world)


async def test_a_refresh_request_skips_our_own_back_off_once_also_after_a_restart() -> None:
    world = declared()
    world.github.refuses["mint"] = Terminal(reasons.INSTALLATION_SUSPENDED, "the installation is suspended")
    await world.start().run()
    annotate(world, "now")
    for _ in range(3):
        await world.start().run()
    assert mints(world) == 2


@pytest.mark.parametrize("wish", [lambda world: annotate(world, "now"), another_client_secret])
async def test_a_limit_that_github_stated_is_kept_to_also_by_the_next_process(wish: Callable[[World], None]) -> None:
    world = declared()
    world.github.refuses["mint"] = RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=600)
    await world.start().run()
    wish(world)
    process = world.start()
    due = await process.run()
    assert mints(world) == 1
    assert due is not None
    world.clock.now = datetime.fromtimestamp(due.due, UTC)
    del world.github.refuses["mint"]
    await process.run()
    assert_published(world)


async def test_a_renew_before_that_cannot_be_followed_is_said_once() -> None:
    world = await fresh(renewBefore="2h")
    await world.start().settle()
    world.clock.advance(timedelta(minutes=45))
    await world.start().settle()
    assert world.event_reasons.count(reasons.RENEW_BEFORE_IGNORED) == 1
