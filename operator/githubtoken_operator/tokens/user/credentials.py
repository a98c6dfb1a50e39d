"""What a run does with the credential Secret of a user token beside rotating it: look, take a seed up, mark it.

Whether the stored refresh token may be sent is asked here, for the decision and once more by the rotation itself. It
may not while another process has announced that it sends it, as that one may get its answer soon. Such an intent is
overruled once its pod is known to be gone, or after a time that no refresh and no restart takes; docs/rotation.md says
why either is safe.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.user import kept_answer
from githubtoken_operator.domain.user.credentials import credential, credential_body, credential_ownership, sendable
from githubtoken_operator.domain.user.credentials.credential import Credential, Intent
from githubtoken_operator.domain.user.credentials.sendable import Expected
from githubtoken_operator.domain.user.entry import SecretKey
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import TokenError, Transient
from githubtoken_operator.domain.vocabulary.model import JSON, Server, Token
from githubtoken_operator.domain.vocabulary.times import format_time
from githubtoken_operator.tokens.kind import StartOver
from githubtoken_operator.tokens.user.seeds import Seeds
from githubtoken_operator.tokens.user.storing.credential_store import CredentialStore
from githubtoken_operator.tokens.user.storing.saving import Savings

FOREIGN_INTENT_WAIT: Final = timedelta(seconds=90)
"""Longer than a refresh may take and a holder needs to come back: then its intent is overruled."""
POD_LOOK: Final = timedelta(seconds=5)
"""Pods are not watched: while one that announced a rotation is waited for, it is looked for this often."""


class Credentials:
    """The credential Secrets of GitHubTokens, and what is known beside them."""

    def __init__(self, ground: Ground, savings: Savings) -> None:
        self._holder = ground.journal.holder
        self._fence = ground.fence
        self._pods = ground.pods
        self._now = ground.clocks.now
        # When each intent of another holder was first seen.
        self._foreign: dict[Intent, datetime] = {}
        self.store: Final = CredentialStore(ground.cluster, savings, holder=ground.journal.holder)
        self.savings: Final = savings
        self.seeds: Final = Seeds()

    def forget(self, key: SecretKey) -> None:
        """No GitHubToken names the credential Secret any more: what is known beside it goes too."""
        self.seeds.release(key)
        self.savings.release(key)

    async def take_seed(self, token: GitHubToken, seed: Token, client_id: str) -> None:
        """Puts a human's refresh token into the credential Secret, where it is due for rotation at once."""
        key = credential.key_of(token)
        secret = await self.store.read(key)
        self.seeds.claim(key, seed)
        await self.store.write(credential_body.with_seed(secret, seed, token, client_id), create=secret is None)

    async def mark(self, token: GitHubToken) -> None:
        """Puts the label back on the credential Secret, and the name of this object on one that is handed on to it."""
        secret = await self.store.read(credential.key_of(token))
        if secret is None or credential_ownership.conflict(secret, token, abandoned=True):
            raise StartOver
        await self.store.write(credential_body.marked(secret, token))

    async def hindrance(self, key: SecretKey, stored: Credential, expected: Expected | None) -> TokenError | None:
        """Why the stored refresh token must not be sent now. Another's intent is waited for since it was first seen."""
        if stored.kept is not None:
            return kept_answer.not_understood(key, stored.kept)
        if expected is not None and (refusal := sendable.refusal(stored, expected)):
            return refusal
        return await self._foreign_intent(stored.intent)

    def intent(self, stored: Credential, sent: Token) -> Intent:
        """What this process announces before it sends the token."""
        attempt = stored.intent.attempt + 1 if stored.intent else 1
        return Intent(sent.sha256, self._holder, attempt, format_time(self._now()), self._pods.own)

    async def _foreign_intent(self, intent: Intent | None) -> Transient | None:
        """Another holder's intent, unless it can only be gone: its pod is, or there is no election."""
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

    async def to_be_sent(self, token: GitHubToken, server: Server, client_id: str) -> tuple[JSON, Credential, Token]:
        """The Secret by a quorum read, what it says, and its refresh token, for that App of that GitHub.

        Raises `StartOver` where there is none, and the hindrance where it must not be sent.
        """
        key = credential.key_of(token)
        secret = await self.store.read(key)
        if secret is None or credential_ownership.conflict(secret, token):
            raise StartOver
        stored = credential.read(secret)
        expected = Expected(client_id, server, token.user.login if token.user else None)
        if hindrance := await self.hindrance(key, stored, expected):
            raise hindrance
        if stored.refresh_token is None:
            raise StartOver
        return secret, stored, stored.refresh_token

    async def stored_pair(self, token: GitHubToken) -> tuple[JSON, Credential] | None:
        """The credential Secret with all that waits for it; None where there is none of this token.

        Raises a hindrance while not all of it is known: another process's rotation, or an answer that is late or not
        understood; and `StartOver` as `read` does.
        """
        key = credential.key_of(token)
        secret = await self.store.read(key)
        if secret is None or credential_ownership.conflict(secret, token):
            return None
        stored = credential.read(secret)
        if hindrance := await self.hindrance(key, stored, None):
            raise hindrance
        return secret, stored
