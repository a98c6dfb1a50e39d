"""Decisions: lists of rules, the first hit wins; a valid token is kept and published whatever stands in the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.specs.github_token import REFRESH_REQUESTED_AT, Failures, GitHubToken
from githubtoken_operator.domain.observed.observation import Observation, Renewal
from githubtoken_operator.domain.observed.own import NOTHING, Mark, TakeSeed
from githubtoken_operator.domain.observed.personal import OfPersonal
from githubtoken_operator.domain.observed.standing import BackingOff, Paused
from githubtoken_operator.domain.observed.user import OfUser
from githubtoken_operator.domain.runs.decide import (
    RECHECK_CONFLICT,
    RECHECK_DENIED,
    Halt,
    Obtain,
    Publish,
    Wait,
    decide,
    obtain_cause,
    secret_to_write,
)
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, Transient
from githubtoken_operator.domain.vocabulary.model import Token
from tests.unit.builders import (
    NOW,
    access_token,
    githubtoken,
    issued,
    observation,
    published,
    seen,
    settled,
    user_githubtoken,
)

HOUR = timedelta(hours=1)
TROUBLE = Terminal(reasons.APP_NOT_FOUND, "there is no App")
LIMIT = RateLimited(reasons.RATE_LIMITED, "GitHub limits the App", retry_after=60)
FAILED = Transient(reasons.GITHUB_UNAVAILABLE, "GitHub does not answer")
DENIED = Terminal(reasons.MISSING_PERMISSION, "may not read")
WAITING = Failures(attempts=2, last=NOW, next=NOW + timedelta(seconds=10))
SEED = Token("ghr_seed")
OTHER = Token("ghp_other")

SUSPENDED = seen(githubtoken(suspend=True))
ASKED = seen(githubtoken(annotations={REFRESH_REQUESTED_AT: "1"}))
INVALID = seen(githubtoken(secret={"data": {"x": "${nonsense}"}}))


def test_nothing_is_done_for_a_token_that_is_fresh_and_published() -> None:
    assert decide(settled()) == Wait()


def test_a_credential_is_marked_before_anything_else() -> None:
    assert decide(settled(seen(user_githubtoken(suspend=True)), own=OfUser(unmarked=True))) == Mark()
    assert decide(observation(user_githubtoken(), own=OfUser(unmarked=True, newer_seed=SEED))) == Mark()


# --- What ends the matter at once ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen_", "reason", "recheck"),
    [
        pytest.param(observation(INVALID), reasons.INVALID_SPEC, None, id="a text that cannot be filled"),
        pytest.param(observation(denied=DENIED), reasons.MISSING_PERMISSION, RECHECK_DENIED, id="a read is denied"),
        pytest.param(
            observation(conflict="is another's"), reasons.SECRET_CONFLICT, RECHECK_CONFLICT, id="another's Secret"
        ),
        pytest.param(
            observation(INVALID, denied=DENIED, conflict="x"), reasons.INVALID_SPEC, None, id="the spec comes first"
        ),
        pytest.param(
            observation(denied=DENIED, conflict="x"), reasons.MISSING_PERMISSION, RECHECK_DENIED, id="then the reads"
        ),
        pytest.param(
            observation(conflict="x", own=OfUser(newer_seed=SEED)),
            reasons.SECRET_CONFLICT,
            RECHECK_CONFLICT,
            id="before any seed",
        ),
        pytest.param(settled(INVALID, due=NOW), reasons.INVALID_SPEC, None, id="also with a token"),
    ],
)
def test_what_ends_the_matter(seen_: Observation, reason: str, recheck: timedelta | None) -> None:
    decision = decide(seen_)
    assert isinstance(decision, Halt)
    assert (decision.error.reason, decision.recheck) == (reason, recheck)


# --- Why a new token is wanted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen_", "cause"),
    [
        pytest.param(observation(), "no token is stored", id="none"),
        pytest.param(settled(user_githubtoken(), own=OfUser(seeded=True)), "a human signed in", id="seeded"),
        pytest.param(settled(own=OfPersonal(candidate=OTHER)), "a human made another token", id="another of a human's"),
        pytest.param(settled(own=OfPersonal(refused=True)), "GitHub refused it", id="refused"),
        pytest.param(settled(own=OfPersonal(), due=NOW), "a check is due", id="of a personal token"),
        pytest.param(observation(own=OfUser(seeded=True)), "no token is stored", id="whatever the kind says"),
        pytest.param(
            settled(own=OfPersonal(refused=True), spec_hash="v1:other"), "GitHub refused it", id="its kind goes first"
        ),
        pytest.param(settled(spec_hash="v1:other"), "the spec asks for another token", id="another spec"),
        pytest.param(settled(ASKED), "a refresh was requested", id="requested"),
        pytest.param(settled(due=NOW), "renewal is due", id="due at this very moment"),
        pytest.param(settled(due=NOW - HOUR), "renewal is due", id="overdue"),
        pytest.param(settled(due=NOW + timedelta(seconds=1)), None, id="due in a second"),
        pytest.param(settled(due=None), None, id="never due, since it does not expire"),
        pytest.param(settled(spec_hash=None), None, id="the App cannot be read, so nothing is known of the spec"),
        pytest.param(settled(secret=None), None, id="its Secret was deleted"),
        pytest.param(settled(ASKED, due=NOW, spec_hash="v1:other"), "the spec asks for another token", id="first wins"),
    ],
)
def test_why_a_new_token_is_wanted(seen_: Observation, cause: str | None) -> None:
    assert obtain_cause(seen_) == cause
    if cause is not None:
        assert decide(seen_) == Obtain(cause)


def test_a_seed_is_taken_up_before_anything_is_obtained() -> None:
    assert decide(observation(user_githubtoken(), own=OfUser(newer_seed=SEED))) == TakeSeed(SEED)


def test_a_suspended_token_takes_no_seed() -> None:
    decision = decide(observation(seen(user_githubtoken(suspend=True)), own=OfUser(newer_seed=SEED)))
    assert isinstance(decision, Wait)
    assert isinstance(decision.hindrance, Paused)


# --- What stands in the way ------------------------------------------------------------------------------------------


def hindrance_of(seen_: Observation) -> Any:  # noqa: ANN401 - a TokenError or None
    decision = decide(seen_)
    assert isinstance(decision, Wait | Publish), decision
    return decision.hindrance


@pytest.mark.parametrize(
    ("changes", "hindrance"),
    [
        pytest.param({"trouble": TROUBLE, "limit": LIMIT}, TROUBLE, id="trouble before a limit"),
        pytest.param({"limit": LIMIT, "failures": WAITING, "last_error": FAILED}, LIMIT, id="a limit before back-off"),
        pytest.param({"failures": WAITING, "last_error": FAILED}, FAILED, id="the last error while backing off"),
        pytest.param({"trouble": TROUBLE, "retry_now": True}, TROUBLE, id="a retry does not cure trouble"),
        pytest.param({"limit": LIMIT, "retry_now": True}, LIMIT, id="a retry never undercuts a limit"),
    ],
)
def test_what_stands_in_the_way(changes: dict[str, Any], hindrance: Exception) -> None:
    assert hindrance_of(observation(seen(githubtoken()), **changes)) is hindrance


def test_suspension_comes_before_everything_else() -> None:
    found = hindrance_of(observation(SUSPENDED, trouble=TROUBLE, limit=LIMIT, failures=WAITING, last_error=FAILED))
    assert isinstance(found, Paused)
    assert found.reason == reasons.SUSPENDED


def test_after_a_restart_the_wait_goes_on_although_its_cause_is_not_known() -> None:
    assert isinstance(hindrance_of(observation(seen(githubtoken()), failures=WAITING)), BackingOff)


@pytest.mark.parametrize(
    "seen_",
    [
        pytest.param(
            observation(seen(githubtoken()), failures=replace(WAITING, next=NOW), last_error=FAILED), id="it is time"
        ),
        pytest.param(
            observation(seen(githubtoken()), failures=WAITING, last_error=FAILED, retry_now=True), id="a mended input"
        ),
        pytest.param(observation(githubtoken(), failures=WAITING, last_error=FAILED), id="a new spec"),
    ],
)
def test_our_own_back_off_is_skipped(seen_: Observation) -> None:
    assert isinstance(decide(seen_), Obtain)


def test_trouble_is_told_also_while_nothing_is_wanted() -> None:
    assert decide(settled(trouble=TROUBLE)) == Wait(TROUBLE)


def test_of_a_suspended_token_no_trouble_is_told() -> None:
    assert decide(settled(seen(githubtoken(suspend=True)), trouble=TROUBLE)) == Wait(Paused())


def test_back_off_is_not_told_while_nothing_is_wanted() -> None:
    assert decide(settled(failures=WAITING, last_error=FAILED)) == Wait()


# --- Publishing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen_", "publish"),
    [
        pytest.param(settled(), False, id="as it should be"),
        pytest.param(settled(secret=None), True, id="deleted"),
        pytest.param(replace(settled(), token=githubtoken(generation=2)), True, id="a new spec"),
        pytest.param(observation(), False, id="no token"),
        pytest.param(settled(secret=None, now=NOW + HOUR), False, id="expired"),
        pytest.param(settled(secret=None, now=NOW + HOUR - timedelta(seconds=1)), True, id="a second before expiry"),
    ],
)
def test_when_the_secret_is_written(seen_: Observation, *, publish: bool) -> None:
    assert (secret_to_write(seen_) is not None) is publish


def test_an_edited_secret_is_restored() -> None:
    edited = published(githubtoken(), issued())
    edited["data"].pop("token")
    assert decide(settled(secret=edited)) == Publish()


# --- Invariants ------------------------------------------------------------------------------------------------------

TOKENS: list[GitHubToken] = [
    githubtoken(),
    seen(githubtoken()),
    user_githubtoken(),
    seen(user_githubtoken()),
    SUSPENDED,
    ASKED,
    INVALID,
]


owns = st.one_of(
    st.just(NOTHING),
    st.builds(OfUser, seeded=st.booleans(), newer_seed=st.sampled_from([None, SEED]), revoked=st.booleans()),
    st.builds(OfPersonal, candidate=st.sampled_from([None, OTHER]), refused=st.booleans()),
)


@st.composite
def observations(draw: st.DrawFn, *, stop: bool = True) -> Observation:
    token = draw(st.sampled_from(TOKENS if stop else [each for each in TOKENS if each.invalid is None]))
    life = draw(st.none() | st.just(HOUR))
    held = draw(st.none() | st.just(issued(token, access=access_token(life=life))))
    moment = NOW + timedelta(minutes=draw(st.sampled_from([0, 30, 50, 60, 90])))
    written = published(token, held) if held is not None else None
    return observation(
        token,
        now=moment,
        issued=held,
        secret=draw(st.sampled_from([None, written])),
        due=NOW + timedelta(minutes=40) if held and life else None,
        conflict=draw(st.sampled_from([None, "is another's"])) if stop else None,
        denied=draw(st.sampled_from([None, DENIED])) if stop else None,
        trouble=draw(st.sampled_from([None, TROUBLE, FAILED])),
        limit=draw(st.sampled_from([None, LIMIT])),
        last_error=draw(st.sampled_from([None, FAILED])),
        failures=draw(st.sampled_from([Failures(), WAITING])),
        own=draw(owns),
        retry_now=draw(st.booleans()),
        spec_hash=draw(st.sampled_from([None, observation(token).spec_hash, "v1:other"])),
    )


@given(observations())
def test_there_is_one_decision_for_everything_that_can_be_seen(seen_: Observation) -> None:
    decision = decide(seen_)
    assert isinstance(decision, TakeSeed | Obtain | Publish | Halt | Wait)
    # Errors are equal only to themselves, so the decisions are compared by what they say.
    assert repr(decide(seen_)) == repr(decision)


@given(observations(stop=False))
def test_a_valid_token_is_published_whatever_stands_in_the_way_of_the_next(seen_: Observation) -> None:
    decision = decide(seen_)
    if seen_.valid and seen_.secret is None and not isinstance(decision, TakeSeed | Obtain):
        assert isinstance(decision, Publish)


@given(observations())
def test_nothing_is_obtained_against_a_limit_trouble_suspension_or_a_conflict(seen_: Observation) -> None:
    if isinstance(decide(seen_), Obtain):
        token = seen_.token
        in_the_way = (seen_.limit, seen_.trouble, seen_.conflict, seen_.denied, token.invalid)
        assert in_the_way == (None, None, None, None, None)
        assert not token.suspend


def after_success(seen_: Observation) -> Observation:
    """What is seen once the token that was wanted has come and is published."""
    token = replace(
        seen_.token,
        status={"observedGeneration": seen_.token.generation, "lastHandledRefreshAt": seen_.token.refresh_requested},
    )
    spec_hash = seen_.spec_hash or ""
    held = Issued(access_token(2, created=seen_.now), 2, spec_hash)
    return replace(
        seen_,
        token=token,
        issued=held,
        secret=published(token, held),
        renewal=Renewal(seen_.now + timedelta(minutes=39)),
        own=NOTHING,
        failures=Failures(),
        last_error=None,
        retry_now=False,
    )


@given(observations())
def test_after_a_success_there_is_nothing_to_do(seen_: Observation) -> None:
    if isinstance(decide(seen_), Obtain):
        assert decide(after_success(seen_)) == Wait()
