"""When a token is renewed, and when a failed attempt is repeated.

Everything is computed from facts that are stored (issue, expiry, uid, revision), so a restart comes to the same time.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.domain.observed.observation import Observation, Renewal

DEFAULT_FRACTION: Final = 1 / 3
"""Without `renewBefore`, renewal is due when this part of the life that GitHub gave is left."""
JITTER_FRACTION: Final = 0.1
"""Renewal comes at most this part of `renewBefore` earlier, so that tokens made together do not renew together."""
FIRST_RETRY: Final = timedelta(seconds=5)
LAST_RETRY: Final = timedelta(minutes=5)
"""Transient failures are repeated after 5 s, 10 s, 20 s … up to this."""
LAST_RETRY_STATED: Final = timedelta(minutes=1)
"""Where GitHub names a time, it is followed; our own wait goes on growing beneath it, up to this."""
FIRST_RETRY_TERMINAL: Final = timedelta(minutes=1)
LAST_RETRY_TERMINAL: Final = timedelta(minutes=30)
"""What a human must mend at GitHub (a suspended installation, say) is looked at again after 1, 2, 4 … minutes, and
more often while a token is left that could still be renewed: GitHub's incidents speak as its refusals do."""
SHORTEST_RETRY: Final = timedelta(seconds=2)
RECHECK_MISSING: Final = timedelta(seconds=10)
"""A Secret that is not there may come without our label, and so without an event: it is looked for again."""
REFRESH_TOKEN_MARGIN: Final = timedelta(days=7)
"""A refresh token that has less than this (or a third of its life) left makes renewal due."""


def renewal(
    *,
    issued: datetime,
    expires: datetime,
    renew_before: timedelta | None,
    renew_before_percentage: int | None,
    uid: str,
    revision: int,
) -> Renewal:
    """`expires - renewBefore` less the jitter, in whole seconds, always within the token's life.

    A `renewBefore` that is not less than the life is ignored in favour of the default, a third of the life.
    """
    life = max(expires - issued, timedelta(0))
    ignored = renew_before is not None and renew_before >= life
    if renew_before is not None and not ignored:
        before = renew_before
    elif renew_before_percentage is not None:
        before = life * (renew_before_percentage / 100)
    else:
        before = life * DEFAULT_FRACTION
    jitter = min(before * JITTER_FRACTION, life - before) * _unit(uid, revision)
    return Renewal(max((expires - before - jitter).replace(microsecond=0), issued), ignored)


def refresh_token_renewal(*, issued: datetime, refresh_expires: datetime) -> datetime:
    """When the refresh token itself gets so old that renewal is due for its sake."""
    return refresh_expires - min(REFRESH_TOKEN_MARGIN, (refresh_expires - issued) / 3)


def next_attempt(
    *,
    now: datetime,
    attempts: int,
    terminal: bool,
    retry_after: float | None,
    expires: datetime | None,
) -> datetime:
    """When to try again after the `attempts`-th failure in a row.

    The wait doubles, but while a valid token is left it is at most a third of its remaining life: attempts get denser
    as expiry nears. What GitHub asked for (`retry_after`, seconds) is never undercut.
    """
    first, last = (FIRST_RETRY_TERMINAL, LAST_RETRY_TERMINAL) if terminal else (FIRST_RETRY, LAST_RETRY)
    wait: timedelta = min(first * 2 ** min(attempts - 1, 16), last)
    if expires is not None and expires > now:
        wait = min(wait, max((expires - now) / 3, SHORTEST_RETRY))
    if retry_after is not None:
        wait = max(min(wait, LAST_RETRY_STATED), timedelta(seconds=retry_after))
    return _ceil(now + wait)


def _ceil(time: datetime) -> datetime:
    return time if time.microsecond == 0 else time.replace(microsecond=0) + timedelta(seconds=1)


def _unit(uid: str, revision: int) -> float:
    """A number in [0, 1) that is the same after every restart."""
    digest = hashlib.sha256(f"{uid}/{revision}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def replacement(seen: Observation) -> Renewal | None:
    """When the held token is to be replaced; None where there is none, or where it does not expire."""
    token, issued = seen.token, seen.issued
    if issued is None or issued.access.expires_at is None:
        return None
    access = issued.access
    found = renewal(
        issued=access.created,
        expires=issued.access.expires_at,
        renew_before=token.renew_before,
        renew_before_percentage=token.renew_before_percentage,
        uid=token.uid,
        revision=issued.revision,
    )
    if access.refresh_expires_at is None:
        return found
    for_refresh_token = refresh_token_renewal(issued=access.created, refresh_expires=access.refresh_expires_at)
    return replace(found, due=min(found.due, for_refresh_token))
