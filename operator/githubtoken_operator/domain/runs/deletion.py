"""How long a GitHubToken that is being deleted is held for the revocation of its tokens, and what was not revoked.

The API server's `deletionTimestamp` is the clock, so a restart changes nothing. It is looked at once, by the machine's
clock, and then only what passes counts, so that setting that clock changes nothing either. Status knows the hash and
the expiry of the last token also where the Secrets are gone, so that what nobody could revoke is told as such.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.origin import Origin
from githubtoken_operator.domain.objects.specs.github_token import FINALIZER, GitHubToken
from githubtoken_operator.domain.vocabulary.model import JSON, App
from githubtoken_operator.domain.vocabulary.times import format_time, parse_time

LONGEST_HOLD: Final = timedelta(minutes=5)
"""After it the object goes, whatever GitHub says: a namespace must not hang on it."""
_NOT_ASKED: Final = "that host is not asked any more: its URL "
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


def time_left(deadline: datetime, now: datetime, *, seen_alive: bool) -> timedelta:
    """For how long the object is held, by the machine's clock `now`, which may be wrong; at most all of it.

    `seen_alive`: this process has just seen it before the deletion, so what the clock says is not asked.
    """
    return LONGEST_HOLD if seen_alive else min(deadline - now, LONGEST_HOLD)


def next_attempt(now: datetime, attempts: int, retry_after: float | None, until: datetime) -> datetime:
    """When to try again after so many failed attempts (from 1): after 1, 2, 4 … 30 s, at last at the deadline."""
    pause = min(2.0 ** (attempts - 1), LONGEST_PAUSE)
    return min(now + timedelta(seconds=max(pause, retry_after or 0.0)), until)


def left_alive(token: GitHubToken, revoked: Collection[str], now: datetime) -> str | None:
    """An access token that status speaks of and the Secrets did not have any more: words for the event, or None.

    `revoked` are base64 SHA-256 hashes as in `status.tokenSHA256`.
    """
    known, expires = token.status.get("tokenSHA256"), parse_time(token.status.get("expirationTime"))
    if known is None or known in revoked or (expires is not None and expires <= now):
        return None
    until_when = f"until {format_time(expires)}" if expires else "until it is revoked at GitHub"
    return f"Secret `{token.secret.name}` with the token is gone; GitHub takes the token {until_when} (SHA-256 {known})"


def asked(app: App, came: Origin | None, allowed_hosts: Sequence[str]) -> App | str:
    """The App as the GitHub that a token came from is asked to revoke it, or why that is not to be.

    No other host is shown the token: it can revoke nothing there, and its answer would look as if the token were dead.
    """
    if came is None or origin.same_host(came.api_url, app.server.api_url):
        return app
    if problem := hosts.check_url(came.api_url, allowed_hosts):
        return (
            f"it is of `{came.server.api_host}`, which the App's `spec.apiURL` named before, and {_NOT_ASKED}{problem}"
        )
    return origin.former(app, came)


def left_before(known: Iterable[Issued], revoked: Collection[str], now: datetime) -> str | None:
    """The same of a predecessor that nobody has any more, as after a restart; `revoked` as above."""
    lost = [
        each for issued in known for each in issued.predecessors if each.expires > now and each.sha256 not in revoked
    ]
    if not lost:
        return None
    last = max(lost, key=lambda each: each.expires)
    return (
        "a token from before the last renewal is not revoked, since the operator was restarted and has it no more; "
        f"GitHub takes it until {format_time(last.expires)} (SHA-256 {last.sha256})"
    )


def without_token(body: JSON) -> JSON | None:
    """The status without what it says of the token, for a token that was revoked; None where it says nothing of one."""
    status: JSON = body.get("status") or {}
    left = {key: value for key, value in status.items() if key not in _OF_THE_TOKEN}
    return left if left != status else None
