"""Renewal is due well before expiry, at the same second after every restart; failed attempts get denser towards it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.observed.observation import Renewal
from githubtoken_operator.domain.runs.due import schedule
from githubtoken_operator.domain.runs.due.schedule import next_attempt, refresh_token_renewal
from tests.unit.builders import NOW

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

lives = st.integers(min_value=1, max_value=366 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
renew_befores = st.none() | st.integers(min_value=120, max_value=4380 * 3600).map(lambda s: timedelta(seconds=s))
percentages = st.none() | st.integers(min_value=1, max_value=99)
uids = st.uuids().map(str)
revisions = st.integers(min_value=0, max_value=10**9)


def renewal(
    *,
    life: timedelta = HOUR,
    renew_before: timedelta | None = None,
    percentage: int | None = None,
    uid: str = "uid-ci",
    revision: int = 1,
) -> Renewal:
    return schedule.renewal(
        issued=NOW,
        expires=NOW + life,
        renew_before=renew_before,
        renew_before_percentage=percentage,
        uid=uid,
        revision=revision,
    )


def attempt(
    *,
    attempts: int = 1,
    terminal: bool = False,
    retry_after: float | None = None,
    left: timedelta | None = None,
    now: datetime = NOW,
) -> timedelta:
    """How long after `now` the next attempt is; `left` is what is left of the stored token's life."""
    expires = now + left if left is not None else None
    due = next_attempt(now=now, attempts=attempts, terminal=terminal, retry_after=retry_after, expires=expires)
    return due - now


# --- Renewal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "before"),
    [
        pytest.param({}, 20 * MINUTE, id="a third of the life by default"),
        pytest.param({"life": 8 * HOUR}, 160 * MINUTE, id="a third of a user token's life"),
        pytest.param({"renew_before": 10 * MINUTE}, 10 * MINUTE, id="renewBefore"),
        pytest.param({"percentage": 50}, 30 * MINUTE, id="renewBeforePercentage"),
        pytest.param({"life": MINUTE}, 20 * SECOND, id="no floor for a short life"),
    ],
)
def test_renewal_is_due_so_long_before_expiry_and_at_most_a_tenth_of_that_earlier(
    settings: dict[str, timedelta], before: timedelta
) -> None:
    latest = NOW + settings.get("life", HOUR) - before
    due = {renewal(uid=f"uid-{number}", **settings).due for number in range(200)}  # type: ignore[arg-type]
    assert max(due) <= latest
    # Whole seconds are cut off downwards.
    assert min(due) >= latest - before / 10 - SECOND


def test_tokens_that_were_made_together_do_not_renew_together() -> None:
    assert len({renewal(uid=f"uid-{number}").due for number in range(200)}) > 50
    assert len({renewal(revision=number).due for number in range(200)}) > 50


def test_renewal_is_due_at_the_same_second_in_every_process_and_version() -> None:
    assert renewal().due.isoformat() == "2026-03-01T12:39:49+00:00"


@given(life=lives, renew_before=renew_befores, percentage=percentages, uid=uids, revision=revisions)
def test_renewal_lies_within_the_tokens_life_in_whole_seconds(
    life: timedelta, renew_before: timedelta | None, percentage: int | None, uid: str, revision: int
) -> None:
    found = renewal(life=life, renew_before=renew_before, percentage=percentage, uid=uid, revision=revision)
    assert NOW <= found.due < NOW + life
    assert found.due.microsecond == 0
    assert found == renewal(life=life, renew_before=renew_before, percentage=percentage, uid=uid, revision=revision)


@given(life=lives, renew_before=renew_befores, uid=uids)
def test_a_renew_before_that_is_not_less_than_the_life_is_ignored_and_reported(
    life: timedelta, renew_before: timedelta | None, uid: str
) -> None:
    found = renewal(life=life, renew_before=renew_before, uid=uid)
    too_long = renew_before is not None and renew_before >= life
    assert found.renew_before_ignored is too_long
    if too_long:
        assert found.due == renewal(life=life, uid=uid).due


def test_a_token_that_was_dead_when_it_came_is_due_at_once() -> None:
    assert renewal(life=-HOUR).due == NOW


@pytest.mark.parametrize(
    ("life", "before"),
    [
        pytest.param(timedelta(days=183), timedelta(days=7), id="a week before a refresh token of half a year dies"),
        pytest.param(timedelta(days=3), timedelta(days=1), id="a third of a short life"),
    ],
)
def test_a_refresh_token_about_to_die_makes_renewal_due(life: timedelta, before: timedelta) -> None:
    assert refresh_token_renewal(issued=NOW, refresh_expires=NOW + life) == NOW + life - before


