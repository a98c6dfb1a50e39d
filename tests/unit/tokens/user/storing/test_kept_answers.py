"""An answer of GitHub's that is not understood is kept, and a later version makes a pair of it; nothing is sent again.

The later version is this one with patterns that know the new form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from githubtoken_operator.domain.github import fields, oauth_answers
from githubtoken_operator.domain.objects.secrets import decoded, encoded
from githubtoken_operator.domain.user.credentials import credential, credential_body
from githubtoken_operator.domain.user.credentials.credential import INTENT, REFRESH_TOKEN_SHA256
from githubtoken_operator.domain.user.entry import VERSION
from githubtoken_operator.domain.user.kept_answer import KEPT_ANSWER
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.model import Answer
from tests.unit.builders import secret
from tests.unit.fakes import BEFORE, Killed, Process, World, raising
from tests.unit.tokens.ends import requested, until_gone
from tests.unit.tokens.user.test_rotation import (
    CREDENTIAL,
    PUT_CREDENTIAL,
    assert_settled,
    assert_spent_once,
    running,
    stored_refresh_token,
)
from tests.unit.tokens.user.test_rotation_journal import entries, restarted
from tests.unit.tokens.user.test_sign_in import request_login, shown

Change = Callable[[dict[str, Any]], object]


def new_prefix(pair: dict[str, Any]) -> None:
    pair["access_token"] = pair["access_token"].replace("ghu_", "ghx_")


def new_alphabet(pair: dict[str, Any]) -> None:
    pair["access_token"] += "~k"
    pair["refresh_token"] += "~k"


FORMS = [pytest.param(new_prefix, id="a new prefix"), pytest.param(new_alphabet, id="a new alphabet")]


def answering(world: World, change: Change) -> None:
    """GitHub gives pairs of another form from now on, and takes their tokens."""
    plain = world.github._pair

    def pair() -> dict[str, Any]:
        made = plain()
        world.github.live.discard(made["refresh_token"])
        change(made)
        world.github.live.add(made["refresh_token"])
        world.github.access = made["access_token"]
        return made

    world.github._pair = pair  # type: ignore[method-assign]


@contextmanager
def a_later_version() -> Iterator[None]:
    """One that knows the new forms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "_ACCESS_TOKEN", re.compile(r"gh[a-z]_[A-Za-z0-9._~-]+"))
        patch.setattr(fields, "_REFRESH_TOKEN", re.compile(r"[A-Za-z0-9._~-]+"))
        yield


async def kept(change: Change = new_prefix, folder: Path | None = None) -> tuple[World, Process]:
    """A renewal was answered in a form that this version does not know."""
    world = await running()
    world.journal_folder = folder
    answering(world, change)
    process = world.start()
    await process.settle()
    return world, process


def has_kept(world: World) -> bool:
    return KEPT_ANSWER in world.api.objects[CREDENTIAL]["data"]


@pytest.mark.parametrize("change", FORMS)
async def test_an_answer_that_is_not_understood_is_kept_in_the_secret_and_in_the_journal(
    change: Change, tmp_path: Path
) -> None:
    world, process = await kept(change, tmp_path)
    assert has_kept(world)
    assert entries(world) != []
    assert process.savings.unsaved == 0
    assert INTENT not in world.api.objects[CREDENTIAL]["metadata"]["annotations"]
    assert ready_of(world.status()) == ("False", reasons.ANSWER_NOT_UNDERSTOOD)
    assert "update the operator" in world.message
    assert "`ci-credential`" in world.message
    assert [item["reason"] for item in world.status()["conditions"][1:]] == [reasons.ANSWER_NOT_UNDERSTOOD] * 2
    assert world.event_reasons[-1] == reasons.ANSWER_NOT_UNDERSTOOD


@pytest.mark.parametrize("change", FORMS)
async def test_nothing_is_sent_again_however_often_it_is_asked_for(change: Change) -> None:
    world, process = await kept(change)
    sent = world.faults.calls.count("refresh")
    for time in range(5):
        requested(world, str(time))
        world.clock.advance(timedelta(hours=1))
        await process.settle()
    await world.start().settle()
    assert world.faults.calls.count("refresh") == sent
    assert world.event_reasons.count(reasons.ANSWER_NOT_UNDERSTOOD) <= 2


@pytest.mark.parametrize("journalled", [True, False], ids=["the container alone goes", "the pod goes"])
@pytest.mark.parametrize("change", FORMS)
async def test_a_later_version_takes_it_up_at_its_start(change: Change, tmp_path: Path, *, journalled: bool) -> None:
    world, _ = await kept(change, tmp_path / "one")
    if not journalled:
        world.journal_folder = tmp_path / "two"
    with a_later_version():
        process = world.start()
        await process.recover()
        assert not has_kept(world)
        assert stored_refresh_token(world) in world.github.live
        await process.settle()
    assert_settled(world)
    assert_spent_once(world)
    assert entries(world) == []


