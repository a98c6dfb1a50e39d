"""What to do for one GitHubToken: lists of pure rules over one frozen observation; the first hit wins.

Two questions are asked apart, as in cert-manager's policies: *why* a new token is wanted (`OBTAIN`), and *what stands
in the way* of getting one now (`HINDRANCES`). A stored token that is still valid is kept, and its Secret is repaired,
whatever stands in the way of the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from githubtoken_operator.domain.consumer import consumer, ownership, spread
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.observed.own import Step
from githubtoken_operator.domain.observed.standing import BackingOff, Paused, Standing
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError
from githubtoken_operator.domain.vocabulary.times import is_ahead

RECHECK_CONFLICT: Final = timedelta(seconds=15)
"""Annotating somebody else's Secret makes no event for us, so it is looked at again."""
RECHECK_DENIED: Final = timedelta(minutes=1)
"""Granting the operator a right makes no event for it either."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Put our finalizer on the object, or take it off, as `deletionPolicy` now says."""

    held: bool


@dataclass(frozen=True, slots=True)
class Obtain:
    """Get a new token; `cause` says why, for the log."""

    cause: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Write the consumer's Secret from the token that is held; `hindrance` stands in the way of a newer one."""

    hindrance: Standing | None = None


@dataclass(frozen=True, slots=True)
class Halt:
    """Nothing can be done until something changes; look again after `recheck` where no watch will tell."""

    error: TokenError
    recheck: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done now; `hindrance` as in `Publish`."""

    hindrance: Standing | None = None


Decision = Hold | Step | Obtain | Publish | Halt | Wait


def decide(seen: Observation) -> Decision:
    """The one decision for this observation."""
    for stop in _STOPS:
        if halt := stop(seen):
            return halt
    held = seen.token.revoke and seen.unholdable is None
    if held != seen.token.held:
        # Before anything is obtained: what is not known to be held could not be revoked.
        return Hold(held)
    if seen.unholdable is not None:
        return Halt(seen.unholdable, RECHECK_DENIED)
    if (first := seen.own.first(suspended=seen.token.suspend)) is not None:
        return first
    ahead = seen.own.ahead(seen.now)
    if ahead is None or isinstance(ahead, Standing):
        return _decide_token(seen, ahead)
    blocked = _hindrance(seen, None)
    return _decide_token(seen, blocked) if blocked else ahead


def _decide_token(seen: Observation, ahead: Standing | None) -> Decision:
    """What to do about the token; `ahead` is how far that has come which comes before it, as a sign-in does."""
    # What is done about it says more than that it is needed.
    trouble = ahead if ahead is not None and seen.trouble is not None else seen.trouble
    cause = obtain_cause(seen)
    hindrance = _hindrance(seen, trouble) if cause or seen.token.suspend else trouble
    if cause and hindrance is None:
        return Obtain(cause)
    if seen.own.admission is not None and hindrance is None:
        # What has just come is looked at without delay, whatever failed before it came.
        hindrance = _hindrance(seen, None) if seen.last_error else None
        return Wait(hindrance) if hindrance else seen.own.admission
    if secret_to_write(seen) is not None:
        return Publish(hindrance or ahead)
    return Wait(hindrance or ahead)


def acts(decision: Decision) -> bool:
    """Whether anything is to be done."""
    return not isinstance(decision, Halt | Wait)


def obtain_cause(seen: Observation) -> str | None:
    """Why a new token is wanted, or None."""
    for rule in _OBTAIN:
        if cause := rule(seen):
            return cause
    return None


# --- What ends the matter at once ------------------------------------------------------------------------------------


def _invalid_spec(seen: Observation) -> Halt | None:
    return Halt(seen.token.invalid) if seen.token.invalid else None


def _secret_conflict(seen: Observation) -> Halt | None:
    return Halt(Terminal(reasons.SECRET_CONFLICT, seen.conflict), RECHECK_CONFLICT) if seen.conflict else None


def _denied(seen: Observation) -> Halt | None:
    return Halt(seen.denied, RECHECK_DENIED) if seen.denied else None


_STOPS: Final[Sequence[Callable[[Observation], Halt | None]]] = (_invalid_spec, _denied, _secret_conflict)


# --- Why a new token is wanted ---------------------------------------------------------------------------------------

_CauseRule = Callable[[Observation], str | None]


def _no_token(seen: Observation) -> str | None:
    return "no token is stored" if seen.issued is None else None


def _of_its_kind(seen: Observation) -> str | None:
    return seen.own.cause(seen.held)


def _other_spec(seen: Observation) -> str | None:
    return None if seen.for_present_spec else "the spec asks for another token"


def _requested(seen: Observation) -> str | None:
    return "a refresh was requested" if seen.token.refresh_pending else None


def _renewal_due(seen: Observation) -> str | None:
    return seen.own.renewal if seen.due is not None and seen.due <= seen.now else None


_OBTAIN: Final[Sequence[_CauseRule]] = (
    _no_token,
    _of_its_kind,
    _other_spec,
    _requested,
    _renewal_due,
)


# --- What stands in the way ------------------------------------------------------------------------------------------


def _hindrance(seen: Observation, trouble: Standing | None) -> Standing | None:
    """What stands in the way of a new token; `trouble` is what does with the App or the credential."""
    return Paused() if seen.token.suspend else trouble or seen.limit or _backing_off(seen)


def _backing_off(seen: Observation) -> Standing | None:
    """A refresh request, a new spec and a mended input skip our own back-off; one by a wrong clock is none."""
    if seen.failures.next is None or seen.failures.next <= seen.now or seen.retry_now or not seen.token.seen:
        return None
    if is_ahead(seen.failures.last, seen.now):
        return None
    return seen.last_error or BackingOff()


def secret_to_write(seen: Observation) -> dict[str, Any] | None:
    """What the Secret must look like, where it lacks the valid token that is held or looks otherwise; else None."""
    desired = desired_secret(seen)
    if desired is None or seen.issued is None:
        return None
    if seen.spread is not None:
        return desired if seen.spread.lacks(desired, seen.issued, seen.now) else None
    stays = seen.secret is not None and seen.token.seen and not consumer.differs(seen.secret, desired)
    return None if stays else desired


def desired_secret(seen: Observation) -> dict[str, Any] | None:
    """What the Secret, or each of them, must look like.

    None without a valid token, or where formats need to know whose token it is.
    """
    server = seen.server_of_token
    if seen.issued is None or not seen.valid or seen.own.admission or (server is None and seen.token.secret.formats):
        return None
    body = consumer.render(seen.token, seen.issued, server, adopted=ownership.adopts(seen.secret))
    return spread.with_seal(body, seen.spread) if seen.spread is not None else body
