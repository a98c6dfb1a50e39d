"""After a run: how a failure is counted, and when the object runs next. It always does, or its event has a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.objects.specs.github_token import Failures
from githubtoken_operator.domain.observed.observation import Observation, Renewal
from githubtoken_operator.domain.observed.own import NOTHING
from githubtoken_operator.domain.observed.personal import OfPersonal
from githubtoken_operator.domain.observed.standing import BackingOff, Paused, Queued, Standing
from githubtoken_operator.domain.observed.user import OfUser
from githubtoken_operator.domain.runs.decide import RECHECK_DENIED
from githubtoken_operator.domain.runs.due import causes, schedule
from githubtoken_operator.domain.runs.due.followup import (
    AWAITED,
    RENEWED_AGAIN,
    RETRY_API,
    RETRY_CONFLICT,
    Event,
    Later,
    OnEvent,
    count_failure,
    next_run,
)
from githubtoken_operator.domain.runs.due.outcomes import (
    Gone,
    Lagging,
    Moved,
    NamespaceGoes,
    NotItsTurn,
    Outcome,
    Refused,
    Revoking,
    Settled,
    Unreachable,
)
from githubtoken_operator.domain.runs.status import Granted, Result
from githubtoken_operator.domain.user.device_flow import Ended
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    SHORT_OF_LEASE,
    LeaseShort,
    RateLimited,
    Terminal,
    TokenError,
    Transient,
)
from tests.unit.builders import NOW, githubtoken, issued, observation, user_githubtoken

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
UNAVAILABLE = Transient(reasons.GITHUB_UNAVAILABLE, "GitHub does not answer")
SHORT = LeaseShort("the Lease was not renewed")
ENDING = Transient(reasons.PENDING, "the operator is ending")
SUSPENDED = Terminal(reasons.INSTALLATION_SUSPENDED, "an owner must unsuspend the App")
LIMITED = RateLimited(reasons.RATE_LIMITED, "GitHub limits the App", retry_after=60)
MISSING = Terminal(reasons.CREDENTIAL_MISSING, "there is no refresh token")
WRONG = Terminal(reasons.WRONG_ACCOUNT, "bob signed in")
DENIED = Terminal(reasons.MISSING_PERMISSION, "the API server refuses a read")
ELSEWHERE = Terminal(reasons.APP_NOT_FOUND, "there is no App")
PAUSED = Paused()


def result(
    *,
    error: Standing | None = None,
    held: bool = True,
    failures: Failures | None = None,
) -> Result:
    return Result(issued() if held else None, Granted(), error, failures or Failures())


def settled(
    ended: Result,
    seen: Observation | None = None,
    *,
    due: datetime | None = NOW + HOUR / 2,
    recheck: timedelta | None = None,
    consumers: timedelta | None = None,
) -> Settled:
    return Settled(seen or observation(user_githubtoken(), due=due), ended, NOW, recheck, consumers)


def wait(outcome: Outcome) -> timedelta:
    following = next_run(outcome)
    assert isinstance(following, Later)
    return following.wait


# --- Failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        pytest.param(UNAVAILABLE, 5 * SECOND, id="what time heals, soon"),
        pytest.param(SUSPENDED, MINUTE, id="what a human must mend, later"),
        pytest.param(LIMITED, 60 * SECOND, id="a limit, when GitHub says"),
    ],
)
def test_a_first_failure_is_counted_and_tried_again(error: TokenError, wait: timedelta) -> None:
    inputs = "" if error is LIMITED else "what it was made with"
    assert count_failure(observation(), error, "what it was made with") == Failures(1, NOW, NOW + wait, inputs)


def test_a_further_failure_counts_on() -> None:
    seen = observation(failures=Failures(3, NOW - HOUR, NOW))
    assert count_failure(seen, UNAVAILABLE, "") == Failures(4, NOW, NOW + 40 * SECOND)


# --- One outcome after the other -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(Moved(), Later(RETRY_CONFLICT, causes.CONFLICT), id="somebody else wrote"),
        pytest.param(Unreachable(), Later(RETRY_API, causes.API_SERVER), id="the API server is away"),
        pytest.param(Unreachable(1), Later(RETRY_API, causes.API_SERVER), id="it refuses once"),
        pytest.param(Unreachable(3), Later(4 * RETRY_API, causes.API_SERVER), id="it refuses again"),
        pytest.param(Unreachable(10**6), Later(RECHECK_DENIED, causes.API_SERVER), id="it goes on refusing"),
        pytest.param(Refused(), Later(RECHECK_DENIED, causes.RETRY), id="the rights are gone"),
        pytest.param(NotItsTurn(7 * SECOND), Later(7 * SECOND, causes.TURN), id="the App has to wait"),
        pytest.param(Lagging(SECOND), Later(SECOND, causes.PROBE), id="replicas lag"),
        pytest.param(Revoking(2 * SECOND, 5 * MINUTE), Later(2 * SECOND, causes.END, 5 * MINUTE), id="not revoked yet"),
        pytest.param(NamespaceGoes(), OnEvent(Event.DELETED), id="the namespace goes"),
        pytest.param(Gone(), OnEvent(Event.MADE), id="the object is gone"),
        pytest.param(settled(result()), Later(HOUR / 2, causes.RENEWAL, HOUR), id="renewal"),
        pytest.param(
            settled(result(), due=NOW - SECOND),
            Later(RENEWED_AGAIN, causes.RENEWAL, HOUR),
            id="due as soon as it comes",
        ),
        pytest.param(settled(result(), due=None), Later(HOUR, causes.LOOK, HOUR), id="no renewal: the expiry"),
        pytest.param(
            settled(result(error=UNAVAILABLE, failures=Failures(1, NOW, NOW + SECOND))),
            Later(SECOND, causes.RETRY, HOUR),
            id="the next attempt",
        ),
        pytest.param(
            settled(result(error=LIMITED, held=False)), Later(MINUTE, causes.LOOK, MINUTE), id="the end of a limit"
        ),
        pytest.param(
            settled(result(error=ELSEWHERE, held=False)), OnEvent(Event.APP_CHANGED), id="what a watch will tell"
        ),
        pytest.param(
            settled(result(error=PAUSED, held=False)), OnEvent(Event.CHANGED), id="suspended, and without a token"
        ),
        pytest.param(
            settled(result(error=ELSEWHERE), due=NOW - SECOND), Later(HOUR, causes.LOOK, HOUR), id="a due time passed"
        ),
        pytest.param(
            settled(result(), consumers=3 * SECOND), Later(3 * SECOND, causes.CONSUMERS, HOUR), id="untold consumers"
        ),
    ],
)
def test_each_way_to_end_has_its_next_run(outcome: Outcome, expected: Later | OnEvent) -> None:
    assert next_run(outcome) == expected


@pytest.mark.parametrize("held", [True, False], ids=["a renewal", "a first token"])
def test_short_of_lease_is_tried_again_within_a_second(*, held: bool) -> None:
    assert wait(settled(result(error=SHORT, held=held))) == SHORT_OF_LEASE * SECOND <= SECOND


@pytest.mark.parametrize("error", [MISSING, WRONG], ids=["missing", "of another account"])
def test_a_seed_that_may_come_without_our_label_is_looked_for(error: TokenError) -> None:
    assert wait(settled(result(error=error, held=False))) == schedule.RECHECK_MISSING
    # Where there is no seed, what was changed is ours, and labelled.
    without = githubtoken(user={"deviceFlow": {}})
    assert next_run(settled(result(error=error, held=False), observation(without))) == OnEvent(Event.CREDENTIAL_CHANGED)


def test_an_app_that_may_not_be_read_is_looked_at_again() -> None:
    """An API server that was restarted refuses everything for a moment, and no event says that it does so no more."""
    seen = observation(trouble=DENIED)
    assert wait(settled(result(error=DENIED, held=False), seen)) == RECHECK_DENIED


def test_a_second_look_that_was_asked_for_comes_first() -> None:
    assert wait(settled(result(error=ELSEWHERE), recheck=15 * SECOND)) == 15 * SECOND


def test_what_names_no_event_is_looked_at_after_the_longest_pause() -> None:
    unheard = Terminal("SomethingNew", "a reason that nobody has thought of")
    assert wait(settled(result(error=unheard, held=False))) == schedule.LAST_RETRY_TERMINAL


# --- Whatever happens ------------------------------------------------------------------------------------------------

seconds = st.integers(1, 7200).map(lambda number: number * SECOND)
around = st.integers(-7200, 7200).map(lambda number: NOW + number * SECOND)
all_reasons = sorted(value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str))
transients = st.one_of(
    st.sampled_from([SHORT, ENDING]),
    st.builds(
        lambda kind, reason, stated: kind(reason, "for a while", retry_after=stated),
        st.sampled_from([Transient, RateLimited]),
        st.sampled_from(all_reasons),
        st.none() | st.floats(0, 7200),
    ),
)
terminals = st.one_of(
    st.builds(lambda reason: Terminal(reason, "a human must act"), st.sampled_from(all_reasons)),
    st.builds(lambda until: Ended(WRONG, until), around),
    st.just(PAUSED),
    st.just(BackingOff()),
    st.just(Queued(7)),
)
observations = st.builds(
    lambda token, own, denied: observation(token, own=own, trouble=DENIED if denied else None),
    st.sampled_from([githubtoken(), user_githubtoken(), githubtoken(user={"deviceFlow": {}})]),
    st.sampled_from([NOTHING, OfUser(revoked=True), OfPersonal(refused=True)]),
    st.booleans(),
)


@st.composite
def settlements(draw: st.DrawFn, errors: st.SearchStrategy[Standing | None]) -> Settled:
    """A run that came to its end, with a token that lives for a while, has died, or never does, or with none."""
    error = draw(errors)
    token = draw(st.none() | st.just(issued()))
    if token is not None:
        token = replace(token, access=replace(token.access, expires_at=draw(st.none() | around)))
    renewal = draw(st.none() | st.builds(Renewal, around))
    seen = replace(draw(observations), now=NOW + draw(st.integers(0, 40_000)) * SECOND, issued=token, renewal=renewal)
    failures = draw(st.just(Failures()) | st.builds(lambda at: Failures(1, NOW, at), st.none() | around))
    ended = Result(token, Granted(), error, failures)
    return Settled(seen, ended, NOW, draw(st.none() | seconds), draw(st.none() | seconds))


errors = st.one_of(st.none(), transients, terminals)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    settlements(errors),
    st.builds(Moved),
    st.builds(Unreachable, refusals=st.integers(0, 10**9)),
    st.builds(Refused),
    st.builds(NotItsTurn, seconds),
    st.builds(Lagging, seconds),
    st.builds(Revoking, seconds, seconds),
    st.builds(NamespaceGoes),
    st.builds(Gone),
)


def test_the_properties_are_of_all_outcomes() -> None:
    assert set(get_args(Outcome)) == {
        Settled,
        Moved,
        Unreachable,
        Refused,
        NotItsTurn,
        Lagging,
        Revoking,
        NamespaceGoes,
        Gone,
    }


@given(outcomes)
def test_the_next_run_is_never_now_or_in_the_past(outcome: Outcome) -> None:
    """A run that asked to be run at once would spin."""
    following = next_run(outcome)
    assert isinstance(following, OnEvent) or following.wait > timedelta(0)


@given(outcomes)
def test_never_is_only_where_an_event_with_a_name_must_come(outcome: Outcome) -> None:
    following = next_run(outcome)
    if isinstance(following, OnEvent) and isinstance(outcome, Settled):
        error = outcome.result.standing
        assert error is None or AWAITED[error.reason] == following.event
        assert not isinstance(error, Transient)


@given(settlements(transients))
def test_what_fails_for_a_while_is_looked_at_again_within_the_longest_pause(ended: Settled) -> None:
    error = ended.result.standing
    assert isinstance(error, Transient)
    longest = max(schedule.LAST_RETRY, timedelta(seconds=error.retry_after or 0))
    assert wait(ended) <= longest


@given(settlements(errors))
def test_a_token_that_is_held_is_looked_at_when_it_expires_at_the_latest(ended: Settled) -> None:
    access = ended.result.issued.access if ended.result.issued else None
    if access is not None and access.expires_at is not None and access.expires_at > ended.seen.now:
        assert wait(ended) <= access.expires_at - ended.seen.now


@given(st.integers(1, 20), st.integers(3, 3600).map(lambda number: number * SECOND))
def test_attempts_get_denser_as_expiry_nears(attempts: int, left: timedelta) -> None:
    """From the failure that is counted to the run that follows."""
    token = issued()
    assert token.access.expires_at is not None
    now = token.access.expires_at - left
    seen = observation(issued=token, now=now, failures=Failures(attempts, NOW, now))
    ended = Result(token, Granted(), UNAVAILABLE, count_failure(seen, UNAVAILABLE, ""))
    assert wait(Settled(seen, ended, NOW)) <= max(left / 3, schedule.SHORTEST_RETRY) + SECOND
