"""What the API server does not take holds nobody up: not a place, not the end, not another GitHubToken."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.errors import (
    ApiError,
    Forbidden,
    Invalid,
    NotFound,
    Terminating,
    Unavailable,
)
from githubtoken_operator.domain.objects.secrets import ADOPT, decoded
from githubtoken_operator.domain.objects.specs.github_token import PREFIX
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.user.credentials import credential_body
from githubtoken_operator.domain.user.credentials.credential import INTENT
from githubtoken_operator.domain.user.credentials.credential_body import RESERVED, ROOM_OF_A_PAIR
from githubtoken_operator.domain.user.entry import Entry, SecretKey
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import Transient
from githubtoken_operator.tokens.user.storing.credential_store import TAKEN
from githubtoken_operator.tokens.user.storing.late import (
    LONGEST_PAUSE,
    LONGEST_PAUSE_REFUSED,
    LONGEST_PAUSE_UNREADABLE,
    Late,
    LateAnswers,
)
from tests.unit.builders import NAMESPACE, app_body, namespace_body, secret, user_body
from tests.unit.fakes import AFTER, Process, World, raising, token_ref
from tests.unit.keys import pem
from tests.unit.tokens.ends import until_gone
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


async def pauses_of(world: World, process: Process, attempts: int) -> list[float]:
    """The pauses before so many attempts, which are made one after the other."""
    pauses = []
    for _ in range(attempts):
        pauses.append(process.savings.late.next_attempt_in)
        world.clock.advance(timedelta(seconds=pauses[-1], microseconds=1))
        await process.save_due()
    return pauses


async def assert_the_next_process_saves(world: World) -> None:
    world.faults.clear()
    later = world.start()
    await later.recover()
    await later.settle()
    assert_settled(world)


@pytest.mark.parametrize("error", [TOO_LONG, REFUSED, Unavailable(500, "etcdserver: no space")])
async def test_a_run_ends_although_its_pair_is_not_saved_and_says_so(error: ApiError, tmp_path: Path) -> None:
    world, process = await unsaved(error, tmp_path)
    assert process.savings.unsaved == 1
    assert entries(world) != []
    status, reason = ready_of(world.status())
    assert status != "True"
    assert reason == (reasons.PENDING if isinstance(error, Unavailable) else reasons.MISSING_PERMISSION)
    text = world.message
    assert error.message in text
    assert "Do not delete the operator's pod" in text


@pytest.mark.parametrize(("error", "most"), [(REFUSED, LONGEST_PAUSE_REFUSED), (Unavailable(0, "away"), LONGEST_PAUSE)])
async def test_the_pauses_grow_to_minutes_where_a_refusal_lasts(error: ApiError, most: float) -> None:
    world, process = await unsaved(error)
    pauses = await pauses_of(world, process, 20)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(most)
    assert world.faults.calls.count("refresh") == 2


@pytest.mark.parametrize("error", [TOO_LONG, REFUSED])
async def test_the_pair_is_saved_once_it_is_taken_and_the_object_is_woken(error: ApiError) -> None:
    world, process = await unsaved(error)
    world.faults.clear()
    world.clock.advance(timedelta(seconds=LONGEST_PAUSE_REFUSED))
    process.woken.clear()
    await process.save_due()
    assert process.woken == [(token_ref(), 0.0)]
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
        await process.save_due()
    assert process.savings.unsaved == 1
    await process.settle()
    assert_settled(world)


# --- The end ---------------------------------------------------------------------------------------------------------


async def test_the_end_does_not_wait_for_what_cannot_be_saved_and_leaves_it_in_the_journal(tmp_path: Path) -> None:
    world, process = await unsaved(REFUSED, tmp_path)
    saving = asyncio.create_task(process.savings.late.run())
    await process.savings.late.finish(0.01)
    saving.cancel()
    assert entries(world) != []
    await assert_the_next_process_saves(world)


async def test_the_end_waits_for_what_can_be_saved() -> None:
    world, process = await unsaved(REFUSED)
    world.faults.clear()
    saving = asyncio.create_task(process.savings.late.run())
    await process.savings.late.finish(60)
    saving.cancel()
    assert process.savings.unsaved == 0
    assert_spent_once(world)


async def test_an_end_with_nothing_to_save_is_no_wait() -> None:
    world = await running()
    await world.start().savings.late.finish(60)


# --- What ends it ----------------------------------------------------------------------------------------------------


async def test_a_deleted_secret_ends_it(tmp_path: Path) -> None:
    world, process = await unsaved(REFUSED, tmp_path)
    world.api.delete(CREDENTIAL)
    world.clock.advance(timedelta(seconds=LONGEST_PAUSE_REFUSED))
    await process.save_due()
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


UNREADABLE = Forbidden(403, 'cannot get resource "secrets" in the namespace "team"')
READ_CREDENTIAL = f"GET {CREDENTIAL}"
READ_NAMESPACE = f"GET namespaces/{NAMESPACE}"
CREDENTIAL_KEY = (NAMESPACE, "ci-credential")


async def unreadable(folder: Path | None = None, *, may_ask: bool = False) -> tuple[World, Process]:
    """The operator's rights in the namespace went while GitHub was asked."""
    world, process = await unsaved(UNREADABLE, folder)
    world.faults.on(READ_CREDENTIAL, raising(UNREADABLE))
    if not may_ask:
        world.faults.on(READ_NAMESPACE, raising(Forbidden(403, "cannot get namespaces")))
    world.api.put(namespace_body())
    world.clock.advance(timedelta(seconds=1))
    await process.save_due()
    return world, process


