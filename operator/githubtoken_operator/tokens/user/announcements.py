"""Rotations that another process announced, and how long its outcome is waited for.

Such an intent may be of a process that has sent the token and gets its answer soon. It is overruled once its pod is
known to be gone, or after a time that no refresh and no restart takes; docs/rotation.md says why either is safe.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.user.credentials.credential import Credential, Intent
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Transient
from githubtoken_operator.domain.vocabulary.model import Token
from githubtoken_operator.domain.vocabulary.times import format_time

FOREIGN_INTENT_WAIT: Final = timedelta(seconds=90)
"""Longer than a refresh may take and a holder needs to come back: then its intent is overruled."""
POD_LOOK: Final = timedelta(seconds=5)
"""Pods are not watched: while one that announced a rotation is waited for, it is looked for this often."""


class Announcements:
    """Intents: ours, and when each of another holder was first seen."""

    def __init__(self, ground: Ground) -> None:
        self._holder = ground.journal.holder
        self._fence = ground.fence
        self._pods = ground.pods
        self._now = ground.clocks.now
        self._foreign: dict[Intent, datetime] = {}

    def intent(self, stored: Credential, sent: Token) -> Intent:
        """What this process announces before it sends the token."""
        attempt = stored.intent.attempt + 1 if stored.intent else 1
        return Intent(sent.sha256, self._holder, attempt, format_time(self._now()), self._pods.own)

    async def hindrance(self, stored: Credential) -> Transient | None:
        """Another holder's intent, unless it can only be gone: its pod is, or there is no election."""
        intent = stored.intent
        if intent is None or intent.holder == self._holder or not self._fence.contested:
            return None
        if intent.pod is not None and await self._pods.gone(intent.pod):
            return None
        now = self._now()
        if intent not in self._foreign:
            fresh = {known: at for known, at in self._foreign.items() if now - at < 2 * FOREIGN_INTENT_WAIT}
            self._foreign = {**fresh, intent: now}
        left = self._foreign[intent] + FOREIGN_INTENT_WAIT - now
        if left <= timedelta(0):
            return None
        return Transient(
            reasons.PENDING,
            f"another process announced a rotation at {intent.started}: waiting for its outcome",
            retry_after=(min(left, POD_LOOK) if intent.pod else left).total_seconds(),
        )
