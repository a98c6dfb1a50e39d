"""What follows a run: how a failed attempt is counted, and when the object runs next.

`next_run` is total: from every way in which a run can end to `Later`, or to `OnEvent`, which names what must come.
There is no third: what time heals is always looked at again, and who waits for an event waits for one that a watch
brings. What is known to be neither is looked at again after the longest pause.

Of all that speaks for another run, the earliest counts (`_TIMES`). Times are GitHub's, as `seen.now`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from githubtoken_operator.domain.objects.specs.github_token import Failures
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.observed.standing import Queued, Standing
from githubtoken_operator.domain.runs.decide import RECHECK_DENIED
from githubtoken_operator.domain.runs.due import causes, schedule, urgency
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
from githubtoken_operator.domain.user.device_flow import Awaiting, Ended, Resting
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, TokenError, Transient

RETRY_CONFLICT: Final = timedelta(milliseconds=200)
RETRY_API: Final = timedelta(seconds=2)
"""While the API server is away nothing can be recorded, so the object simply comes back."""
_MOST_DOUBLINGS: Final = 8
RECHECKED: Final = frozenset(
    {reasons.CREDENTIAL_MISSING, reasons.REAUTHORIZATION_REQUIRED, reasons.WRONG_ACCOUNT, reasons.EXPIRED}
)
"""Reasons whose cure is a Secret that may come without our label."""
SOONEST_POLL: Final = 0.1
"""Seconds at least until a poll whose App has to wait."""
RENEWED_AGAIN: Final = timedelta(seconds=10)
"""A token that is due as soon as it is there (`renewBefore` is hardly less than its life) is replaced after this."""


# --- What follows ----------------------------------------------------------------------------------------------------


class Event(Enum):
    """What an object without a time waits for; a watch brings each of them."""

    MADE = "an object of its name is made"
    DELETED = "it is deleted with its namespace"
    CHANGED = "it is changed, or asks for a refresh, a code or the like by an annotation"
    APP_CHANGED = "its App is made or changed, or a Secret of the App's, which its own run looks at"
    CREDENTIAL_CHANGED = "it is changed, or its credential Secret is, which has our label"


@dataclass(frozen=True, slots=True)
class Later:
    """It runs after so long at the latest, whatever comes. `urgent`: how long what its consumers have is good for.

    None: as long as was known before.
    """

    wait: timedelta
    cause: str
    urgent: timedelta | None = None


@dataclass(frozen=True, slots=True)
class OnEvent:
    """It runs when this comes, and not before."""

    event: Event


AWAITED: Final[Mapping[str, Event]] = {
    reasons.INVALID_SPEC: Event.CHANGED,
    reasons.SUSPENDED: Event.CHANGED,
    reasons.APP_NOT_FOUND: Event.APP_CHANGED,
    reasons.APP_NOT_READY: Event.APP_CHANGED,
    reasons.APP_NOT_ALLOWED: Event.APP_CHANGED,
    reasons.PRIVATE_KEY_MISSING: Event.APP_CHANGED,
    reasons.PRIVATE_KEY_INVALID: Event.APP_CHANGED,
    reasons.CLIENT_SECRET_MISSING: Event.APP_CHANGED,
    reasons.POLICY_DENIED: Event.APP_CHANGED,
    reasons.HOST_NOT_ALLOWED: Event.APP_CHANGED,
    reasons.CREDENTIAL_MISSING: Event.CREDENTIAL_CHANGED,
    reasons.REAUTHORIZATION_REQUIRED: Event.CREDENTIAL_CHANGED,
    reasons.WRONG_ACCOUNT: Event.CREDENTIAL_CHANGED,
}
"""What ends a trouble of that reason, for which there is no time."""


def next_run(outcome: Outcome) -> Later | OnEvent:
    """When the object runs next, counted from the end of the run; of `Settled` from `seen.now`."""
    match outcome:
        case Moved():
            return Later(RETRY_CONFLICT, causes.CONFLICT)
        case Unreachable(refusals):
            doubled = min(max(refusals - 1, 0), _MOST_DOUBLINGS)
            return Later(min(RETRY_API * 2**doubled, RECHECK_DENIED), causes.API_SERVER)
        case Refused():
            return Later(RECHECK_DENIED, causes.RETRY)
        case NotItsTurn(wait):
            return Later(wait, causes.TURN)
        case Lagging(wait):
            return Later(wait, causes.PROBE)
        case Revoking(wait, left):
            return Later(wait, causes.END, left)
        case NamespaceGoes():
            return OnEvent(Event.DELETED)
        case Gone():
            return OnEvent(Event.MADE)
        case Settled():
            return _after(outcome)


def count_failure(seen: Observation, error: TokenError, inputs: str) -> Failures:
    """The failures so far with this one, which was made with these `inputs`, and when to try again.

    A limit of GitHub's is mended by time alone, whatever of them changes.
    """
    attempts = seen.failures.attempts + 1
    again = schedule.next_attempt(
        now=seen.now,
        attempts=attempts,
        terminal=isinstance(error, Terminal),
        retry_after=stated_wait(error),
        expires=seen.issued.access.expires_at if seen.issued else None,
    )
    return Failures(attempts, seen.now, again, "" if isinstance(error, RateLimited) else inputs)


def still_counted(seen: Observation, standing: Standing | None) -> Failures:
    """What counts of the failures so far where it stands so. Once a human is shown a code, none of those before it."""
    return Failures() if standing is None or isinstance(standing, Awaiting) else seen.failures


def stated_wait(error: TokenError | None) -> float | None:
    """Seconds that GitHub, or a rule of ours, asked for."""
    return error.retry_after if isinstance(error, Transient) else None


def _after(ended: Settled) -> Later | OnEvent:
    now, standing = ended.seen.now, ended.result.standing
    urgent = urgency.deadline(replace(ended.seen, issued=ended.result.issued or ended.seen.issued)) - now
    ahead = [(time - now, cause) for rule in _TIMES for time, cause in rule(ended) if time > now]
    if ahead:
        wait, cause = min(ahead)
        return Later(wait, cause, urgent)
    if standing is None:
        # A token without an end, which nothing but a wish replaces.
        return OnEvent(Event.CHANGED)
    if standing.reason in AWAITED:
        return OnEvent(AWAITED[standing.reason])
    return Later(schedule.LAST_RETRY_TERMINAL, causes.LOOK, urgent)


# --- What speaks for another run -------------------------------------------------------------------------------------

_Times = Iterator[tuple[datetime, str]]


def _renewal(ended: Settled) -> _Times:
    due, now = ended.seen.due, ended.seen.now
    if ended.result.standing is None and due is not None:
        yield (due if due > now else now + RENEWED_AGAIN), causes.RENEWAL


def _next_attempt(ended: Settled) -> _Times:
    if (again := ended.result.failures.next) is not None:
        yield again, causes.RETRY


def _end_of_the_token(ended: Settled) -> _Times:
    """Status says that it has expired, or is about to."""
    access, seen = ended.result.issued.access if ended.result.issued else None, ended.seen
    for time in (access.expires_at, seen.own.warn_from(seen.token, access)) if access else ():
        if time is not None:
            yield time, causes.LOOK


def _time_heals(ended: Settled) -> _Times:
    """What was said of the wait; else the next attempt, if there is one, but not later than the longest pause."""
    standing, now, again = ended.result.standing, ended.seen.now, ended.result.failures.next
    match standing:
        case Resting() | Ended():
            yield standing.until, causes.LOOK
        case Awaiting():
            yield now + timedelta(seconds=max(standing.poll_in, SOONEST_POLL)), causes.LOOK
        case Queued():
            yield now + schedule.FIRST_RETRY, causes.LOOK
        case Transient():
            planned = again is not None and again > now
            stated = timedelta(seconds=standing.retry_after) if standing.retry_after else None
            yield now + (stated or (schedule.LAST_RETRY if planned else schedule.FIRST_RETRY)), causes.LOOK


def _second_look(ended: Settled) -> _Times:
    """At what no watch tells of."""
    seen, standing = ended.seen, ended.result.standing
    if ended.recheck is not None:
        yield seen.now + ended.recheck, causes.LOOK
    elif standing is None:
        return
    elif seen.own.refused or (standing.reason in RECHECKED and seen.token.source.given is not None):
        yield seen.now + schedule.RECHECK_MISSING, causes.LOOK
    elif standing is seen.trouble and standing.reason == reasons.MISSING_PERMISSION:
        # An API server that has just started refuses everything until it has read the roles.
        yield seen.now + RECHECK_DENIED, causes.LOOK


def _untold_consumers(ended: Settled) -> _Times:
    if ended.consumers is not None:
        yield ended.seen.now + ended.consumers, causes.CONSUMERS


_TIMES: Final[Sequence[Callable[[Settled], _Times]]] = (
    _renewal,
    _next_attempt,
    _end_of_the_token,
    _time_heals,
    _second_look,
    _untold_consumers,
)
