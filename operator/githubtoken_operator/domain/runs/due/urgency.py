"""Until when a run of a GitHubToken matters: a property of the object, whatever wakes it.

A valid token's consumers can wait until it dies. One that is dead already goes before all others, a user's before the
rest, since a human's work stands still; a first token comes a minute after its object was made at the latest, so that
many new ones do not let an old one die.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time

FIRST_TOKEN: Final = timedelta(minutes=1)
"""After its object was made."""
ENDLESS: Final = timedelta(hours=1)
"""From now, where a valid token has no end that is known."""
_DEAD_SIGN_IN: Final = datetime.fromtimestamp(0, UTC)


def deadline(seen: Observation) -> datetime:
    """Until when a new token is wanted, in GitHub's time."""
    issued, token = seen.issued, seen.token
    if issued is None:
        return (parse_time(token.created) or seen.now) + FIRST_TOKEN
    if not seen.valid:
        return _DEAD_SIGN_IN if token.source.needs_human else issued.access.expires_at or seen.now
    return issued.access.expires_at or seen.now + ENDLESS


def remembered(body: JSON) -> float | None:
    """The same of an object that was not looked at yet, in Unix seconds, as far as it says so itself."""
    status = body.get("status") or {}
    if (expires := parse_time(status.get("expirationTime"))) is not None:
        return expires.timestamp()
    created = parse_time(body["metadata"].get("creationTimestamp"))
    return None if created is None or status.get("revision") else (created + FIRST_TOKEN).timestamp()
