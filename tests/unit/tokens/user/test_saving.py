"""What the API server does not take holds nobody up: not a place, not the end, not another GitHubToken."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.api import (
    ApiError,
    Forbidden,
    Invalid,
    NotFound,
    Terminating,
    Unavailable,
)
from githubtoken_operator.domain.objects.resources import PREFIX
from githubtoken_operator.domain.objects.secrets import ADOPT, decoded
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.user import credential_body
from githubtoken_operator.domain.user.credential import INTENT
from githubtoken_operator.domain.user.credential_body import RESERVED, ROOM_OF_A_PAIR
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import Transient
from githubtoken_operator.tokens.user.credential_store import TAKEN
from githubtoken_operator.tokens.user.saving import LONGEST_PAUSE, LONGEST_PAUSE_REFUSED
from tests.unit.builders import app_body, secret, user_body
from tests.unit.fakes import AFTER, Process, World, raising
from tests.unit.keys import pem
from tests.unit.tokens.test_revocation import until_gone
from tests.unit.tokens.user.test_rotation import CREDENTIAL, PUT_CREDENTIAL, assert_settled, assert_spent_once, running
from tests.unit.tokens.user.test_rotation_journal import entries
from tests.unit.tokens.user.test_sign_in import shown

TOO_LONG = Invalid(422, "data: Too long: may not be more than 1048576 bytes")
REFUSED = Forbidden(403, "admission webhook denied the request")


async def unsaved(error: ApiError, folder: Path | None = None) -> tuple[World, Process]:
    """GitHub gave a pair, and the API server refuses it."""
    world = await running()
    world.journal_folder = folder
    process = world.start()
    world.faults.once("refresh", lambda: world.faults.on(PUT_CREDENTIAL, raising(error)), moment=AFTER)
    await process.run()
    return world, process


@pytest.mark.parametrize("error", [TOO_LONG, REFUSED, Unavailable(500, "etcdserver: no space")])
async def test_a_run_ends_although_its_pair_is_not_saved_and_says_so(error: ApiError, tmp_path: Path) -> None:
    world, process = await unsaved(error, tmp_path)
    assert process.savings.unsaved == 1
    assert entries(world) != []
    status, reason = ready_of(world.status())
    assert status != "True"
    assert reason == (reasons.PENDING if isinstance(error, Unavailable) else reasons.MISSING_PERMISSION)
    text = world.status()["conditions"][0]["message"]
    assert error.message in text
    assert "Do not delete the operator's pod" in text


@pytest.mark.parametrize(("error", "most"), [(REFUSED, LONGEST_PAUSE_REFUSED), (Unavailable(0, "away"), LONGEST_PAUSE)])
async def test_the_pauses_grow_to_minutes_where_a_refusal_lasts(error: ApiError, most: float) -> None:
    world, process = await unsaved(error)
    pauses = []
    for _ in range(20):
        pauses.append(process.savings.next_attempt_in)
        world.clock.advance(timedelta(seconds=pauses[-1], microseconds=1))
        await process.savings.save_due()
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(most)
    assert world.faults.calls.count("refresh") == 2


@pytest.mark.parametrize("error", [TOO_LONG, REFUSED])
async def test_the_pair_is_saved_once_it_is_taken_and_the_object_is_woken(error: ApiError) -> None:
    world, process = await unsaved(error)
    world.faults.clear()
    world.clock.advance(timedelta(seconds=LONGEST_PAUSE_REFUSED))
    await process.savings.save_due()
    assert process.saved == [("team", "ci-credential")]
    await process.settle()
    assert process.savings.unsaved == 0
    assert_settled(world)
    assert_spent_once(world)


async def test_nothing_is_sent_for_a_secret_whose_pair_waits() -> None:
    world, process = await unsaved(REFUSED)
    for _ in range(5):
        world.clock.advance(timedelta(hours=1))
        assert await process.run() is not None
    assert world.faults.calls.count("refresh") == 2


async def test_an_intent_whose_answer_waits_in_the_journal_stays_at_the_start(tmp_path: Path) -> None:
    world, _ = await unsaved(REFUSED, tmp_path)
    world.clock.advance(timedelta(minutes=1))
    process = world.start()
    await process.recover()
    assert process.savings.unsaved == 1
    assert INTENT in world.api.objects[CREDENTIAL]["metadata"]["annotations"]
    assert await process.run() is not None
    world.faults.clear()
    await process.settle()
    assert_settled(world)
    assert_spent_once(world)


async def test_one_secret_that_cannot_be_saved_keeps_no_other_from_being_recovered(tmp_path: Path) -> None:
    world, _ = await unsaved(REFUSED, tmp_path)
    bob = world.github.sign_in("bob")
    world.api.put(secret("bob-seed", {"refresh_token": bob.reveal()}))
    world.api.put(user_body("bob", uid="uid-bob", user={"seedSecretRef": {"name": "bob-seed"}}))
    process = world.start()
    await process.recover()
    await process.settle("bob")
    assert ready_of(world.status("bob")) == ("True", "Fresh")


async def test_a_defect_in_the_way_of_one_answer_is_in_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    world, process = await unsaved(REFUSED)
    world.faults.clear()
    world.clock.advance(timedelta(minutes=5))
    with monkeypatch.context() as patch:
        patch.setattr(credential_body, "with_pair", lambda *_: 1 / 0)
        await process.savings.save_due()
    assert process.savings.unsaved == 1
    await process.settle()
    assert_settled(world)


# --- The end ---------------------------------------------------------------------------------------------------------


async def test_the_end_does_not_wait_for_what_cannot_be_saved_and_leaves_it_in_the_journal(tmp_path: Path) -> None:
    world, process = await unsaved(REFUSED, tmp_path)
    saving = asyncio.create_task(process.savings.run())
    await process.savings.finish(0.01)
    saving.cancel()
    assert entries(world) != []
    world.faults.clear()
    later = world.start()
    await later.recover()
    await later.settle()
    assert_settled(world)


async def test_the_end_waits_for_what_can_be_saved() -> None:
    world, process = await unsaved(REFUSED)
    world.faults.clear()
    saving = asyncio.create_task(process.savings.run())
    await process.savings.finish(60)
    saving.cancel()
    assert process.savings.unsaved == 0
    assert_spent_once(world)


async def test_an_end_with_nothing_to_save_is_no_wait() -> None:
    world = await running()
    await world.start().savings.finish(60)


# --- What ends it ----------------------------------------------------------------------------------------------------


async def test_a_deleted_secret_ends_it(tmp_path: Path) -> None:
    world, process = await unsaved(REFUSED, tmp_path)
    world.api.delete(CREDENTIAL)
    world.clock.advance(timedelta(seconds=LONGEST_PAUSE_REFUSED))
    await process.savings.save_due()
    assert process.savings.unsaved == 0
    assert CREDENTIAL not in world.api.objects
    await process.run()
    assert ready_of(world.status())[0] == "False"


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NotFound(404, 'namespaces "team" not found'), id="gone"),
        pytest.param(Terminating(403, "because it is being terminated"), id="going"),
    ],
)
async def test_a_namespace_that_is_gone_ends_a_first_sign_in(error: ApiError, tmp_path: Path) -> None:
    world, process = await shown()
    world.github.enter()
    world.faults.once("device_poll", lambda: world.api.delete(CREDENTIAL), moment=AFTER)
    world.faults.on("POST secrets", raising(error))
    await process.settle()
    assert process.savings.unsaved == 0
    assert CREDENTIAL not in world.api.objects


async def test_revocation_keeps_its_five_minutes_although_an_answer_cannot_be_saved() -> None:
    world = await running()
    world.api.edit("githubtokens/ci", lambda body: body["spec"].update(deletionPolicy="Revoke"))
    process = world.start()
    world.faults.once("refresh", lambda: world.faults.on(PUT_CREDENTIAL, raising(REFUSED)), moment=AFTER)
    await process.run()
    assert process.savings.unsaved == 1
    deleted = world.clock.now
    world.api.delete("githubtokens/ci")
    await until_gone(world, process)
    assert "githubtokens/ci" not in world.api.objects
    assert world.clock.now - deleted < deletion.LONGEST_HOLD + timedelta(seconds=5)
    assert world.event_reasons[-1] == reasons.REVOCATION_FAILED


# --- Room for the pair -----------------------------------------------------------------------------------------------


class Limited:
    """What an API server says of a Secret that is too large."""

    def __init__(self, world: World) -> None:
        self._replace = world.api._replace
        world.api._replace = self.replace  # type: ignore[method-assign]

    def replace(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        if sum(len(decoded(body, name) or "") for name in body.get("data") or {}) > 1024 * 1024:
            raise TOO_LONG
        return self._replace(key, body)


@pytest.mark.parametrize("free", [20, 300, 1500, ROOM_OF_A_PAIR - 1])
async def test_nothing_is_sent_where_a_pair_has_no_room(free: int) -> None:
    """A Secret that somebody else filled, and gave to us."""
    world = World()
    Limited(world)
    world.api.put(app_body(privateKeySecretRef=None))
    world.api.put(secret("acme-app", {"client-secret": "s"}))
    token = world.github.sign_in("alice").reveal()
    filled = {"refresh_token": token, "theirs": "x" * (1024 * 1024 - len(token) - free)}
    world.api.put(secret("ci-credential", filled, annotations={ADOPT: "true"}))
    world.api.put(user_body(user={}))
    process = world.start()
    await process.settle()
    assert "refresh" not in world.faults.calls
    assert ready_of(world.status()) == ("False", reasons.MISSING_PERMISSION)
    assert "Too long" in world.status()["conditions"][0]["message"]
    assert process.savings.unsaved == 0


async def test_the_intent_has_room_for_a_pair_and_the_pair_leaves_none_behind() -> None:
    world = await running()
    seen: list[dict[str, Any]] = []
    world.faults.once("refresh", lambda: seen.append(world.api.objects[CREDENTIAL]))
    await world.start().settle()
    (announced,) = seen
    after = world.api.objects[CREDENTIAL]

    def size(body: dict[str, Any]) -> int:
        return sum(len(name) + len(value) for name, value in body["data"].items())

    def notes(body: dict[str, Any]) -> int:
        return sum(len(name) + len(value) for name, value in body["metadata"]["annotations"].items())

    assert size(announced) > size(after)
    assert notes(announced) > notes(after)
    assert RESERVED not in after["data"]
    assert PREFIX + RESERVED not in after["metadata"]["annotations"]


async def test_a_code_has_room_for_the_pair_that_it_may_bring() -> None:
    world, process = await shown()
    assert RESERVED in world.api.objects[CREDENTIAL]["data"]
    world.github.enter()
    await process.settle()
    assert RESERVED not in world.api.objects[CREDENTIAL]["data"]


# --- Two GitHubTokens that name one Secret ---------------------------------------------------------------------------


def reservations(folder: Path) -> int:
    return len(list(folder.glob("*.tmp")))


async def two_of_one_secret(folder: Path) -> tuple[World, Process]:
    world = World()
    world.journal_folder = folder
    world.api.put(app_body(privateKeySecretRef=None))
    world.api.put(secret("acme-app", {"client-secret": "s", "private-key.pem": pem()}))
    world.api.put(
        secret("shared", {"refresh_token": world.github.sign_in("alice").reveal()}, annotations={ADOPT: "true"})
    )
    for name in ("one", "two"):
        world.api.put(user_body(name, uid=f"uid-{name}", user={"credentialSecretName": "shared"}))
    return world, world.start()


async def test_a_secret_is_rotated_for_one_at_a_time_and_the_loser_drops_nothing(tmp_path: Path) -> None:
    world, process = await two_of_one_secret(tmp_path)
    with process.store.alone(("team", "shared")):
        process.savings.reserve(("team", "shared"))
        due = await process.run("two")
        assert due is not None
        assert due.due <= world.clock.now.timestamp() + TAKEN
        assert reservations(tmp_path) == 1
    assert "refresh" not in world.faults.calls


async def test_of_two_that_adopt_one_secret_one_gets_it_and_one_token_is_spent_once(tmp_path: Path) -> None:
    world, process = await two_of_one_secret(tmp_path)
    await asyncio.gather(process.run("one"), process.run("two"))
    for name in ("one", "two"):
        await process.settle(name)
    assert sorted(ready_of(world.status(name)) for name in ("one", "two")) == [
        ("False", reasons.SECRET_CONFLICT),
        ("True", "Fresh"),
    ]
    assert_spent_once(world)
    assert process.savings.unsaved == 0


async def test_a_secret_that_was_taken_is_free_again_whatever_became_of_the_run() -> None:
    world = await running()
    process = world.start()
    key = ("team", "ci-credential")
    with pytest.raises(ZeroDivisionError), process.store.alone(key):
        raise ZeroDivisionError
    with process.store.alone(key), pytest.raises(Transient), process.store.alone(key):
        pass
    await process.settle()
    assert_settled(world)