async def test_a_later_version_takes_it_up_whenever_it_looks() -> None:
    world, _ = await kept()
    with a_later_version():
        await world.start().settle()
    assert_settled(world)
    assert_spent_once(world)


async def test_whenever_the_process_is_killed_the_answer_is_there_for_the_later_version(tmp_path: Path) -> None:
    world = await running()
    first = len(world.faults.reached)
    answering(world, new_prefix)
    await world.start().settle()
    moments = world.faults.reached[first:]
    answered = moments.index(("refresh", "after"))
    for number in range(answered + 1, len(moments)):
        world = await running()
        world.journal_folder = tmp_path / str(number)
        answering(world, new_prefix)
        world.faults.at(number, raising(Killed()))
        with pytest.raises(Killed):
            await world.start().settle()
        await restarted(world)
        assert has_kept(world), moments[number]
        with a_later_version():
            await restarted(world)
        assert_settled(world)
        assert_spent_once(world)


async def test_a_newer_sign_in_wins_over_a_kept_answer(tmp_path: Path) -> None:
    world, process = await kept(folder=tmp_path)
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("again").reveal()}))
    with a_later_version():
        await process.settle()
        await process.settle()
        await world.start().recover()
    assert_settled(world)
    assert not has_kept(world)
    assert entries(world) == []


async def test_a_sign_in_by_hand_voids_a_kept_answer() -> None:
    world, process = await kept()
    token = world.github.sign_in("by-hand").reveal()
    world.api.edit(CREDENTIAL, lambda body: body["data"].update(encoded({"refresh_token": token})))
    with a_later_version():
        await process.settle()
    assert_settled(world)
    assert not has_kept(world)
    assert token in world.github.spent


async def test_a_deleted_credential_discards_a_kept_answer(tmp_path: Path) -> None:
    world, process = await kept(folder=tmp_path)
    world.api.delete(CREDENTIAL)
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("again").reveal()}))
    with a_later_version():
        await process.settle()
        await process.settle()
    assert_settled(world)


async def test_what_the_secret_has_lost_the_journal_gives_it_again(tmp_path: Path) -> None:
    world, process = await kept(folder=tmp_path)
    world.api.edit(CREDENTIAL, lambda body: body["data"].pop(KEPT_ANSWER))
    await process.settle()
    assert has_kept(world)


async def test_the_token_beside_a_kept_answer_is_not_published_again() -> None:
    world, process = await kept()
    world.api.delete("secrets/ci")
    await process.settle()
    assert "secrets/ci" not in world.api.objects


async def test_an_answer_that_the_api_server_does_not_take_is_in_the_journal_meanwhile(tmp_path: Path) -> None:
    world = await running()
    world.journal_folder = tmp_path
    answering(world, new_prefix)
    world.faults.once("refresh", lambda: world.faults.on(PUT_CREDENTIAL, raising(Killed())), moment=BEFORE)
    with pytest.raises(Killed):
        await world.start().run()
    world.faults.clear()
    with a_later_version():
        await restarted(world)
    assert_settled(world)
    assert_spent_once(world)


async def test_what_a_later_version_knows_to_be_no_pair_is_dropped_and_the_token_sent() -> None:
    world, _ = await kept()
    entry = credential.read(world.api.objects[CREDENTIAL]).kept
    assert entry is not None
    assert entry.entry is not None
    body = json.dumps({"error": "unsupported_grant_type"}).encode()
    no_pair = credential_body.with_kept_answer(
        world.api.objects[CREDENTIAL],
        ("team", "ci-credential"),
        type(entry.entry)(entry.entry.parent, entry.entry.seed, entry.entry.ours, 200, entry.entry.date, body),
    )
    world.api.put(no_pair)
    sent = world.faults.calls.count("refresh")
    await world.start().run()
    await world.start().run()
    assert not has_kept(world)
    assert world.faults.calls.count("refresh") > sent


async def test_what_a_version_to_come_has_kept_in_its_own_way_is_left_alone() -> None:
    world, _ = await kept()
    later = encoded({KEPT_ANSWER: json.dumps({"version": VERSION + 1})})
    world.api.edit(CREDENTIAL, lambda body: body["data"].update(later))
    sent = world.faults.calls.count("refresh")
    with a_later_version():
        process = world.start()
        await process.recover()
        await process.settle()
    assert has_kept(world)
    assert world.faults.calls.count("refresh") == sent
    assert "by a later version" in world.message


