"""Runs read what the watches brought, which lags behind: what they ask the API server for, and what lag cannot break.

What a run writes goes under the version that it saw, so a write on old news conflicts, and the next run asks. What
cannot be undone is decided on what the API server says at that moment.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import ROLE, decoded, encoded
from githubtoken_operator.domain.objects.specs.github_token import REFRESH_REQUESTED_AT
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.engine.cache.watched import Ref
from tests.unit.builders import NAMESPACE, app_body, githubtoken_body, secret, user_body
from tests.unit.fakes import Process, World
from tests.unit.keys import pem

FRESH = ("True", "Fresh")
APPLY, STATUS, EVENT = "PATCH secrets/ci", "PATCH githubtokens/ci/status", "POST events"
CREDENTIAL = "secrets/ci-credential"
CONSUMER = Ref(Kind.SECRET, NAMESPACE, "ci")


def world_with(token: dict[str, Any]) -> World:
    world = World()
    world.api.put(app_body())
    data = {"private-key.pem": pem(), "client-secret": "the-client-secret"}
    world.api.put(secret("acme-app", data, labels={ROLE: "app"}))
    world.api.put(token)
    return world


def of_installation() -> World:
    return world_with(githubtoken_body())


def of_user() -> World:
    world = world_with(user_body())
    seed = world.github.sign_in("seed").reveal()
    world.api.put(secret("alice-seed", {"refresh_token": seed}, labels={ROLE: "seed"}))
    return world


async def settled(world: World) -> Process:
    process = world.start()
    await process.settle()
    assert ready_of(world.status()) == FRESH
    return process


def asked(world: World) -> list[str]:
    """What the API server was asked since the last time."""
    calls = [call for call in world.faults.calls if " " in call]
    world.faults.calls.clear()
    return calls


def renewal_due(world: World) -> None:
    world.clock.advance(timedelta(minutes=45))


# --- What is asked of the API server ---------------------------------------------------------------------------------


async def test_a_first_token_takes_three_requests_and_a_renewal_two() -> None:
    world = of_installation()
    process = await settled(world)
    assert asked(world) == [APPLY, STATUS, EVENT]
    renewal_due(world)
    await process.run()
    assert asked(world) == [APPLY, STATUS]
    assert world.status()["revision"] == 2


@pytest.mark.parametrize("made", [of_installation, of_user])
async def test_a_fresh_token_takes_none_after_a_restart(made: Callable[[], World]) -> None:
    world = made()
    await settled(world)
    asked(world)
    await world.start().settle()
    assert world.faults.calls == []


async def test_an_app_with_a_long_bundle_is_asked_for_when_it_is_needed() -> None:
    world = of_installation()
    world.api.edit("githubapps/acme", lambda app: app["metadata"].update(annotations={"long": "x" * 20_000}))
    await settled(world)
    assert asked(world) == ["GET githubapps/acme", APPLY, STATUS, EVENT]


async def test_what_is_spent_is_decided_on_what_is_there_at_that_moment() -> None:
    world = of_user()
    process = await settled(world)
    asked(world)
    world.clock.advance(timedelta(hours=6))
    await process.run()
    calls = asked(world)
    assert calls[:4] == ["GET githubtokens/ci", "GET secrets/ci", f"GET {CREDENTIAL}", "GET secrets/alice-seed"]
    assert calls[4:7] == [f"GET {CREDENTIAL}", f"PUT {CREDENTIAL}", f"PUT {CREDENTIAL}"]
    # Published from the store and never from memory, the consumer's Secret read first.
    assert calls[7:] == ["GET secrets/ci", f"GET {CREDENTIAL}", "GET secrets/alice-seed", APPLY, STATUS]


# --- What lag cannot break -------------------------------------------------------------------------------------------


def edit(world: World) -> None:
    world.api.edit("secrets/ci", lambda body: body["data"].update(encoded({"token": "edited", "theirs": "kept"})))


def delete(world: World) -> None:
    world.api.delete("secrets/ci")


def respec(world: World) -> None:
    def change(body: dict[str, Any]) -> None:
        body["spec"]["installation"]["permissions"] = {"contents": "read"}
        body["metadata"]["generation"] += 1

    world.api.edit("githubtokens/ci", change)


def request(world: World, text: str) -> None:
    world.api.edit("githubtokens/ci", lambda body: body["metadata"].update(annotations={REFRESH_REQUESTED_AT: text}))


def unlabel(world: World) -> None:
    world.api.edit("secrets/ci", lambda body: body["metadata"]["labels"].clear())


def make_anew(world: World) -> None:
    """By somebody else, without our label."""
    world.api.delete("secrets/ci")
    world.api.put(secret("ci", {"theirs": "kept"}, annotations={"githubtoken.dev/adopt": "true"}))


@pytest.mark.parametrize("act", [edit, delete, respec, unlabel, make_anew])
async def test_what_was_changed_before_a_renewal_and_told_after_it_is_not_lost(act: Callable[[World], None]) -> None:
    world = of_installation()
    process = await settled(world)
    process.lags = True
    act(world)
    renewal_due(world)
    await process.settle()
    assert decoded(world.secret(), "token") == world.github.minted[-1].reveal()
    assert world.secret()["metadata"]["labels"][ROLE] == "token"
    assert ready_of(world.status()) == FRESH
    process.catch_up()
    await process.settle()
    assert decoded(world.secret(), "token") == world.github.minted[-1].reveal()
    assert (world.github.asked[-1] != {}) is (act is respec)


async def test_a_githubtoken_that_is_gone_gets_no_status_and_is_forgotten() -> None:
    world = of_installation()
    process = await settled(world)
    process.lags = True
    world.api.delete("githubtokens/ci")
    world.api.delete("secrets/ci")
    renewal_due(world)
    await process.settle()
    assert "githubtokens/ci" not in world.api.objects
    assert not process.metrics.shows("team", "ci")


async def test_a_newer_sign_in_that_was_not_told_yet_is_what_is_refreshed() -> None:
    world = of_user()
    process = await settled(world)
    process.lags = True
    newer = world.github.sign_in("newer").reveal()
    world.api.edit(CREDENTIAL, lambda body: body["data"].update(encoded({"refresh_token": newer})))
    world.clock.advance(timedelta(hours=6))
    await process.settle()
    assert newer in world.github.spent
    assert world.github.spent_twice == []
    assert decoded(world.secret(), "token") == world.github.access


async def test_an_older_pair_is_never_published_over_a_newer_one() -> None:
    """Another process rotated and published; of its two writes the watch has told of the second alone."""
    world = of_user()
    process = await settled(world)
    process.lags = True
    world.clock.advance(timedelta(hours=6))
    other = world.start(watching=False)
    await other.run()
    newest = decoded(world.secret(), "token")
    process.watched.deliver(CONSUMER, world.secret())
    world.clock.advance(timedelta(minutes=1))
    await process.run()
    assert decoded(world.secret(), "token") == newest == world.github.access
    assert world.github.spent_twice == []


acts = st.sampled_from(["edit", "delete", "request", "run", "wait", "told", "told of one", "restart"])


@pytest.mark.parametrize("made", [of_installation, of_user])
@settings(max_examples=60, deadline=None)
@given(steps=st.lists(acts, max_size=12))
async def test_in_the_end_consumers_have_the_newest_token_and_nothing_is_spent_twice(
    made: Callable[[], World], steps: list[str]
) -> None:
    world = made()
    process = world.start()
    process.lags = True
    for number, step in enumerate(steps):
        match step:
            case "edit" if "secrets/ci" in world.api.objects:
                edit(world)
            case "delete" if "secrets/ci" in world.api.objects:
                delete(world)
            case "request":
                request(world, str(number))
            case "run":
                await process.run()
            case "wait":
                world.clock.advance(timedelta(minutes=47))
            case "told":
                process.catch_up()
            case "told of one":
                process.catch_up(1)
            case "restart":
                process = world.start()
                process.lags = True
    process.catch_up()
    process.lags = False
    await process.settle()
    newest = world.github.minted[-1].reveal() if world.github.minted else world.github.access
    assert decoded(world.secret(), "token") == newest
    assert ready_of(world.status()) == FRESH
    assert (world.github.spent_twice, world.github.replayed) == ([], [])
