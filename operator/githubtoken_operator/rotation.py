"""One rotation of a user token, from top to bottom. GitHub accepts each refresh token once, so the order is everything.

    1. save what waits in the journal; re-read the credential Secret; stop if it says that this token must not be sent
    2. check the Lease; write the intent under the resourceVersion just read: this also proves that the API server and
       our rights are there
    3. check the Lease again; POST once; nothing repeats it
    4. append GitHub's answer to the journal, then replace the pair in the credential Secret, for as long as it takes; a
       newer sign-in always wins; then drop the journal's entry
    5. publish the consumer's Secret, then status: the reconciler does both, from the store, as the last of its run

docs/rotation.md has the rules and what breaks without each of them. SIGTERM and a lost Lease stop a rotation before
step 3 and not after it: what was sent is finished and saved, whoever leads by then.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NoReturn

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.github.sending import SEND_LIMIT
from githubtoken_operator.adapters.journal import CannotJournal, Entry, Journal, SecretKey
from githubtoken_operator.adapters.kubernetes.api import ApiError, Conflict, Forbidden, Invalid, NotFound, Terminating
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.lease import Leadership
from githubtoken_operator.domain import answers, credential, credential_body, reasons
from githubtoken_operator.domain.credential import Credential, Grant, Intent, Placement
from githubtoken_operator.domain.errors import (
    OutcomeUnknown,
    RefreshTokenRefused,
    Terminal,
    TokenError,
    Transient,
)
from githubtoken_operator.domain.model import JSON, AccessToken, Answer, App, Token
from githubtoken_operator.domain.resources import GitHubToken
from githubtoken_operator.domain.secrets import ROLE_CREDENTIAL
from githubtoken_operator.domain.times import format_time

FOREIGN_INTENT_WAIT: Final = timedelta(seconds=90)
"""Longer than a refresh may take and a holder needs to come back: then its intent is overruled."""
SAVE_DELAYS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to save a pair; the last one repeats for ever."""

NOTHING_SENT: Final = Token("")
"""An entry of the journal knows the refresh token that was sent by its hash only."""

logger = logging.getLogger(__name__)


def _no_client_secret() -> Terminal:
    """Without a secret GitHub refreshes only what came from the device flow, and names the client's credentials."""
    return Terminal(
        reasons.CLIENT_SECRET_MISSING,
        "GitHub asks for the App's client secret: put it into a Secret and set `spec.clientSecretSecretRef` of the App",
    )


class StartOver(Exception):
    """The store moved while we worked: look again and decide anew. Nothing was sent, or nothing was lost."""


