"""One rotation of a user token, from top to bottom. GitHub accepts each refresh token once, so the order is everything.

    1. save what waits in the journal; re-read the credential Secret; stop if it says that this token must not be sent
    2. check the Lease; write the intent under the resourceVersion just read: this also proves that the API server and
       our rights are there
    3. check the Lease again; POST once; nothing repeats it
    4. append GitHub's answer to the journal, then replace the pair in the credential Secret, for as long as it takes; a
       newer sign-in always wins; then drop the journal's entry
    5. publish the consumer's Secret, then status: the reconciler does both, from the store, as the last of its run

docs/rotation.md has the rules and what breaks without each of them. SIGTERM and a lost Lease stop a rotation before
step 3 and not after it: what was sent is finished and saved, whoever leads by then. A rotation is never cut off: it is
`fence` that stops it, so that an intent is always withdrawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NoReturn

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.journal_entry import Entry, SecretKey
from githubtoken_operator.adapters.kubernetes.pods import Pods
from githubtoken_operator.credential_store import CredentialStore, StartOver, grant_of
from githubtoken_operator.domain import answers, credential, credential_body, reasons
from githubtoken_operator.domain.credential import Credential, Expected, Intent
from githubtoken_operator.domain.errors import (
    OutcomeUnexplained,
    OutcomeUnknown,
    RefreshTokenRefused,
    Terminal,
    TokenError,
    Transient,
)
from githubtoken_operator.domain.model import JSON, Answer, App, Token
from githubtoken_operator.domain.resources import GitHubToken
from githubtoken_operator.domain.times import format_time
from githubtoken_operator.fence import Fence
from githubtoken_operator.seeds import Seeds

FOREIGN_INTENT_WAIT: Final = timedelta(seconds=90)
"""Longer than a refresh may take and a holder needs to come back: then its intent is overruled."""
POD_LOOK: Final = timedelta(seconds=5)
"""Pods are not watched: while one that announced a rotation is waited for, it is looked for this often."""


def _final(error: TokenError) -> TokenError:
    """The same where a refusal that nobody can explain is taken for the last word on the refresh token."""
    return RefreshTokenRefused(error.lasting, error.message) if isinstance(error, OutcomeUnexplained) else error


def _no_client_secret() -> Terminal:
    """Without a secret GitHub refreshes only what came from the device flow, and names the client's credentials."""
    return Terminal(
        reasons.CLIENT_SECRET_MISSING,
        "GitHub asks for the App's client secret: put it into a Secret and set `spec.clientSecretSecretRef` of the App",
    )


