"""After a run: how a failure is counted, and when the object is run next."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain import causes, reasons
from githubtoken_operator.domain.decide import RECHECK_DENIED
from githubtoken_operator.domain.errors import RateLimited, Terminal, TokenError, Transient
from githubtoken_operator.domain.followup import cause, count_failure, next_run
from githubtoken_operator.domain.resources import Failures
from githubtoken_operator.domain.status import Granted, Result
from tests.unit.builders import NOW, issued, observation, user_githubtoken

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
UNAVAILABLE = Transient(reasons.GITHUB_UNAVAILABLE, "GitHub does not answer")
SUSPENDED = Terminal(reasons.INSTALLATION_SUSPENDED, "an owner must unsuspend the App")
LIMITED = RateLimited(reasons.RATE_LIMITED, "GitHub limits the App", retry_after=60)
MISSING = Terminal(reasons.CREDENTIAL_MISSING, "there is no refresh token")
DENIED = Terminal(reasons.MISSING_PERMISSION, "the API server refuses a read")
ELSEWHERE = Terminal(reasons.APP_NOT_FOUND, "there is no App")


def result(
    *,
    error: TokenError | None = None,
    held: bool = True,
    due: datetime | None = NOW + HOUR / 2,
    failures: Failures | None = None,
) -> Result:
    return Result(issued() if held else None, Granted(), due, error, failures or Failures())


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        pytest.param(UNAVAILABLE, 5 * SECOND, id="what time heals, soon"),
        pytest.param(SUSPENDED, timedelta(minutes=1), id="what a human must mend, later"),
        pytest.param(LIMITED, 60 * SECOND, id="a limit, when GitHub says"),
    ],
)
def test_a_first_failure_is_counted_and_tried_again(error: TokenError, wait: timedelta) -> None:
    assert count_failure(observation(), error) == Failures(1, NOW, NOW + wait)


def test_a_further_failure_counts_on() -> None:
    seen = observation(failures=Failures(3, NOW - HOUR, NOW))
    assert count_failure(seen, UNAVAILABLE) == Failures(4, NOW, NOW + 40 * SECOND)


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        pytest.param(result(), NOW + HOUR / 2, id="renewal"),
        pytest.param(result(due=NOW - SECOND), NOW + 10 * SECOND, id="a token that is due as soon as it is there"),
        pytest.param(result(due=None), issued().access.expires_at, id="no renewal is due: the expiry"),
        pytest.param(
            result(error=UNAVAILABLE, failures=Failures(1, NOW, NOW + SECOND)), NOW + SECOND, id="the next attempt"
        ),
        pytest.param(result(error=LIMITED, held=False), NOW + 60 * SECOND, id="the end of a limit"),
        pytest.param(result(error=MISSING, held=False), NOW + 10 * SECOND, id="a Secret that may come unlabelled"),
        pytest.param(result(error=ELSEWHERE, held=False), None, id="what a watch will tell"),
        pytest.param(result(held=False, due=None), None, id="nothing is known"),
        pytest.param(
            result(error=ELSEWHERE, due=NOW - SECOND), issued().access.expires_at, id="a due time that has passed"
        ),
    ],
)
def test_the_next_run_is_at_the_earliest_of_what_lies_ahead(ended: Result, expected: datetime | None) -> None:
    assert next_run(observation(user_githubtoken()), ended) == expected


def test_an_app_that_may_not_be_read_is_looked_at_again() -> None:
    """An API server that was restarted refuses everything for a moment, and no event says that it does so no more."""
    seen = observation(trouble=DENIED)
    assert next_run(seen, result(error=DENIED, held=False)) == NOW + RECHECK_DENIED


def test_a_second_look_that_was_asked_for_comes_first() -> None:
    assert next_run(observation(), result(error=ELSEWHERE), 15 * SECOND) == NOW + 15 * SECOND


@given(
    error=st.sampled_from([None, UNAVAILABLE, SUSPENDED, LIMITED, MISSING, ELSEWHERE]),
    held=st.booleans(),
    due=st.none() | st.integers(-7200, 7200).map(lambda seconds: NOW + seconds * SECOND),
    again=st.none() | st.integers(-600, 600).map(lambda seconds: NOW + seconds * SECOND),
)
def test_the_next_run_is_never_now_or_in_the_past(
    error: TokenError | None, *, held: bool, due: datetime | None, again: datetime | None
) -> None:
    """A run that asked to be run at once would spin."""
    found = next_run(observation(), result(error=error, held=held, due=due, failures=Failures(1, NOW, again)))
    assert found is None or found > NOW


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        pytest.param(result(), causes.RENEWAL, id="renewal"),
        pytest.param(result(due=NOW - SECOND), causes.RENEWAL, id="a token that is due as soon as it is there"),
        pytest.param(result(due=NOW + 2 * HOUR), causes.LOOK, id="the end of a token that is not renewed before"),
        pytest.param(
            result(error=UNAVAILABLE, failures=Failures(1, NOW, NOW + SECOND)), causes.RETRY, id="the next attempt"
        ),
        pytest.param(result(error=MISSING, held=False), causes.LOOK, id="a Secret that may come"),
    ],
)
def test_what_the_next_run_is_for_is_told(ended: Result, expected: str) -> None:
    seen = observation(user_githubtoken(user={"seedSecretRef": {"name": "seed", "key": "t"}}))
    assert cause(seen, ended, next_run(seen, ended)) == expected