class UserTokens:
    """Rotates user tokens. `stopping` tells whether the process was asked to end."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        github: GitHub,
        journal: Journal,
        leadership: Leadership,
        send_margin: float = SEND_LIMIT,
        stopping: Callable[[], bool],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`send_margin`: seconds for which the Lease must still be held when something is sent."""
        self._cluster = cluster
        self._github = github
        self._send_margin = send_margin
        self._journal = journal
        self._leadership = leadership
        self._stopping = stopping
        self._now = now
        self._sleep = sleep
        self._foreign_intents: dict[Intent, datetime] = {}

    async def recover(self, namespaces: Sequence[str]) -> None:
        """At start, leader or not: saves what the journal has, then removes intents of ours that came to nothing.

        Raises `ApiError` where the latter cannot be done, which costs the next holder a wait and nothing else.
        """
        begun = format_time(self._now())
        await asyncio.gather(*(self._save_entry(key, entry) for key, entry in self._journal.entries()))
        for secret in await self._cluster.list_secrets(ROLE_CREDENTIAL, namespaces):
            intent = credential.read(secret).intent
            if intent is not None and intent.holder == self._journal.holder and intent.started < begun:
                await self._withdraw(secret)

    async def take_seed(self, token: GitHubToken, seed: Token, client_id: str) -> None:
        """Puts a human's refresh token into the credential Secret, where it is due for rotation at once."""
        if token.user is None:
            return
        secret = await self._cluster.read(Kind.SECRET, token.namespace, token.user.credential)
        body = credential_body.with_seed(secret, seed, token, client_id)
        await self._write(body, create=secret is None)

    def hindrance(self, stored: Credential, client_id: str | None) -> TokenError | None:
        """Why the stored refresh token must not be sent now. Another's intent is waited for since it was first seen."""
        if client_id is not None and (refusal := credential.refusal(stored, client_id)):
            return refusal
        return self._announced(stored)

    async def stored_pair(self, token: GitHubToken) -> tuple[JSON, Credential] | None:
        """The credential Secret with all that waits for it; None where there is none of this token.

        Raises `Transient` while the outcome of another process's rotation is not known.
        """
        key = (token.namespace, token.user.credential if token.user else "")
        if waiting := self._journal.read(key):
            await self._save_entry(key, waiting)
        secret = await self._cluster.read(Kind.SECRET, *key)
        if secret is None or credential.conflict(secret, token):
            return None
        stored = credential.read(secret)
        if hindrance := self._announced(stored):
            raise hindrance
        return secret, stored

    def _announced(self, stored: Credential) -> Transient | None:
        intent = stored.intent
        if intent is None or intent.holder == self._journal.holder:
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
            retry_after=left.total_seconds(),
        )

    async def rotate(self, token: GitHubToken, app: App, client_id: str) -> None:
        """Gets a new pair and saves it. Raises `TokenError`, or `StartOver` where the store moved."""
        # Step 1. A quorum read; what the caller saw may be old.
        key = (token.namespace, token.user.credential if token.user else "")
        term = self._leadership.term
        if waiting := self._journal.read(key):
            await self._save_entry(key, waiting)
            raise StartOver
        secret, stored = await self._reread(key, token, client_id)
        sent = stored.refresh_token
        if sent is None:
            raise StartOver
        self._reserve(key)
        try:
            # Step 2. From here on nobody else who follows the protocol sends this token.
            self._check_may_send(term)
            attempt = stored.intent.attempt + 1 if stored.intent else 1
            intent = Intent(sent.sha256, self._journal.holder, attempt, format_time(self._now()))
            secret = await self._write(credential_body.with_intent(secret, intent, token, client_id))

            # Step 3. The only request of the operator that must not be made twice.
            answer = await self._send(replace(app, client_id=client_id), sent, secret, term)
        except Exception:  # There is nothing to keep: the reservation goes, and the error goes on.
            self._journal.drop(key)
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
        self._keep(key, entry)
        try:
            grant = _grant(answers.refreshed_token(answer, sent), entry)
        except TokenError as error:
            self._journal.drop(key)
            await self._refused(secret, sent, app, error)
        else:
            await self._save(key, secret, grant)

    async def _reread(self, key: SecretKey, token: GitHubToken, client_id: str) -> tuple[JSON, Credential]:
        secret = await self._cluster.read(Kind.SECRET, *key)
        if secret is None or credential.conflict(secret, token):
            raise StartOver
        stored = credential.read(secret)
        if hindrance := self.hindrance(stored, client_id):
            raise hindrance
        return secret, stored

    async def _send(self, app: App, sent: Token, secret: JSON, term: int) -> Answer:
        try:
            self._check_may_send(term)
            return await self._github.refresh(app, sent)
        except OutcomeUnknown:
            # The token may be spent. The intent stays, and the next attempt comes through step 1.
            raise
        except TokenError:
            await self._withdraw(secret)
            raise

    def _check_may_send(self, term: int) -> None:
        """Checks A and B of the protocol: the same term as at the start, and time enough left to send."""
        if self._stopping() or self._leadership.term != term or not self._leadership.held(self._send_margin):
            raise Transient(reasons.PENDING, "the operator is ending: the next one goes on")

    def _reserve(self, key: SecretKey) -> None:
        try:
            self._journal.reserve(key)
        except CannotJournal as error:
            raise Terminal(reasons.MISSING_PERMISSION, f"{error}; nothing was sent to GitHub") from error

    def _keep(self, key: SecretKey, entry: Entry) -> None:
        try:
            self._journal.write(key, entry)
        except CannotJournal:
            # It is in memory; saving it to the cluster is what matters now.
            logger.exception("an answer of GitHub could not be journalled")

    async def _refused(self, secret: JSON, sent: Token, app: App, error: TokenError) -> NoReturn:
        """GitHub answered, and not with a pair."""
        if isinstance(error, RefreshTokenRefused):
            # It must never be sent again, also after a restart; a conflict says that somebody else won meanwhile.
            await self._write(credential_body.with_refusal(secret, sent))
        elif not isinstance(error, OutcomeUnknown):
            await self._withdraw(secret)
        if error.reason == reasons.AUTHENTICATION_FAILED and app.client_secret is None:
            raise _no_client_secret() from error
        raise error

    async def _write(self, body: JSON, *, create: bool = False) -> JSON:
        """Writes the credential Secret under its resourceVersion, before anything irreversible."""
        try:
            return await (self._cluster.create if create else self._cluster.replace)(Kind.SECRET, body)
        except (Conflict, NotFound) as error:
            raise StartOver from error
        except Terminating:
            raise
        except (Forbidden, Invalid) as error:
            name = body["metadata"]["name"]
            message = f"the API server refuses to write Secret `{name}`: {error.message}"
            raise Terminal(reasons.MISSING_PERMISSION, message) from error

    async def _withdraw(self, secret: JSON) -> None:
        """Removes the intent of a rotation that did not happen. Best effort: it is void once the token changes."""
        try:
            await self._cluster.replace(Kind.SECRET, credential_body.without_intent(secret))
        except ApiError as error:
            logger.warning("the intent of a rotation that did not happen was not removed: %s", error.message)

    async def _save_entry(self, key: SecretKey, entry: Entry) -> None:
        """Saves what an earlier run, or an earlier process, could not."""
        try:
            access = answers.refreshed_token(entry.answer, NOTHING_SENT)
        except TokenError as error:
            logger.warning("an answer in the journal has no pair and is dropped: %s", error.message)
            self._journal.drop(key)
        else:
            await self._save(key, None, _grant(access, entry))

    async def _save(self, key: SecretKey, secret: JSON | None, grant: Grant) -> None:
        """Replaces the stored pair under the resourceVersion of `secret`, else by the table of `credential.place`."""
        for attempt in itertools.count():
            try:
                current = secret or await self._cluster.read(Kind.SECRET, *key)
                placement = credential.place(current, grant)
                if current is not None and placement is Placement.PUT:
                    await self._cluster.replace(Kind.SECRET, credential_body.with_pair(current, grant))
            except ApiError as error:
                secret = None
                delay = SAVE_DELAYS[min(attempt, len(SAVE_DELAYS) - 1)]
                logger.warning("a new pair is not saved yet, trying again in %s s: %s", delay, error.message)
                await self._sleep(delay)
            else:
                if placement is Placement.SUPERSEDED:
                    logger.warning("a newer sign-in won, or the credential Secret was deleted: a pair is discarded")
                self._journal.drop(key)
                return


def _grant(access: AccessToken, entry: Entry) -> Grant:
    if access.refresh_token == NOTHING_SENT:
        # Expiry was switched off: the refresh token that is stored stays beside the new access token.
        access = replace(access, refresh_token=None)
    return Grant(access=access, parent=entry.parent, seed=entry.seed, ours=entry.ours)
