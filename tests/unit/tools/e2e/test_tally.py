"""What the lines of consumers on a node mean."""

from __future__ import annotations

import json
from typing import Final

import pytest

from e2e.tally import Call, Cell, Diary, Life, Sight, cell, problems, read_diary, spread, tokens_of

LIVES: Final = {
    # A user's: the first ends when the second is given, the second of age.
    "first": Life(created=0, expires=300, revoked=100),
    "second": Life(created=100, expires=400),
}


def calls(*answers: tuple[float, str, int]) -> tuple[Call, ...]:
    """Calls that took a second."""
    return tuple(Call(at, sha256, status, at + 1) for at, sha256, status in answers)


def sights(*seen: tuple[float, str]) -> tuple[Sight, ...]:
    return tuple(Sight(*each) for each in seen)


def of(*diaries: Diary, kind: str = "user", rotations: int = 1) -> Cell:
    return cell(kind, "Kubelet", diaries=diaries, lives=LIVES, rotations=rotations)


WELL: Final = Diary(
    calls=calls((50, "first", 200), (101, "first", 401), (161, "second", 200)),
    sights=sights((50, "first"), (160.5, "second")),
)


def test_a_log_is_read_line_by_line_and_other_words_in_it_are_passed_over() -> None:
    call = {"at": 2, "sha256": "a", "status": 0, "until": 3}
    lines = [json.dumps({"at": 1.5, "sha256": "first"}), "Traceback", json.dumps(call)]
    assert read_diary("\n".join(lines)) == Diary(calls((2, "a", 0)), sights((1.5, "first")))


def test_the_seconds_count_from_githubs_answer_and_not_for_the_token_that_was_there_before_the_pod() -> None:
    late = Diary(calls=(), sights=sights((90, "first"), (130, "second")))
    assert of(WELL, late).seconds == (60.5, 30)


def test_a_user_token_may_be_refused_until_the_file_has_followed() -> None:
    found = of(WELL)
    assert (found.calls, found.invalid, found.of_age, found.unanswered, found.odd) == (3, 1, (), 0, 0)
    assert problems([found], double_spends=0) == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ((401, "second", 401), "token second, used from 301.00 to 302.00, never ended, would expire at 300.00"),
        ((98.5, "first", 401), "token first, used from 98.50 to 99.50, ended at 100.00, would expire at 300.00"),
    ],
    ids=["after its end", "before it was ended"],
)
def test_a_user_token_may_be_refused_for_nothing_else_than_its_successor(
    call: tuple[float, str, int], told: str
) -> None:
    aged = Diary(calls=(*WELL.calls, *calls(call)), sights=WELL.sights)
    found = problems([of(aged)], double_spends=0)
    assert found == [f"user, Kubelet: 1 calls with a token that had died of age: {told}"]


def test_an_installation_token_is_never_refused() -> None:
    found = problems([of(WELL, kind="installation")], double_spends=0)
    assert found == ["installation, Kubelet: a consumer held a dead token (1 of 3 calls)"]


def test_a_call_under_way_when_its_token_ends_is_refused_for_that() -> None:
    under_way = Diary(calls=calls((99.1, "first", 401)), sights=WELL.sights)
    assert of(under_way).of_age == ()


def test_a_call_without_an_answer_says_nothing_of_the_token_but_another_answer_does() -> None:
    diary = Diary(calls=(*WELL.calls, *calls((170, "second", 0), (171, "second", 403))), sights=WELL.sights)
    found = of(diary)
    assert (found.unanswered, found.odd) == (1, 1)
    assert problems([found], double_spends=0) == ["user, Kubelet: 1 calls were answered neither by 200 nor by 401"]


def test_a_trial_in_which_nothing_happened_proves_nothing() -> None:
    idle = Diary(calls=calls((50, "first", 0)), sights=sights((50, "first")))
    assert problems([of(idle, rotations=0)], double_spends=0) == [
        "user, Kubelet: no consumer was ever answered",
        "user, Kubelet: the token was never renewed",
        "user, Kubelet: no consumer saw another token",
    ]


def test_a_double_spend_is_a_broken_promise() -> None:
    assert problems([], double_spends=2) == ["GitHub was sent a spent refresh token (double spends: 2)"]


def test_every_token_that_a_consumer_held_is_asked_for() -> None:
    assert tokens_of([WELL, Diary(calls(), sights((1, "other")))]) == {"first", "second", "other"}


def test_the_spread_of_nothing_is_nothing() -> None:
    assert spread(()) is None
    assert spread((3.0, 1.0, 2.5)) == (1.0, 2.5, 3.0)
