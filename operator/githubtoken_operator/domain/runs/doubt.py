"""When GitHub's refusal is not believed yet.

In GitHub's incidents, right requests are answered 401 and 404 for minutes, in the very words of a refusal that lasts.
So of an App or credential that worked for the token that is held, the first such refusals count as GitHub's trouble:
they are repeated soon, and no human is called. The sixth in a row is the last that is doubted.

What a human asked for, a new spec and a token that is dead leave no doubt: then the refusal is told at once. So are
refusals that no incident speaks: a suspended installation, say, or a permission that was not granted.

The other way round, words of GitHub's that no rule knows are waited out, and told to a human when they last: after as
many answers in a row, or when the access token beside a refresh token has died.
"""

from __future__ import annotations

from typing import Final

from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    KeptOut,
    OutcomeUnexplained,
    RefreshTokenRefused,
    Terminal,
    TokenError,
    Transient,
    Unexplained,
)

BELIEVED: Final = 7
"""The refusal in a row that is believed: some five minutes after the first, sooner where expiry is near."""
DOUBTED: Final = frozenset({reasons.AUTHENTICATION_FAILED, reasons.INSTALLATION_NOT_FOUND})
"""Reasons of the 401 and 404 that GitHub's incidents are made of."""
_LASTING: Final = {
    reasons.AUTHENTICATION_FAILED: "It has lasted: do what GitHub's words say, or ask GitHub's support.",
    reasons.REAUTHORIZATION_REQUIRED: "It has lasted: mend the App if the word is about it, else sign in again.",
}
"""What a human is told of words that no rule knows."""


def doubted(seen: Observation, error: TokenError) -> TokenError:
    """The error that is told: `Transient` for a refusal that is not believed yet, `Terminal` for one that lasts."""
    if isinstance(error, Unexplained):
        return Terminal(error.lasting, f"{error.message} {_LASTING[error.lasting]}") if _lasts(seen, error) else error
    if not isinstance(error, Terminal) or isinstance(error, RefreshTokenRefused | KeptOut):
        return error
    if error.reason not in DOUBTED:
        return error
    worked = seen.valid and not seen.own.refused and seen.for_present_spec and seen.token.seen
    if not worked or seen.token.refresh_pending or seen.token.login_pending or seen.failures.attempts + 1 >= BELIEVED:
        return error
    if seen.own.is_superseded(seen.held):
        return error
    return Transient(reasons.GITHUB_UNAVAILABLE, message(error))


def message(error: TokenError) -> str:
    """What is said of a refusal that is not believed yet."""
    return f"GitHub refuses what it accepted before, which may pass; if it does not: {error.message}"


def gives_up(seen: Observation, *, may_ask: bool) -> bool:
    """Whether one more unexplained refusal of the refresh token ends it, so that a human is asked to sign in.

    Only where the operator may ask by a code, and where the access token is dead: there is nothing left to lose.
    """
    return may_ask and seen.expired and _was_unexplained(seen.last_error)


def _lasts(seen: Observation, error: Unexplained) -> bool:
    if seen.last_error is not None and not _was_unexplained(seen.last_error):
        return False
    nothing_left = isinstance(error, OutcomeUnexplained) and seen.expired
    return nothing_left or seen.failures.attempts + 1 >= BELIEVED


def _was_unexplained(error: TokenError | None) -> bool:
    """Whether the last attempt failed in the same way, as it was told then."""
    return isinstance(error, Unexplained) or (isinstance(error, Terminal) and error.reason in _LASTING)
