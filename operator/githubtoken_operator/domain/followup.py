"""What follows a run: how a failed attempt is counted, and when the object is run next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.domain import causes, personal_token, reasons, schedule
from githubtoken_operator.domain.decide import RECHECK_DENIED, RECHECK_MISSING, Observation
from githubtoken_operator.domain.device_flow import Ended, Resting
from githubtoken_operator.domain.errors import Terminal, TokenError, Transient
from githubtoken_operator.domain.resources import Failures, GitHubToken
from githubtoken_operator.domain.status import Result

RECHECKED: Final = frozenset({reasons.CREDENTIAL_MISSING, reasons.REAUTHORIZATION_REQUIRED, reasons.EXPIRED})
"""Reasons whose cure is a Secret that may come without our label."""
RENEWED_AGAIN: Final = timedelta(seconds=10)
"""A token that is due as soon as it is there (`renewBefore` is hardly less than its life) is replaced after this."""


def count_failure(seen: Observation, error: TokenError) -> Failures:
    """The failures so far with this one, and when to try again."""
    attempts = seen.failures.attempts + 1
    again = schedule.next_attempt(
        now=seen.now,
        attempts=attempts,
        terminal=isinstance(error, Terminal),
        retry_after=stated_wait(error),
        expires=seen.issued.access.expires_at if seen.issued else None,
    )
    return Failures(attempts, seen.now, again)


def next_run(seen: Observation, result: Result, recheck: timedelta | None = None) -> datetime | None:
    """The earliest of: renewal, next attempt, the end of a stated wait, a second look, the token's expiry and warning.

    In GitHub's time, as `seen.now`. None where only an event can change anything.
    """
    error = result.error
    access = result.issued.access if result.issued else None
    times = [result.failures.next]
    if access is not None:
        times += [access.expires_at, personal_token.warn_from(seen.token, access)]
    if error is None:
        passed = result.due is not None and result.due <= seen.now
        times.append(seen.now + RENEWED_AGAIN if passed else result.due)
    elif isinstance(error, Resting | Ended):
        times.append(error.until)
    if recheck is None and error is not None:
        recheck = _second_look(seen, error)
    waits = [recheck, timedelta(seconds=wait) if (wait := stated_wait(error)) is not None else None]
    times += [seen.now + wait for wait in waits if wait is not None]
    return min((time for time in times if time is not None and time > seen.now), default=None)


def cause(seen: Observation, result: Result, due: datetime | None) -> str:
    """What the run at `due` is for."""
    if due is not None and due == result.failures.next:
        return causes.RETRY
    renewal = result.error is None and result.due is not None and due in {result.due, seen.now + RENEWED_AGAIN}
    return causes.RENEWAL if renewal else causes.LOOK


def _second_look(seen: Observation, error: TokenError) -> timedelta | None:
    """When to look again at what no watch tells of."""
    if seen.refused or (error.reason in RECHECKED and _has_source(seen.token)):
        return RECHECK_MISSING
    if error is seen.trouble and error.reason == reasons.MISSING_PERMISSION:
        # An API server that has just started refuses everything until it has read the roles.
        return RECHECK_DENIED
    return None


def _has_source(token: GitHubToken) -> bool:
    """Whether it is a human's Secret that the token comes from."""
    return token.personal is not None or (token.user is not None and token.user.seed is not None)


def stated_wait(error: TokenError | None) -> float | None:
    """Seconds that GitHub, or a rule of ours, asked for."""
    return error.retry_after if isinstance(error, Transient) else None
