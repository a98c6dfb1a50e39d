"""How long a GitHubToken that is being deleted is held for the revocation of its tokens.

The API server's `deletionTimestamp` is the clock, so a restart changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.domain.model import JSON
from githubtoken_operator.domain.resources import FINALIZER
from githubtoken_operator.domain.times import parse_time

LONGEST_HOLD: Final = timedelta(minutes=5)
"""After it the object goes, whatever GitHub says: a namespace must not hang on it."""
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