async def test_what_may_not_be_read_is_told_once_kept_for_ever_and_tried_ever_more_rarely(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world, process = await unreadable(tmp_path)
    pauses = await pauses_of(world, process, 30)
    assert pauses[:10] == sorted(pauses[:10])
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_UNREADABLE)
    assert sum("not saved yet" in record.message for record in caplog.records) == 1
    assert entries(world) != []
    await assert_the_next_process_saves(world)


async def test_what_may_not_be_read_is_saved_as_soon_as_a_run_may_read_it_again() -> None:
    world, process = await unreadable()
    world.clock.advance(timedelta(hours=5))
    for _ in range(20):
        await process.save_due()
        world.clock.advance(timedelta(minutes=2))
    world.faults.clear()
    assert process.savings.late.next_attempt_in > 60
    await process.run()
    assert process.savings.late.next_attempt_in == 0
    await process.settle()
    assert_settled(world)


async def test_the_end_of_the_process_waits_for_what_may_be_read_alone(tmp_path: Path) -> None:
    world, process = await unreadable(tmp_path)
    saving = asyncio.create_task(process.savings.late.run())
    await process.savings.late.finish(math.inf)
    saving.cancel()
    assert entries(world) != []


async def test_a_secret_that_the_watch_saw_go_is_not_waited_for_where_it_may_not_be_read_any_more() -> None:
    _, process = await unreadable()
    process.savings.gone((NAMESPACE, "another"))
    assert process.savings.unsaved == 1
    process.savings.gone(CREDENTIAL_KEY)
    await process.save_due()
    assert process.savings.unsaved == 0


async def test_a_secret_that_went_while_github_was_asked_is_not_waited_for_either() -> None:
    world = await running()
    process = world.start()

    def go() -> None:
        process.savings.gone(CREDENTIAL_KEY)
        for call in (PUT_CREDENTIAL, READ_CREDENTIAL, READ_NAMESPACE):
            world.faults.on(call, raising(UNREADABLE))

    world.faults.once("refresh", go, moment=AFTER)
    await process.run()
    assert process.savings.unsaved == 1
    await process.save_due()
    world.clock.advance(timedelta(seconds=1))
    await process.save_due()
    assert process.savings.unsaved == 0


async def test_a_secret_that_may_be_read_is_looked_at_whatever_the_watch_saw() -> None:
    world, process = await unsaved(REFUSED)
    process.savings.gone(CREDENTIAL_KEY)
    world.faults.clear()
    await process.save_due()
    await process.settle()
    assert_settled(world)


@pytest.mark.parametrize(("there", "unsaved"), [(True, 1), (False, 0)])
async def test_a_namespace_that_may_be_asked_for_and_is_gone_ends_it(there: bool, unsaved: int) -> None:  # noqa: FBT001
    world, process = await unreadable(may_ask=True)
    if not there:
        del world.api.objects[f"namespaces/{NAMESPACE}"]
    world.clock.advance(timedelta(minutes=1))
    await process.save_due()
    assert process.savings.unsaved == unsaved


async def test_a_slow_namespace_is_waited_for_by_no_other() -> None:
    saved: list[SecretKey] = []
    slow, others = asyncio.Event(), asyncio.Event()

    async def attempt(key: SecretKey, _: Late) -> None:
        if key[0] == "slow":
            await slow.wait()
        saved.append(key)
        if len(saved) == 2:
            others.set()

    answers = LateAnswers(attempt, wake=lambda _: None, monotonic=lambda: 0.0)
    for key in (("slow", "a"), ("slow", "b"), ("team", "c"), ("team", "d")):
        answers.add(key, Late(Entry("", "", None, 200, "", b""), None, None, due=0.0))
    trying = asyncio.create_task(answers.run())
    await others.wait()
    assert saved == [("team", "c"), ("team", "d")]
    slow.set()
    await answers.finish(math.inf)
    trying.cancel()
    assert saved[2:] == [("slow", "a"), ("slow", "b")]


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
    assert "Too long" in world.message
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
    with process.users.credentials.store.alone(("team", "shared")):
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
    with pytest.raises(ZeroDivisionError), process.users.credentials.store.alone(key):
        raise ZeroDivisionError
    with (
        process.users.credentials.store.alone(key),
        pytest.raises(Transient),
        process.users.credentials.store.alone(key),
    ):
        pass
    await process.settle()
    assert_settled(world)
