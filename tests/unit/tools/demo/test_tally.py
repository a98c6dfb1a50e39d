from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from demo.tally import (
    FIRST_SECRET_WITHIN,
    RESTORED_WITHIN,
    Appeared,
    Failed,
    Happening,
    Held,
    Look,
    Milestone,
    Recovered,
    Restored,
    Rotated,
    Tally,
    milestone,
    problems,
)

START = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def held(revision: int = 1, uid: str = "first") -> Held:
    return Held(uid, f"token of revision {revision}", revision, START + timedelta(minutes=revision))


def living(second: int, revision: int = 1, uid: str = "first") -> Look:
    return Look(START + timedelta(seconds=second), held(revision, uid), alive=True)


def refused(second: int, revision: int = 1) -> Look:
    return Look(START + timedelta(seconds=second), held(revision), alive=False)


def absent(second: int) -> Look:
    return Look(START + timedelta(seconds=second), None)


def after(*looks: Look) -> tuple[Tally, list[Happening]]:
    tally = Tally("ci")
    happened: list[Happening] = []
    for look in looks:
        tally, events = tally.after(look)
        happened += events
    return tally, happened


def test_the_first_secret_and_each_new_token_are_told_once() -> None:
    tally, happened = after(absent(0), living(1), living(2), living(3, 2), living(4, 2), living(5, 3))
    assert happened == [Appeared(held(1)), Rotated(held(1), held(2)), Rotated(held(2), held(3))]
    assert (tally.looks, tally.rotations, tally.failures) == (6, 2, ())


def test_a_refused_token_is_a_failure_that_is_told_once_and_stays_after_it_recovered() -> None:
    tally, happened = after(living(0), refused(1), refused(2), living(3))
    failed = Failed(START + timedelta(seconds=1), "GitHub refuses the token of revision 1")
    assert happened == [Appeared(held()), failed, Recovered()]
    assert tally.failures == (failed,)


def test_a_new_token_that_github_refuses_is_a_rotation_and_a_failure() -> None:
    tally, happened = after(living(0), refused(1, 2))
    assert [type(event) for event in happened] == [Appeared, Rotated, Failed]
    assert tally.rotations == 1


def test_a_secret_may_be_away_for_as_long_as_the_operator_may_take() -> None:
    away = int(RESTORED_WITHIN.total_seconds())
    tally, happened = after(
        living(0), *(absent(second) for second in range(1, away + 2)), living(away + 2, uid="second")
    )
    assert happened == [Appeared(held()), Restored()]
    assert tally.failures == ()


def test_a_secret_that_was_made_again_between_two_looks_is_told_too() -> None:
    _, happened = after(living(0), living(1, uid="second"), living(2, uid="second"))
    assert happened == [Appeared(held()), Restored()]


def test_a_secret_that_stays_away_is_a_failure() -> None:
    away = int(RESTORED_WITHIN.total_seconds())
    tally, _ = after(living(0), *(absent(second) for second in range(1, away + 9)))
    assert [failed.at for failed in tally.failures] == [START + timedelta(seconds=away + 2)]


def test_the_first_secret_has_more_time() -> None:
    limit = int(FIRST_SECRET_WITHIN.total_seconds())
    in_time, _ = after(absent(0), absent(limit))
    late, _ = after(absent(0), absent(limit), absent(limit + 1))
    assert in_time.failures == ()
    assert [failed.why for failed in late.failures] == ["there has been no Secret for 30 seconds"]


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        pytest.param([living(0), living(1, 2)], [], id="rotated and always valid"),
        pytest.param([], ["ci never got a token"], id="never looked at"),
        pytest.param([absent(0)], ["ci never got a token"], id="no Secret"),
        pytest.param([living(0)], ["ci was not rotated: it is still at revision 1"], id="not rotated"),
        pytest.param(
            [living(0), refused(61), living(62, 2)],
            ["ci failed at 12:01:01: GitHub refuses the token of revision 1"],
            id="refused for a moment",
        ),
        pytest.param(
            [living(0), refused(1)],
            [
                "ci failed at 12:00:01: GitHub refuses the token of revision 1",
                "ci was not rotated: it is still at revision 1",
            ],
            id="refused and not rotated",
        ),
    ],
)
def test_all_is_well_only_if_every_token_was_rotated_and_valid_at_every_look(
    looks: list[Look], found: list[str]
) -> None:
    good, _ = after(living(0), living(1, 2))
    assert problems([good, after(*looks)[0]], 0) == found


def test_a_double_spend_is_a_problem_even_if_all_tokens_are_well() -> None:
    good, _ = after(living(0), living(1, 2))
    assert problems([good], 1) == ["GitHub was sent a spent refresh token (double spends: 1)"]


def test_a_milestone_is_reached_when_the_last_token_reaches_it() -> None:
    fresh, rotated = after(living(0))[0], after(living(0), living(1, 2))[0]
    assert milestone([Tally("ci"), rotated]) is Milestone.BEGUN
    assert milestone([fresh, rotated]) is Milestone.ISSUED
    assert milestone([rotated, rotated]) is Milestone.ROTATED


def test_a_held_token_is_not_shown() -> None:
    assert "token of" not in repr(held())
