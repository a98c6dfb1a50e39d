"""One rotation of a user token, from top to bottom. GitHub accepts each refresh token once, so the order is everything.

    1. re-read the credential Secret; stop if it says that this refresh token must not be sent
    2. write the intent into it under its resourceVersion: this also proves that the API server and our rights are there
    3. POST once; nothing repeats it
    4. replace the pair in the credential Secret, for as long as it takes; a newer sign-in always wins
    5. publish the consumer's Secret, then status: the reconciler does both, from the store, as the last of its run

docs/rotation.md has the rules and what breaks without each of them. The Lease is checked before steps 2 and 3 and the
journal is written between 3 and 4; neither is part of this version: one replica runs, and a process that is killed
between GitHub's answer and step 4 loses the pair. SIGTERM is safe: before step 3 nothing is sent any more, after it
steps 3 and 4 are finished.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.kubernetes.api import ApiError, Conflict, Forbidden, Invalid, NotFound, Terminating
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.domain import answers, credential, reasons
from githubtoken_operator.domain.credential import Credential, Grant, Intent, Placement
from githubtoken_operator.domain.errors import (
    OutcomeUnknown,
    RefreshTokenRefused,
    Terminal,
    TokenError,
    Transient,
)
from githubtoken_operator.domain.model import JSON, AccessToken, App, Token
from githubtoken_operator.domain.resources import GitHubToken
from githubtoken_operator.domain.times import format_time

FOREIGN_INTENT_WAIT: Final = timedelta(seconds=90)
"""Longer than a refresh may take and a holder needs to come back: then its intent is overruled."""
SAVE_DELAYS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to save a pair; the last one repeats for ever."""

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
        stopping: Callable[[], bool],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cluster = cluster
        self._github = github
        self._stopping = stopping
        self._now = now
        self._sleep = sleep
        self._holder = uuid.uuid4().hex
        self._foreign_intents: dict[Intent, datetime] = {}

    async def take_seed(self, token: GitHubToken, seed: Token, client_id: str) -> None:
        """Puts a human's refresh token into the credential Secret, where it is due for rotation at once."""
        if token.user is None:
            return
        secret = await self._cluster.read(Kind.SECRET, token.namespace, token.user.credential)
        body = credential.with_seed(secret, seed, token, client_id)
        await self._write(body, create=secret is None)

    def hindrance(self, stored: Credential, client_id: str | None) -> TokenError | None:
        """Why the stored refresh token must not be sent now."""
        if client_id is not None and (refusal := credential.refusal(stored, client_id)):
            return refusal
        intent = stored.intent
        if intent is None or intent.holder == self._holder:
            return None
        since = self._foreign_intents.setdefault(intent, self._now())
        left = since + FOREIGN_INTENT_WAIT - self._now()
        if left <= timedelta(0):
            return None
        return Transient(
            reasons.PENDING,
            f"another process announced a rotation at {intent.started}: waiting for its outcome",
            retry_after=left.total_seconds(),
        )

    async def rotate(self, token: GitHubToken, app: App, client_id: str) -> AccessToken:
        """A new pair, saved. Raises `TokenError`, or `StartOver` where the store moved."""
        # Step 1. A quorum read; what the caller saw may be old.
        secret, stored = await self._reread(token, client_id)
        sent = stored.refresh_token
        if secret is None or sent is None:
            raise StartOver

        # Step 2. From here on nobody else who follows the protocol sends this token.
        attempt = stored.intent.attempt + 1 if stored.intent else 1
        intent = Intent(sent.sha256, self._holder, attempt, format_time(self._now()))
        secret = await self._write(credential.with_intent(secret, intent, token, client_id))

        # Step 3. The only request of the operator that must not be made twice.
        if self._stopping():
            await self._withdraw(secret)
            raise Transient(reasons.PENDING, "the operator is ending: the next one goes on")
        try:
            answer = await self._github.refresh(replace(app, client_id=client_id), sent)
            access = answers.refreshed_token(answer, sent)
        except OutcomeUnknown:
            # The token may be spent. The intent stays, and the next attempt comes through step 1.
            raise
        except RefreshTokenRefused:
            await self._mark_refused(secret, sent)
            raise
        except (Transient, Terminal) as error:
            await self._withdraw(secret)
            if error.reason == reasons.AUTHENTICATION_FAILED and app.client_secret is None:
                raise _no_client_secret() from error
            raise

        # Step 4.
        grant = Grant(
            access=access,
            parent=sent.sha256,
            seed=sent.sha256 if stored.seeded else stored.seed or sent.sha256,
            ours=stored.ours,
        )
        await self._save(secret, grant)
        return access

    async def _reread(self, token: GitHubToken, client_id: str) -> tuple[JSON | None, Credential]:
        name = token.user.credential if token.user else ""
        secret = await self._cluster.read(Kind.SECRET, token.namespace, name)
        if secret is None or credential.conflict(secret, token):
            raise StartOver
        stored = credential.read(secret)
        if hindrance := self.hindrance(stored, client_id):
            raise hindrance
        return secret, stored

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
            await self._cluster.replace(Kind.SECRET, credential.without_intent(secret))
        except ApiError as error:
            logger.warning("the intent of a rotation that did not happen was not removed: %s", error.message)

    async def _mark_refused(self, secret: JSON, sent: Token) -> None:
        """Sees to it that a refused token is never sent again, also after a restart; somebody else may have won."""
        await self._write(credential.with_refusal(secret, sent))

    async def _save(self, secret: JSON, grant: Grant) -> None:
        """Replaces the stored pair under the resourceVersion of step 2, else by the table of `credential.place`."""
        meta = secret["metadata"]
        attempts = 0
        current: JSON | None = secret
        while True:
            try:
                if attempts:
                    current = await self._cluster.read(Kind.SECRET, meta["namespace"], meta["name"])
                placement = credential.place(current, grant)
                if current is None or placement is Placement.SUPERSEDED:
                    logger.warning("a newer sign-in won, or the credential Secret was deleted: the pair is discarded")
                    return
                if placement is Placement.PUT:
                    await self._cluster.replace(Kind.SECRET, credential.with_pair(current, grant))
            except ApiError as error:
                delay = SAVE_DELAYS[min(attempts, len(SAVE_DELAYS) - 1)]
                logger.warning("a new pair is not saved yet, trying again in %s s: %s", delay, error.message)
                attempts += 1
                await self._sleep(delay)
            else:
                return