class UserTokens:
    """Rotates user tokens."""

    def __init__(
        self,
        *,
        store: CredentialStore,
        seeds: Seeds,
        github: GitHub,
        fence: Fence,
        pods: Pods,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._seeds = seeds
        self._ended: set[str] = set()
        self._github = github
        self._fence = fence
        self._pods = pods
        self._now = now
        self._foreign_intents: dict[Intent, datetime] = {}

    async def take_seed(self, token: GitHubToken, seed: Token, client_id: str) -> None:
        """Puts a human's refresh token into the credential Secret, where it is due for rotation at once."""
        if token.user is None:
            return
        key = (token.namespace, token.user.credential)
        secret = await self._store.read(key)
        self._seeds.claim(key, seed)
        body = credential_body.with_seed(secret, seed, token, client_id)
        await self._store.write(body, create=secret is None)

    def ended(self, access: Token) -> bool:
        """Whether a rotation ended this token, and what GitHub gave for it was discarded."""
        return access.sha256 in self._ended

    async def label(self, token: GitHubToken) -> None:
        """Puts the label back on the credential Secret."""
        key = (token.namespace, token.user.credential if token.user else "")
        secret = await self._store.read(key)
        if secret is None or credential.conflict(secret, token):
            raise StartOver
        await self._store.write(credential_body.labelled(secret))

    async def hindrance(self, stored: Credential, expected: Expected | None) -> TokenError | None:
        """Why the stored refresh token must not be sent now. Another's intent is waited for since it was first seen."""
        if expected is not None and (refusal := credential.refusal(stored, expected)):
            return refusal
        return await self._announced(stored)

    async def stored_pair(self, token: GitHubToken) -> tuple[JSON, Credential] | None:
        """The credential Secret with all that waits for it; None where there is none of this token.

        Raises `Transient` while the outcome of another process's rotation is not known, and `StartOver` as `read` does.
        """
        key = (token.namespace, token.user.credential if token.user else "")
        secret = await self._store.read(key)
        if secret is None or credential.conflict(secret, token):
            return None
        stored = credential.read(secret)
        if hindrance := await self._announced(stored):
            raise hindrance
        return secret, stored

    async def _announced(self, stored: Credential) -> Transient | None:
        """Another holder's intent, unless it can only be gone: its pod is, or there is no election."""
        intent = stored.intent
        if intent is None or intent.holder == self._store.holder or not self._fence.contested:
            return None
        if intent.pod is not None and await self._pods.gone(intent.pod):
            return None
        now = self._now()
        if intent not in self._foreign_intents:
            fresh = {known: at for known, at in self._foreign_intents.items() if now - at < 2 * FOREIGN_INTENT_WAIT}
            self._foreign_intents = {**fresh, intent: now}
        left = self._foreign_intents[intent] + FOREIGN_INTENT_WAIT - now
        if left <= timedelta(0):
            return None
        return Transient(
            reasons.PENDING,
            f"another process announced a rotation at {intent.started}: waiting for its outcome",
            retry_after=(min(left, POD_LOOK) if intent.pod else left).total_seconds(),
        )

    async def rotate(self, token: GitHubToken, app: App, client_id: str, *, final: bool = False) -> None:
        """Gets a new pair and saves it. Raises `TokenError`, or `StartOver` where the store moved.

        `final`: a refusal that nobody can explain ends the refresh token, as `bad_refresh_token` does.
        """
        with self._fence.irreversible():
            await self._rotate(token, app, client_id, final=final)

    async def _rotate(self, token: GitHubToken, app: App, client_id: str, *, final: bool) -> None:
        # Step 1. A quorum read; what the caller saw may be old.
        key = (token.namespace, token.user.credential if token.user else "")
        term = self._fence.term
        secret, stored = await self._reread(key, token, client_id)
        sent = stored.refresh_token
        if sent is None:
            raise StartOver
        self._store.reserve(key)
        try:
            # Step 2. From here on nobody else who follows the protocol sends this token.
            self._fence.check(term)
            attempt = stored.intent.attempt + 1 if stored.intent else 1
            intent = Intent(sent.sha256, self._store.holder, attempt, format_time(self._now()), self._pods.own)
            secret = await self._store.write(credential_body.with_intent(secret, intent, token, client_id))

            # Step 3. The only request of the operator that must not be made twice.
            answer = await self._send(replace(app, client_id=client_id), sent, secret, term)
        except Exception:  # There is nothing to keep: the reservation goes, and the error goes on.
            self._store.drop(key)
            raise

        # Step 4. The answer is safe before anything reads it.
        entry = Entry(
            parent=sent.sha256,
            seed=sent.sha256 if stored.seeded else stored.seed or sent.sha256,
            ours=stored.ours,
            status=answer.status,
            date=answer.headers["date"],
            body=answer.body,
        )
        self._store.keep(key, entry)
        try:
            grant = grant_of(answers.refreshed_token(answer, sent), entry)
        except TokenError as error:
            self._store.drop(key)
            await self._refused(secret, sent, app, _final(error) if final else error)
        else:
            if stored.seeded and grant.access.refresh_token not in (None, sent):
                self._seeds.spend(sent.sha256)
            if not await self._store.save(key, secret, grant) and stored.access is not None:
                self._ended.add(stored.access.token.sha256)

    async def _reread(self, key: SecretKey, token: GitHubToken, client_id: str) -> tuple[JSON, Credential]:
        secret = await self._store.read(key)
        if secret is None or credential.conflict(secret, token):
            raise StartOver
        stored = credential.read(secret)
        login = token.user.login if token.user else None
        if hindrance := await self.hindrance(stored, Expected(client_id, login)):
            raise hindrance
        return secret, stored

    async def _send(self, app: App, sent: Token, secret: JSON, term: int) -> Answer:
        try:
            self._fence.check(term)
            return await self._github.refresh(app, sent)
        except OutcomeUnknown:
            # The token may be spent. The intent stays, and the next attempt comes through step 1.
            raise
        except TokenError:
            await self._store.withdraw(secret)
            raise

    async def _refused(self, secret: JSON, sent: Token, app: App, error: TokenError) -> NoReturn:
        """GitHub answered, and not with a pair."""
        if isinstance(error, RefreshTokenRefused):
            # It must never be sent again, also after a restart; a conflict says that somebody else won meanwhile.
            await self._store.write(credential_body.with_refusal(secret, sent))
        elif not isinstance(error, OutcomeUnknown):
            await self._store.withdraw(secret)
        if error.reason == reasons.AUTHENTICATION_FAILED and app.client_secret is None:
            raise _no_client_secret() from error
        raise error
