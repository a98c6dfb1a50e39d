"""How GitHub's answers come into the store, whatever stands in the way, and how they are kept until they are there.

An answer is in the journal before anything reads it. Its pair goes into the credential Secret by the table of
`placement`: under the resourceVersion, which is the fence, so that whoever holds it may save it, leader or not. What
the API server does not take is tried again beside the runs (`late`); what belongs to that Secret waits meanwhile, and
nothing else does. A Secret that may not even be read any more ends it where it is known to be gone: the watch told of
its deletion after the refresh token was announced, or the API server says that there is no such namespace.

An answer that is not understood is kept in the journal and in the Secret, until a version comes that understands it, or
a newer sign-in wins. It holds nothing up either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from githubtoken_operator.adapters.journal import CannotJournal, Journal
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, Invalid
from githubtoken_operator.domain.user.credentials import credential, credential_body
from githubtoken_operator.domain.user.entry import Entry, SecretKey
from githubtoken_operator.domain.user.grants import Grant, pair_in
from githubtoken_operator.domain.user.placement import Placement, place, place_unread
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import NotUnderstood, Terminal, TokenError, Unsaved
from githubtoken_operator.domain.vocabulary.model import JSON, Token
from githubtoken_operator.tokens.user.storing.late import Late, LateAnswers
from githubtoken_operator.tokens.user.storing.placing import SecretUnreadable, put_answer

logger = logging.getLogger(__name__)


class Savings:
    """GitHub's answers on their way into the store."""

    def __init__(
        self,
        cluster: Cluster,
        journal: Journal,
        *,
        wake: Callable[[SecretKey], None],
        monotonic: Callable[[], float],
    ) -> None:
        """`wake` is told of a Secret whose answer was saved, or given up, after its run had ended."""
        self._cluster = cluster
        self._journal = journal
        self._monotonic = monotonic
        self.late: Final = LateAnswers(self._attempt, wake=wake, monotonic=monotonic)
        self._kept: set[SecretKey] = set()
        # Whether the Secret of what the journal has, or is about to have, was seen to be deleted since.
        self._open: dict[SecretKey, bool] = {}
        self._ended: dict[SecretKey, str] = {}

    @property
    def unsaved(self) -> int:
        """How many answers are in the journal and not in the cluster. May be asked from any thread."""
        return len(self._journal) - len(self._kept)

    def gone(self, key: SecretKey) -> None:
        """The watch tells that the credential Secret was deleted."""
        if key in self._open:
            self._open[key] = True
            self.late.hurry(key)

    def ended(self, key: SecretKey, access: Token) -> bool:
        """Whether the last rotation of the Secret ended this token, and what GitHub gave for it was discarded."""
        return self._ended.get(key) == access.sha256

    def release(self, key: SecretKey) -> None:
        """No GitHubToken names the Secret any more."""
        self._ended.pop(key, None)

    def trouble(self, key: SecretKey) -> Unsaved | None:
        """Why the Secret must wait for an answer that belongs to it; None where none is late."""
        late = self.late.get(key)
        return _unsaved(key, late.error) if late else None

    def waits_for(self, key: SecretKey, token: str) -> bool:
        """Whether an answer for the Secret is late that was had for the refresh token with this SHA-256."""
        late = self.late.get(key)
        return late is not None and late.entry.parent == token

    def ends_a_token(self, key: SecretKey) -> bool:
        """Whether the token beside the refresh token is dead because of an answer that is late."""
        late = self.late.get(key)
        return late is not None and not late.entry.of_sign_in

    # --- The journal -------------------------------------------------------------------------------------------------

    def reserve(self, key: SecretKey) -> None:
        """Makes sure, before anything is sent, that the answer can be kept. `keep` or `drop` follows."""
        try:
            self._journal.reserve(key)
        except CannotJournal as error:
            raise Terminal(reasons.MISSING_PERMISSION, f"{error}; nothing was sent to GitHub") from error
        self._open[key] = False

    def keep(self, key: SecretKey, entry: Entry) -> None:
        """Makes the raw answer durable, before anything reads it."""
        try:
            self._journal.write(key, entry)
        except CannotJournal:
            # It is in memory; saving it to the cluster is what matters now.
            logger.exception("an answer of GitHub could not be journalled")

    def drop(self, key: SecretKey) -> None:
        """Forgets the answer: it is in the store, or there is nothing in it."""
        self._kept.discard(key)
        self._open.pop(key, None)
        self._journal.drop(key)

    # --- In a run ----------------------------------------------------------------------------------------------------

    async def save(
        self,
        key: SecretKey,
        entry: Entry,
        secret: JSON | None,
        *,
        account: str | None = None,
        replaces: Token | None = None,
    ) -> None:
        """Saves what `keep` was given, at first under the resourceVersion of `secret`.

        Raises `NotUnderstood` once the answer is kept in the Secret, and `Unsaved` where it is late.
        """
        late = Late(entry, account, replaces, due=self._monotonic())
        try:
            unread = await self._attempt(key, late, secret)
        except ApiError as error:
            self.late.put_off(key, late, error)
            raise _unsaved(key, error) from error
        if unread is not None:
            raise unread

    async def look(self, key: SecretKey, secret: JSON) -> bool:
        """Takes up an answer that waits for the Secret, which was just read. True where the Secret has changed.

        An answer in the Secret that this version understands is saved; one in the journal that is not understood, and
        that the Secret has lost, is put into it again. What has no pair, or came too late, is dropped.
        """
        kept, journalled = credential.read(secret).kept, self._journal.read(key)
        entry = journalled or (kept.entry if kept else None)
        if entry is None or self.late.get(key):
            return False
        where = Placement.SUPERSEDED
        try:
            where = place(secret, pair_in(key, entry))
        except NotUnderstood:
            where = place_unread(secret, key, entry)
            if where is Placement.SAVED:
                return False
        except TokenError as error:
            logger.warning("an answer that was kept for Secret %s has no pair: %s", "/".join(key), error.message)
        if where is Placement.PUT or journalled is not None:
            # What was read may be older than the entry: only a fresh look can say that it came too late.
            with suppress(NotUnderstood, Unsaved):
                await self.save(key, entry, secret if where is Placement.PUT else None)
        else:
            await self._cluster.replace(Kind.SECRET, credential_body.without_kept_answer(secret))
        return True

    def resume(self) -> None:
        """At start: what the journal has is late."""
        for key, entry in self._journal.entries():
            self._open[key] = False
            self.late.add(key, Late(entry, account=None, replaces=None, due=self._monotonic()))

    # --- One attempt -------------------------------------------------------------------------------------------------

    async def _attempt(self, key: SecretKey, late: Late, secret: JSON | None = None) -> NotUnderstood | None:
        """What is returned says that the Secret keeps the answer. Raises `ApiError` where it may be in no store."""
        entry, unread = late.entry, None
        grant: Grant | None = None
        try:
            grant = pair_in(key, entry, account=late.account)
        except NotUnderstood as error:
            unread = error
        except TokenError as error:
            logger.warning("an answer in the journal has no pair and is dropped: %s", error.message)
            self.drop(key)
            return None
        try:
            where = await put_answer(self._cluster, key, entry, grant, secret)
        except SecretUnreadable:
            if not (self._open.get(key) or await self._namespace_is_gone(key[0])):
                raise
            where = Placement.SUPERSEDED
        if where is Placement.SUPERSEDED:
            logger.warning("a newer sign-in won, or the credential Secret was deleted: an answer is discarded")
            if late.replaces is not None:
                self._ended[key] = late.replaces.sha256
        if unread is None or where is Placement.SUPERSEDED:
            self.drop(key)
            return None
        logger.error("GitHub's answer for Secret %s is kept: %s", "/".join(key), unread.message)
        self._kept.add(key)
        return unread

    async def _namespace_is_gone(self, namespace: str) -> bool:
        """Whether the API server says so; an operator with rights in its namespaces alone may not ask."""
        try:
            return await self._cluster.read(Kind.NAMESPACE, "", namespace) is None
        except ApiError:
            return False


def _unsaved(key: SecretKey, error: ApiError | None) -> Unsaved:
    refused = isinstance(error, Forbidden | Invalid)
    words = error.message if error else "the operator has just started"
    return Unsaved(reasons.MISSING_PERMISSION if refused else reasons.PENDING, key[1], words)
