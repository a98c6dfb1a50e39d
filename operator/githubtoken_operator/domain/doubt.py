"""When GitHub's refusal is not believed yet.

In GitHub's incidents, right requests are answered 401 and 404 for minutes, in the very words of a refusal that lasts.
So of an App or credential that worked for the token that is held, the first such refusals count as GitHub's trouble:
they are repeated soon, and no human is called. The sixth in a row is the last that is doubted.

What a human asked for, a new spec and a token that is dead leave no doubt: then the refusal is told at once. So are
refusals that no incident speaks: a suspended installation, say, or a permission that was not granted.
"""

from __future__ import annotations

from typing import Final

from githubtoken_operator.domain import reasons
from githubtoken_operator.domain.decide import Observation
from githubtoken_operator.domain.errors import RefreshTokenRefused, Terminal, TokenError, Transient

BELIEVED: Final = 7
"""The refusal in a row that is believed: some five minutes after the first, sooner where expiry is near."""
DOUBTED: Final = frozenset({reasons.AUTHENTICATION_FAILED, reasons.INSTALLATION_NOT_FOUND})
"""Reasons of the 401 and 404 that GitHub's incidents are made of."""


def doubted(seen: Observation, error: TokenError) -> TokenError:
    """The error that is told: `Transient` in place of a refusal that is not believed yet."""
    if not isinstance(error, Terminal) or isinstance(error, RefreshTokenRefused) or error.reason not in DOUBTED:
        return error
    worked = seen.valid and not seen.refused and seen.for_present_spec and seen.token.seen
    if not worked or seen.token.refresh_pending or seen.token.login_pending or seen.failures.attempts + 1 >= BELIEVED:
        return error
    if seen.candidate is not None and seen.issued is not None and seen.candidate != seen.issued.access.token:
        return error
    return Transient(reasons.GITHUB_UNAVAILABLE, message(error))


def message(error: TokenError) -> str:
    """What is said of a refusal that is not believed yet."""
    return f"GitHub refuses what it accepted before, which may pass; if it does not: {error.message}"
