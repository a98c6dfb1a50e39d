"""Of the GitHubTokens that name one seed, one takes it."""

from __future__ import annotations

import asyncio

import pytest

from githubtoken_operator.domain.user.credentials.credential import REMEMBERED, SEEDS_TAKEN
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import Token
from githubtoken_operator.tokens.user.seeds import MOST, Seeds
from tests.unit.builders import NAMESPACE, app_body, secret, user_body
from tests.unit.fakes import World

SEED = Token("ghr_seed")
ALICE, BOB, ELSEWHERE = (NAMESPACE, "alice-credential"), (NAMESPACE, "bob-credential"), ("other", "alice-credential")


def test_a_seed_is_for_the_first_who_claims_it() -> None:
    seeds = Seeds()
    seeds.claim(ALICE, SEED)
    seeds.claim(ALICE, SEED)
    with pytest.raises(Terminal) as refused:
        seeds.claim(BOB, SEED)
    assert refused.value.reason == reasons.REAUTHORIZATION_REQUIRED
    assert "by Secret `alice-credential`" in refused.value.message
    seeds.claim(BOB, Token("ghr_another"))


def test_of_another_namespace_nothing_is_told() -> None:
    seeds = Seeds()
    seeds.note(ELSEWHERE, [SEED.sha256])
    refusal = seeds.refusal(BOB, SEED)
    assert refusal is not None
    assert "alice" not in refusal.message
    assert "other" not in refusal.message


def test_of_one_secret_the_newest_are_known_whatever_somebody_writes_into_it() -> None:
    seeds, known = Seeds(), [Token(f"ghr_{number}") for number in range(3 * MOST)]
    seeds.note(BOB, [known[0].sha256])
    for number in range(len(known)):
        seeds.note(ALICE, [each.sha256 for each in known[number : number + 3]])
        seeds.note(ALICE, ["x" * 1000, str(number)])
    refused = [each for each in known if seeds.refusal(ELSEWHERE, each) is not None]
    assert refused == [known[0], *known[-MOST:]]


def test_a_credential_that_is_gone_holds_nothing_back() -> None:
    seeds = Seeds()
    seeds.note(ALICE, [SEED.sha256])
    seeds.forget(BOB)
    assert seeds.refusal(BOB, SEED) is not None
    seeds.forget(ALICE)
    assert seeds.refusal(BOB, SEED) is None


def test_a_seed_that_is_spent_is_nobodys_any_more() -> None:
    seeds = Seeds()
    seeds.claim(ALICE, SEED)
    seeds.spend(ALICE, SEED.sha256)
    seeds.forget(ALICE)
    refusal = seeds.refusal(ALICE, SEED)
    assert refusal is not None
    assert refusal.reason == reasons.REAUTHORIZATION_REQUIRED
    assert "is spent" in refusal.message


def test_what_is_spent_is_known_as_long_as_somebody_names_the_credential_and_no_more_than_so_many() -> None:
    seeds, spent = Seeds(), [Token(f"ghr_{number}") for number in range(2 * REMEMBERED)]
    for each in spent:
        seeds.spend(ALICE, each.sha256)
    assert [each for each in spent if seeds.refusal(BOB, each)] == spent[REMEMBERED:]
    seeds.release(ALICE)
    assert not [each for each in spent if seeds.refusal(BOB, each)]


async def test_a_seed_whose_credential_was_deleted_is_not_sent_again() -> None:
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": "", "client-secret": "the-client-secret"}))
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("seed").reveal()}))
    world.api.put(user_body())
    process = world.start()
    await process.settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    world.api.delete("secrets/ci-credential")
    process.users.credentials.seeds.forget((NAMESPACE, "ci-credential"))
    await process.settle()
    assert len(world.github.spent) == 1
    assert "secrets/ci-credential" not in world.api.objects
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("newer").reveal()}))
    await process.settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    assert len(world.github.spent) == 2


async def test_two_that_begin_at_once_send_a_seed_once() -> None:
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": "", "client-secret": "the-client-secret"}))
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("seed").reveal()}))
    for name in ("ci", "cd"):
        world.api.put(user_body(name, uid=f"uid-{name}"))
    process = world.start()
    await asyncio.gather(process.run("ci"), process.run("cd"))
    await process.settle("ci")
    await process.settle("cd")
    states = {name: ready_of(world.status(name)) for name in ("ci", "cd")}
    assert sorted(states.values()) == [("False", reasons.REAUTHORIZATION_REQUIRED), ("True", reasons.FRESH)]
    assert len(world.github.spent) == 1
    taken = [body for body in world.api.objects.values() if SEEDS_TAKEN in (body["metadata"].get("annotations") or {})]
    assert len(taken) == 1
