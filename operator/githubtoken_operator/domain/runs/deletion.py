"""How long a GitHubToken that is being deleted is held for the revocation of its tokens, and what was not revoked.

The API server's `deletionTimestamp` is the clock, so a restart changes nothing. Status knows the hash and the expiry of
the last token also where the Secrets are gone, so that what nobody could revoke is told as such.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.domain.installation import target
from githubtoken_operator.domain.objects.resources import FINALIZER, GitHubToken
from githubtoken_operator.domain.vocabulary.model import JSON, App
from githubtoken_operator.domain.vocabulary.times import format_time, parse_time

LONGEST_HOLD: Final = timedelta(minutes=5)
"""After it the object goes, whatever GitHub says: a namespace must not hang on it."""
_OF_THE_TOKEN: Final = frozenset({"tokenSHA256", "expirationTime", "refreshTokenExpirationTime", "renewalTime"})
LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts, unless GitHub asks for more."""


def finalizers(body: JSON, *, held: bool) -> list[str]:
    """The object's finalizers with ours, or without it; others stay as they are."""
    others = [name for name in body["metadata"].get("finalizers") or () if name != FINALIZER]
    return [*others, FINALIZER] if held else others


def deadline(body: JSON) -> datetime | None:
    """When an object that is being deleted is let go at the latest; None where it is not being deleted."""
    deleted = parse_time(body["metadata"].get("deletionTimestamp"))
    return deleted + LONGEST_HOLD if deleted is not None else None


def next_attempt(now: datetime, attempts: int, retry_after: float | None, until: datetime) -> datetime:
    """When to try again after so many failed attempts (from 1): after 1, 2, 4 … 30 s, at last at the deadline."""
    pause = min(2.0 ** (attempts - 1), LONGEST_PAUSE)
    return min(now + timedelta(seconds=max(pause, retry_after or 0.0)), until)


def left_alive(token: GitHubToken, revoked: Collection[str], now: datetime, *, pair_found: bool) -> str | None:
    """What status speaks of and the Secrets did not have any more: words for the event, or None.

    `revoked` are base64 SHA-256 hashes as in `status.tokenSHA256`. `pair_found` says that the refresh token was in the
    credential Secret: then it is the newest, and an access token from before it is dead.
    """
    status = token.status
    if token.user is not None and pair_found:
        return None
    if token.user is not None and (until := parse_time(status.get("refreshTokenExpirationTime"))) and until > now:
        return (
            f"Secret `{token.user.credential}` with the refresh token is gone, and GitHub takes that token until "
            f"{format_time(until)}: its user can revoke the App at GitHub (Settings > Applications)"
        )
    known, expires = status.get("tokenSHA256"), parse_time(status.get("expirationTime"))
    if known is None or known in revoked or (expires is not None and expires <= now):
        return None
    until_when = f"until {format_time(expires)}" if expires else "until it is revoked at GitHub"
    return f"Secret `{token.secret.name}` with the token is gone; GitHub takes the token {until_when} (SHA-256 {known})"


def left_elsewhere(token: GitHubToken, app: App) -> str | None:
    """The same where the token is another host's than the App is by now, which must not be shown it and knows it not.

    Its 401 would look as if the token were dead.
    """
    of = target.remembered(token.status)
    if of is None or of.host == app.api_host:
        return None
    return (
        f"the token is of {of.host}, and the App's `spec.apiURL` is another host by now, which can revoke nothing "
        "there: it expires within an hour of its issue"
    )


def without_token(body: JSON) -> JSON | None:
    """The status without what it says of the token, for a token that was revoked; None where it says nothing of one."""
    status: JSON = body.get("status") or {}
    left = {key: value for key, value in status.items() if key not in _OF_THE_TOKEN}
    return left if left != status else None
