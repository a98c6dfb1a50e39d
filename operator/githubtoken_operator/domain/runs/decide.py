"""What to do for one GitHubToken: lists of pure rules over one frozen observation; the first hit wins.

Two questions are asked apart, as in cert-manager's policies: *why* a new token is wanted (`OBTAIN`), and *what stands
in the way* of getting one now (`HINDRANCES`). A stored token that is still valid is kept, and its Secret is repaired,
whatever stands in the way of the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from githubtoken_operator.domain.consumer import consumer, ownership, spread
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.spread import Spread
from githubtoken_operator.domain.objects.github_token import NO_FAILURES, Failures, GitHubToken
from githubtoken_operator.domain.runs.standing import BackingOff, Paused, Standing
from githubtoken_operator.domain.user import device_flow
from githubtoken_operator.domain.user.device_flow import Ask, Poll, SignIn
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, Server, Token

RECHECK_CONFLICT: Final = timedelta(seconds=15)
"""Annotating somebody else's Secret makes no event for us, so it is looked at again."""
RECHECK_MISSING: Final = timedelta(seconds=10)
"""The same for a Secret that is not there and may appear without our label."""
RECHECK_DENIED: Final = timedelta(minutes=1)
"""Granting the operator a right makes no event for it either."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything one decision depends on, read at one moment.

    `now` is GitHub's time as far as it is known. `issued` is the token that is held, also when its Secret was deleted.
    `spec_hash` is what a token would be obtained for now; None where the App cannot be read. `due` is when renewal of
    `issued` is due. `trouble` is why no token could be obtained at present: the App or the credential. `limit` is a
    pause that GitHub asked of the App. `last_error` is how the last attempt failed, where this process made it.
    `retry_now` says that something on which that failure depended has changed since. `denied` is what the API server
    does not let the operator read. `unholdable` is why `deletionPolicy: Revoke` cannot be kept here.

    For user tokens, `seeded` says that the refresh token was put there by a human, and `newer_seed` is one that was not
    taken up yet. `revoked`: GitHub refuses the refresh token, so the token beside it is dead too. `unadmitted`: it is
    not known yet whether the right human signed in. `unlabelled`: somebody took away the label by which the credential
    Secret is watched. `sign_in` is set where the device flow is allowed.

    For personal tokens, `candidate` is what the human's Secret holds, `checked` is when GitHub last accepted the token
    that is held, `refused` says that it has refused it since, and `due` is when it is asked again. `server` is the
    GitHub that the App or the spec names, None until the App was seen.

    `spread` is set for a ClusterGitHubToken: then `secret` is not, and no namespace's Secret is a `conflict`.
    """

    now: datetime
    token: GitHubToken
    secret: JSON | None
    conflict: str | None = None
    issued: Issued | None = None
    spec_hash: str | None = None
    server: Server | None = None
    due: datetime | None = None
    trouble: TokenError | None = None
    limit: RateLimited | None = None
    last_error: TokenError | None = None
    denied: TokenError | None = None
    unholdable: TokenError | None = None
    seeded: bool = False
    newer_seed: Token | None = None
    candidate: Token | None = None
    checked: datetime | None = None
    refused: bool = False
    revoked: bool = False
    unadmitted: bool = False
    unlabelled: bool = False
    sign_in: SignIn | None = None
    account: str | None = None
    retry_now: bool = False
    failures: Failures = NO_FAILURES
    spread: Spread | None = None

    @property
    def valid(self) -> bool:
        """Whether the held token has neither expired nor been revoked."""
        return self.issued is not None and not self.expired and not self.revoked

    @property
    def expired(self) -> bool:
        """Whether the held token's time is over."""
        expires = self.issued.access.expires_at if self.issued else None
        return expires is not None and expires <= self.now

    @property
    def for_present_spec(self) -> bool:
        """Whether the held token was obtained for what the spec now says, from the GitHub that is now named."""
        return self.issued is not None and self.spec_hash in (None, self.issued.spec_hash) and not self.moved

    @property
    def moved(self) -> bool:
        """Whether the held token is of another GitHub than the one that is now named, which is not to be shown it."""
        return self.elsewhere(self.issued)

    def elsewhere(self, issued: Issued | None) -> bool:
        """The same of a token that may be another."""
        came, web = issued.origin if issued else None, self.token.user is not None
        return came is not None and self.server is not None and not came.is_at(self.server, web=web)

    @property
    def server_of_token(self) -> Server | None:
        """The GitHub that takes the held token."""
        came = self.issued.origin if self.issued else None
        return came.server if came is not None and (self.server is None or self.moved) else self.server


