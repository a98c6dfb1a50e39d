"""The credential Secrets, and the journal in front of them: how a pair comes safely from GitHub's answer to the store.

Whoever holds a pair saves it, leader or not: the compare-and-swap on the resourceVersion is the fence. `save` ends only
when the pair is in the store or a newer one has won, for as long as that takes, and then drops the journal's entry.
docs/rotation.md has the table that it follows.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from githubtoken_operator.adapters.journal import CannotJournal, Journal
from githubtoken_operator.adapters.journal_entry import Entry, SecretKey
from githubtoken_operator.adapters.kubernetes.api import ApiError, Conflict, Forbidden, Invalid, NotFound, Terminating
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.domain import answers, credential, credential_body, device_answers, placement, reasons
from githubtoken_operator.domain.errors import Terminal, TokenError
from githubtoken_operator.domain.model import JSON, AccessToken, Token
from githubtoken_operator.domain.placement import Grant, Placement, SignedIn
from githubtoken_operator.domain.secrets import ROLE_CREDENTIAL

SAVE_DELAYS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to save a pair; the last one repeats for ever."""

NOTHING_SENT: Final = Token("")
"""An entry of the journal knows the refresh token that was sent by its hash only."""

logger = logging.getLogger(__name__)


class StartOver(Exception):
    """The store moved while we worked: look again and decide anew. Nothing was sent, or nothing was lost."""


class CredentialStore:
    """Reads and writes credential Secrets, and keeps GitHub's answers until they are in one."""

    def __init__(
        self, cluster: Cluster, journal: Journal, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._cluster = cluster
        self._journal = journal
        self._sleep = sleep

    @property
    def holder(self) -> str:
        """The name under which intents are announced."""
        return self._journal.holder

    async def read(self, key: SecretKey) -> JSON | None:
        """The Secret as it is now, once what the journal has for it is saved. Raises `StartOver` in that case."""
        if waiting := self._journal.read(key):
            await self.save_entry(key, waiting)
            raise StartOver
        return await self._cluster.read(Kind.SECRET, *key)

    async def write(self, body: JSON, *, create: bool = False) -> JSON:
        """Writes the Secret under its resourceVersion, before anything irreversible."""
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

    async def withdraw(self, secret: JSON) -> None:
        """Removes the intent of a rotation that did not happen. Best effort: it is void once the token changes."""
        try:
            await self._cluster.replace(Kind.SECRET, credential_body.without_intent(secret))
        except ApiError as error:
            logger.warning("the intent of a rotation that did not happen was not removed: %s", error.message)

    # --- GitHub's answer ---------------------------------------------------------------------------------------------

    def reserve(self, key: SecretKey) -> None:
        """Makes sure, before anything is sent, that the answer can be kept. `keep` or `drop` follows."""
        try:
            self._journal.reserve(key)
        except CannotJournal as error:
            raise Terminal(reasons.MISSING_PERMISSION, f"{error}; nothing was sent to GitHub") from error

    def keep(self, key: SecretKey, entry: Entry) -> None:
        """Makes the raw answer durable, before anything reads it."""
        try:
            self._journal.write(key, entry)
        except CannotJournal:
            # It is in memory; saving it to the cluster is what matters now.
            logger.exception("an answer of GitHub could not be journalled")

    def drop(self, key: SecretKey) -> None:
        """Forgets the answer: it is in the store, or there is nothing in it."""
        self._journal.drop(key)

    async def save(self, key: SecretKey, secret: JSON | None, grant: Grant) -> bool:
        """Puts the pair under the resourceVersion of `secret`, else by the table of `placement.place`.

        False where it is discarded.
        """
        delays = itertools.chain(SAVE_DELAYS, itertools.repeat(SAVE_DELAYS[-1]))
        while True:
            try:
                current = secret or await self._cluster.read(Kind.SECRET, *key)
                where = placement.place(current, grant)
                if where is Placement.CREATE:
                    await self._cluster.create(Kind.SECRET, _with_grant(current, key, grant))
                elif where is Placement.PUT:
                    await self._cluster.replace(Kind.SECRET, _with_grant(current, key, grant))
            except ApiError as error:
                secret = None
                delay = next(delays)
                logger.warning("a new pair is not saved yet, trying again in %s s: %s", delay, error.message)
                await self._sleep(delay)
            else:
                if where is Placement.SUPERSEDED:
                    logger.warning("a newer sign-in won, or the credential Secret was deleted: a pair is discarded")
                self._journal.drop(key)
                return where is not Placement.SUPERSEDED

    async def save_entry(self, key: SecretKey, entry: Entry) -> None:
        """Saves what an earlier run, or an earlier process, could not."""
        try:
            access = (
                answers.refreshed_token(entry.answer, NOTHING_SENT)
                if entry.name is None
                else device_answers.signed_in_token(entry.answer)
            )
        except TokenError as error:
            logger.warning("an answer in the journal has no pair and is dropped: %s", error.message)
            self._journal.drop(key)
        else:
            await self.save(key, None, grant_of(access, entry))

    async def save_entries(self) -> None:
        """Saves all that the journal has."""
        await asyncio.gather(*(self.save_entry(key, entry) for key, entry in self._journal.entries()))

    async def recover(self, namespaces: Sequence[str], begun: str) -> None:
        """At start, leader or not: saves what the journal has, then removes intents of ours from before `begun`.

        Raises `ApiError` where the latter cannot be done, which costs the next holder a wait and nothing else.
        """
        await self.save_entries()
        for secret in await self._cluster.list_secrets(ROLE_CREDENTIAL, namespaces):
            intent = credential.read(secret).intent
            if intent is not None and intent.holder == self.holder and intent.started < begun:
                await self.withdraw(secret)


def grant_of(access: AccessToken, entry: Entry, *, account: str | None = None) -> Grant:
    """The pair in an answer with what its journal entry says. `account` is the login of a sign-in, if it is known."""
    signed_in = SignedIn(entry.name, entry.client_id or "", account) if entry.name is not None else None
    if access.refresh_token == NOTHING_SENT:
        # Expiry was switched off: the refresh token that is stored stays beside the new access token.
        access = replace(access, refresh_token=None)
    return Grant(access=access, parent=entry.parent, seed=entry.seed, ours=entry.ours, signed_in=signed_in)


def _with_grant(secret: JSON | None, key: SecretKey, grant: Grant) -> JSON:
    if grant.signed_in is not None or secret is None:
        return credential_body.with_sign_in(secret, key, grant)
    return credential_body.with_pair(secret, grant)