# --- Failed attempts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terminal", "waits"),
    [
        pytest.param(False, [5, 10, 20, 40, 80, 160, 300, 300], id="transient"),
        pytest.param(True, [60, 120, 240, 480, 960, 1800, 1800], id="a human must act"),
    ],
)
def test_waits_double_up_to_a_limit(*, terminal: bool, waits: list[int]) -> None:
    found = [attempt(attempts=number, terminal=terminal) for number in range(1, len(waits) + 1)]
    assert found == [timedelta(seconds=wait) for wait in waits]


def test_a_thousand_failures_are_no_overflow() -> None:
    assert attempt(attempts=10**9) == schedule.LAST_RETRY


@pytest.mark.parametrize(
    ("left", "wait"),
    [
        pytest.param(timedelta(hours=1), 300, id="far from expiry"),
        pytest.param(timedelta(minutes=6), 120, id="a third of what is left"),
        pytest.param(timedelta(seconds=30), 10, id="denser"),
        pytest.param(timedelta(seconds=6), 2, id="never denser than two seconds"),
        pytest.param(timedelta(seconds=1), 2, id="not even at the end"),
        pytest.param(timedelta(seconds=-1), 300, id="an expired token hurries nobody"),
    ],
)
def test_attempts_get_denser_as_expiry_nears(left: timedelta, wait: int) -> None:
    assert attempt(attempts=20, left=left) == timedelta(seconds=wait)


def test_what_only_a_human_can_mend_is_looked_at_more_often_as_expiry_nears() -> None:
    assert attempt(attempts=3, terminal=True, left=HOUR) == 4 * MINUTE
    assert attempt(attempts=3, terminal=True, left=MINUTE) == 20 * SECOND


@pytest.mark.parametrize("lasts", [1, 4, 16, 18], ids=lambda minutes: f"{minutes} minutes")
@pytest.mark.parametrize("terminal", [False, True], ids=["transient", "a human must act"])
def test_no_token_dies_of_an_incident_that_ends_before_it(lasts: int, *, terminal: bool) -> None:
    now, attempts, expires = NOW, 0, NOW + 20 * MINUTE
    while now < NOW + lasts * MINUTE:
        attempts += 1
        now = next_attempt(now=now, attempts=attempts, terminal=terminal, retry_after=None, expires=expires)
    assert now < expires


@given(
    attempts=st.integers(min_value=1, max_value=10**6),
    terminal=st.booleans(),
    left=st.integers(min_value=3_000, max_value=10**8).map(lambda ms: timedelta(milliseconds=ms)),
)
def test_while_a_token_is_valid_the_next_attempt_comes_before_its_expiry(
    attempts: int, left: timedelta, *, terminal: bool
) -> None:
    assert attempt(attempts=attempts, terminal=terminal, left=left) <= left


@given(
    attempts=st.integers(min_value=1, max_value=40),
    left=st.tuples(*[st.integers(min_value=1, max_value=10**6)] * 2).map(sorted),
)
def test_waits_never_get_longer_as_expiry_nears(attempts: int, left: list[int]) -> None:
    nearer, farther = (attempt(attempts=attempts, left=timedelta(seconds=seconds)) for seconds in left)
    assert nearer <= farther


@given(
    attempts=st.integers(min_value=1, max_value=40),
    terminal=st.booleans(),
    retry_after=st.floats(min_value=0, max_value=86_400),
    left=st.none() | st.integers(min_value=-100, max_value=10**6).map(lambda s: timedelta(seconds=s)),
    fraction=st.integers(min_value=0, max_value=999_999),
)
def test_what_github_asked_for_is_never_undercut(
    *,
    attempts: int,
    terminal: bool,
    retry_after: float,
    left: timedelta | None,
    fraction: int,
) -> None:
    now = NOW.replace(microsecond=fraction)
    wait = attempt(attempts=attempts, terminal=terminal, retry_after=retry_after, left=left, now=now)
    assert wait >= timedelta(seconds=retry_after)
    # Nor is it stretched beyond a minute.
    assert wait < timedelta(seconds=max(retry_after, 60)) + 2 * SECOND


@given(fraction=st.integers(min_value=0, max_value=999_999))
def test_the_next_attempt_is_a_whole_second_that_status_can_store(fraction: int) -> None:
    now = NOW.replace(microsecond=fraction)
    due = next_attempt(now=now, attempts=1, terminal=False, retry_after=None, expires=None)
    assert due.microsecond == 0
    assert due >= now + schedule.FIRST_RETRY