@dataclass(frozen=True, slots=True)
class Hold:
    """Put our finalizer on the object, or take it off, as `deletionPolicy` now says."""

    held: bool


@dataclass(frozen=True, slots=True)
class Label:
    """Put the label back on the credential Secret."""


@dataclass(frozen=True, slots=True)
class TakeSeed:
    """Take up the refresh token that a human put into the seed Secret."""

    seed: Token


@dataclass(frozen=True, slots=True)
class Obtain:
    """Get a new token; `cause` says why, for the log."""

    cause: str


@dataclass(frozen=True, slots=True)
class Admit:
    """See whether the right human signed in, before the token is published."""


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


Step = Label | TakeSeed | Ask | Poll | Admit
"""What only one kind of token needs before one can be obtained or published."""
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
    if seen.unlabelled:
        return Label()
    if seen.newer_seed is not None and not seen.token.suspend:
        return TakeSeed(seen.newer_seed)
    step = device_flow.next_step(seen.sign_in, seen.now) if seen.sign_in else None
    if not isinstance(step, Ask | Poll):
        return _decide_token(seen, step)
    blocked = _hindrance(seen, None)
    return _decide_token(seen, blocked) if blocked else step


def _decide_token(seen: Observation, sign_in: Standing | None) -> Decision:
    """What to do about the token; `sign_in` is how far a sign-in has come."""
    # What is done about it says more than that a human must sign in.
    trouble = sign_in if sign_in is not None and seen.trouble is not None else seen.trouble
    cause = obtain_cause(seen)
    hindrance = _hindrance(seen, trouble) if cause else trouble
    if cause and hindrance is None:
        return Obtain(cause)
    if seen.unadmitted and hindrance is None:
        # A pair that has just come is looked at without delay, whatever failed before it came.
        hindrance = _hindrance(seen, None) if seen.last_error else None
        return Wait(hindrance) if hindrance else Admit()
    if must_publish(seen):
        return Publish(hindrance or sign_in)
    return Wait(hindrance or sign_in)


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


def _human_signed_in(seen: Observation) -> str | None:
    return "a human signed in" if seen.seeded else None


def _another_token(seen: Observation) -> str | None:
    held = seen.issued.access.token if seen.issued else None
    return "a human made another token" if seen.candidate not in (None, held) else None


def _refused(seen: Observation) -> str | None:
    return "GitHub refused it" if seen.refused else None


def _other_spec(seen: Observation) -> str | None:
    return None if seen.for_present_spec else "the spec asks for another token"


def _requested(seen: Observation) -> str | None:
    return "a refresh was requested" if seen.token.refresh_pending else None


def _renewal_due(seen: Observation) -> str | None:
    if seen.due is None or seen.due > seen.now:
        return None
    return "a check is due" if seen.token.personal else "renewal is due"


_OBTAIN: Final[Sequence[_CauseRule]] = (
    _no_token,
    _human_signed_in,
    _another_token,
    _refused,
    _other_spec,
    _requested,
    _renewal_due,
)


# --- What stands in the way ------------------------------------------------------------------------------------------


def _hindrance(seen: Observation, trouble: Standing | None) -> Standing | None:
    """What stands in the way of a new token; `trouble` is what does with the App or the credential."""
    return _suspended(seen) or trouble or seen.limit or _backing_off(seen)


def _suspended(seen: Observation) -> Standing | None:
    return Paused() if seen.token.suspend else None


def _backing_off(seen: Observation) -> Standing | None:
    """A refresh request, a new spec and a mended input skip our own back-off."""
    if seen.failures.next is None or seen.failures.next <= seen.now or seen.retry_now or not seen.token.seen:
        return None
    return seen.last_error or BackingOff()


def must_publish(seen: Observation) -> bool:
    """Whether the Secret lacks the valid token that is held, or looks otherwise than the spec says."""
    desired = desired_secret(seen)
    if desired is None or seen.issued is None:
        return False
    if seen.spread is not None:
        return seen.spread.lacks(desired, seen.issued, seen.now)
    return seen.secret is None or not seen.token.seen or consumer.differs(seen.secret, desired)


def desired_secret(seen: Observation) -> dict[str, Any] | None:
    """What the Secret, or each of them, must look like.

    None without a valid token, or where formats need to know whose token it is.
    """
    server = seen.server_of_token
    if seen.issued is None or not seen.valid or seen.unadmitted or (server is None and seen.token.secret.formats):
        return None
    body = consumer.render(seen.token, seen.issued, server, adopted=ownership.adopts(seen.secret))
    return spread.with_seal(body, seen.spread) if seen.spread is not None else body