async def test_a_kept_answer_that_fits_nothing_any_more_is_removed_once() -> None:
    """Somebody edits what the operator remembers of the chain."""
    world, _ = await kept()
    world.api.edit(CREDENTIAL, lambda body: body["metadata"]["annotations"].update({REFRESH_TOKEN_SHA256: "0" * 64}))
    with a_later_version():
        process = world.start()
        await process.run()
        calls = world.faults.calls.count(PUT_CREDENTIAL)
        await process.run()
    assert not has_kept(world)
    assert world.faults.calls.count(PUT_CREDENTIAL) <= calls + 2


async def test_an_old_look_at_the_secret_drops_nothing_from_the_journal(tmp_path: Path) -> None:
    world = await running()
    world.journal_folder = tmp_path
    before = world.api.objects[CREDENTIAL]
    token = world.github.sign_in("by-hand").reveal()
    world.api.edit(CREDENTIAL, lambda body: body["data"].update(encoded({"refresh_token": token})))
    process = world.start()
    world.faults.once("refresh", lambda: world.faults.once(PUT_CREDENTIAL, raising(Killed())), moment=BEFORE)
    with pytest.raises(Killed):
        await process.run()
    assert len(entries(world)) == 1
    process = world.start()
    await process.savings.look(("team", "ci-credential"), before)
    assert stored_refresh_token(world) in world.github.live
    assert entries(world) == []


async def test_a_kept_answer_is_not_called_revoked_and_stays() -> None:
    world = await running()
    world.api.edit("githubtokens/ci", lambda body: body["spec"].update(deletionPolicy="Revoke"))
    answering(world, new_prefix)
    process = world.start()
    await process.settle()
    world.api.delete("githubtokens/ci")
    await until_gone(world, process)
    assert "githubtokens/ci" not in world.api.objects
    assert world.event_reasons[-1] == reasons.REVOCATION_FAILED
    assert has_kept(world)


# --- The device flow -------------------------------------------------------------------------------------------------


async def test_a_sign_in_that_is_not_understood_is_kept_and_no_other_code_is_shown() -> None:
    world, process = await shown()
    answering(world, new_prefix)
    world.github.enter()
    await process.settle()
    assert has_kept(world)
    assert ready_of(world.status()) == ("False", reasons.ANSWER_NOT_UNDERSTOOD)
    assert len(world.github.codes) == 1
    assert "deviceFlow" not in world.status()
    with a_later_version():
        await restarted(world)
    assert decoded(world.secret(), "token") == world.github.access
    assert ready_of(world.status()) == ("True", "Fresh")
    assert len(world.github.codes) == 1


async def test_who_asks_for_another_code_gets_one_and_it_wins() -> None:
    world, process = await shown()
    plain = world.github._pair
    answering(world, new_prefix)
    world.github.enter()
    await process.settle()
    world.github._pair = plain  # type: ignore[method-assign]
    request_login(world)
    await process.run()
    assert len(world.github.codes) == 2
    world.github.enter()
    await process.settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    assert decoded(world.secret(), "token") == world.github.access
    assert not has_kept(world)


async def test_a_defect_of_the_reader_loses_no_answer_is_told_once_and_heals_with_the_next_version(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = await running()
    world.journal_folder = tmp_path

    def fail(*_: object) -> None:
        raise KeyError("ghx_a_token_of_a_form_that_nobody_masks")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oauth_answers, "refreshed_token", fail)
        process = world.start()
        for _ in range(5):
            await process.run()
        status, reason = ready_of(world.status())
        assert (status, reason) == ("False", reasons.ANSWER_NOT_UNDERSTOOD)
        assert "KeyError at test_kept_answers.py:" in world.message
        assert "nobody_masks" not in caplog.text + json.dumps(world.status())
        assert sum(reasons.ANSWER_NOT_UNDERSTOOD in record.message for record in caplog.records) == 1
        assert not [record for record in caplog.records if record.exc_info]
        assert world.faults.calls.count("refresh") == 2, "for the seed, and once since"
    await restarted(world)
    assert_settled(world)
    assert_spent_once(world)


async def test_a_defect_in_reading_a_refusal_is_tried_again_and_told() -> None:
    world = await running()

    async def refuse(*_: object) -> Answer:
        return Answer(500, {"date": "Fri, 02 Jan 2026 03:04:05 GMT"}, b"{}")

    def fail(*_: object) -> None:
        raise KeyError("x")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.github, "refresh", refuse)
        patch.setattr(oauth_answers, "refreshed_token", fail)
        await world.start().run()
    assert "a defect of the operator" in json.dumps(world.status())
    world.clock.advance(timedelta(hours=1))
    await world.start().settle()
    assert_settled(world)
