"""What the journal and the Lease add to a rotation: nothing that GitHub answered is lost with a container."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Unavailable
from githubtoken_operator.domain.objects.secrets import ROLE, ROLE_CREDENTIAL
from githubtoken_operator.domain.user.credentials import credential
from githubtoken_operator.domain.user.credentials.credential import INTENT, SEEDS_TAKEN, Credential
from githubtoken_operator.domain.user.kept_flow import FLOW
from githubtoken_operator.domain.vocabulary.model import JSON
from tests.unit.builders import secret
from tests.unit.fakes import AFTER, BEFORE, Killed, Moment, Process, World, raising
from tests.unit.tokens.user.test_rotation import (
    BEGINNINGS,
    CREDENTIAL,
    PUT_CREDENTIAL,
    Beginning,
    assert_loss_is_reported,
    assert_settled,
    assert_spent_once,
    rehearse,
    running,
)

Place = tuple[str, Moment]
ANSWER_LOST: Place = ("refresh", AFTER)


async def restarted(world: World) -> None:
    """The next container of the pod, until nothing is left to do."""
    process = world.start()
    await process.recover()
    await process.settle()


async def killed_before_the_pair_was_stored(begin: Beginning, folder: Path) -> World:
    moments = await rehearse(begin)
    world = await begin()
    world.journal_folder = folder
    world.faults.at(moments.index(ANSWER_LOST) + 1, raising(Killed()))
    with pytest.raises(Killed):
        await world.start().settle()
    assert len(entries(world)) == 1
    return world


async def losing_the_lease() -> tuple[World, Process, Callable[[], None]]:
    world = await running()
    process = world.start()
    return world, process, partial(setattr, process.leadership, "lost", True)


def entries(world: World) -> list[Path]:
    """What waits in the journal."""
    return list(world.journal_folder.glob("*.json")) if world.journal_folder else []


@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_a_container_killed_at_any_moment_loses_only_an_answer_that_had_not_come(
    begin: Beginning, tmp_path: Path
) -> None:
    moments = await rehearse(begin)
    for number, moment in enumerate(moments):
        world = await begin()
        world.journal_folder = tmp_path / str(number)
        world.faults.at(number, raising(Killed()))
        with pytest.raises(Killed):
            await world.start().settle()
        await restarted(world)
        if moment == ANSWER_LOST:
            assert_loss_is_reported(world)
        else:
            assert_spent_once(world)
            assert_settled(world)
        assert entries(world) == []


@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_the_next_process_of_a_pod_saves_the_pair_before_it_leads(begin: Beginning, tmp_path: Path) -> None:
    world = await killed_before_the_pair_was_stored(begin, tmp_path)
    process = world.start()
    await process.recover()
    assert entries(world) == []
    assert_spent_once(world)
    await process.settle()
    assert_settled(world)


async def test_a_newer_sign_in_wins_over_what_the_journal_kept(tmp_path: Path) -> None:
    world = await killed_before_the_pair_was_stored(running, tmp_path)
    seed = world.github.sign_in("again")
    world.api.put(secret("alice-seed", {"refresh_token": seed.reveal()}))
    await restarted(world)
    assert_settled(world)
    assert entries(world) == []


async def test_the_pair_is_saved_when_the_api_server_is_back(tmp_path: Path) -> None:
    world = await killed_before_the_pair_was_stored(running, tmp_path)
    for _ in range(4):
        world.faults.once(PUT_CREDENTIAL, raising(Unavailable(0, "away")))
    await restarted(world)
    assert_settled(world)


async def test_an_intent_of_ours_that_came_to_nothing_is_removed_at_the_start(tmp_path: Path) -> None:
    world = await running()
    world.journal_folder = tmp_path
    world.faults.once("refresh", raising(Killed()), moment=BEFORE)
    with pytest.raises(Killed):
        await world.start().settle()
    assert INTENT in world.api.objects[CREDENTIAL]["metadata"]["annotations"]
    world.clock.advance(timedelta(seconds=1))
    await world.start().recover()
    assert INTENT not in world.api.objects[CREDENTIAL]["metadata"]["annotations"]


async def test_what_somebody_wrote_into_one_secret_keeps_no_other_from_being_seen_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await running()
    world.journal_folder = tmp_path
    world.faults.once("refresh", raising(Killed()), moment=BEFORE)
    with pytest.raises(Killed):
        await world.start().settle()
    world.api.objects = {"secrets/aaa": secret("aaa", {}, labels={ROLE: ROLE_CREDENTIAL}), **world.api.objects}
    world.clock.advance(timedelta(seconds=1))
    read = credential.read

    def poisoned(body: JSON) -> Credential:
        if body["metadata"]["name"] == "aaa":
            raise RecursionError
        return read(body)

    monkeypatch.setattr(credential, "read", poisoned)
    await world.start().recover()
    assert INTENT not in world.api.objects[CREDENTIAL]["metadata"]["annotations"]


async def test_nothing_is_sent_where_the_journal_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await running()
    world.journal_folder = tmp_path / "journal"
    process = world.start()

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    sent = len(world.github.spent)
    with monkeypatch.context() as patch:
        patch.setattr("os.open", full)
        await process.run()
    assert len(world.github.spent) == sent
    assert "No space left on device" in world.status()["conditions"][-1]["message"]
    assert INTENT not in world.api.objects[CREDENTIAL]["metadata"]["annotations"]


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param((PUT_CREDENTIAL, BEFORE), id="before the intent"),
        pytest.param((PUT_CREDENTIAL, AFTER), id="between the intent and the request"),
    ],
)
async def test_a_lost_lease_sends_nothing_and_leaves_no_intent(moment: Place) -> None:
    world, process, lose = await losing_the_lease()
    sent = len(world.github.spent)
    world.faults.once(moment[0], lose, moment=moment[1])
    await process.run()
    assert len(world.github.spent) == sent
    assert INTENT not in world.api.objects[CREDENTIAL]["metadata"]["annotations"]


async def test_a_pair_under_way_when_the_lease_is_lost_is_saved() -> None:
    world, process, lose = await losing_the_lease()
    world.faults.once("refresh", lose, moment=BEFORE)
    await process.run()
    assert_spent_once(world)
    assert_settled(world)


async def test_a_secret_of_anothers_keeps_no_intent_of_ours_from_being_removed() -> None:
    world = await running()
    process = world.start()
    stored = world.api.objects["secrets/ci-credential"]
    token = sha256(b64decode(stored["data"]["refresh_token"])).hexdigest()
    begun = {
        "token": token,
        "holder": process.users.credentials.store.holder,
        "attempt": 1,
        "startedAt": "2026-02-28T00:00:00Z",
    }
    world.api.edit(CREDENTIAL, lambda it: it["metadata"]["annotations"].update({INTENT: json.dumps(begun)}))
    deep = "[" * 300 + "]" * 300
    nonsense = {INTENT: deep, SEEDS_TAKEN: deep, FLOW: '{"interval": 1e999}'}
    world.api.put(secret("aaa", {}, labels={ROLE: ROLE_CREDENTIAL}, annotations=nonsense))
    await process.recover()
    assert INTENT not in world.api.objects[CREDENTIAL]["metadata"]["annotations"]
