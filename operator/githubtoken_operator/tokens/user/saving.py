"""How GitHub's answers come into the store, whatever stands in the way, and how they are kept until they are there.

An answer is in the journal before anything reads it. Its pair goes into the credential Secret by the table of
`placement`: under the resourceVersion, which is the fence, so that whoever holds it may save it, leader or not. What
the API server does not take is tried again beside the runs, in nobody's place, with pauses that grow to minutes where a
refusal lasts; what belongs to that Secret waits meanwhile, and nothing else does.

An answer that is not understood is kept in the journal and in the Secret, until a version comes that understands it, or
a newer sign-in wins. It holds nothing up either.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from githubtoken_operator.adapters.journal import CannotJournal, Journal
from githubtoken_operator.adapters.kubernetes.api import ApiError, Forbidden, Invalid
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.domain.user import credential, credential_body
from githubtoken_operator.domain.user.entry import Entry, SecretKey
from githubtoken_operator.domain.user.grants import Grant, pair_in
from githubtoken_operator.domain.user.placement import Placement, place, place_unread
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import NotUnderstood, Terminal, TokenError, Unsaved
from githubtoken_operator.domain.vocabulary.model import JSON, Token
from githubtoken_operator.tokens.user.placing import put_answer

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
"""Seconds between attempts while the API server is away; they double up to this."""
LONGEST_PAUSE_REFUSED: Final = 120.0
"""The same where it answers, and refuses: rights, a quota, an admission policy."""
LONGEST_PAUSE_ENDING: Final = 1.0
"""The same while the process waits with its end."""
LONGEST_SLEEP: Final = 30.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Late:
    """An answer that is not in the store yet.

    `replaces`: the access token that is dead since GitHub gave it. `refused`: the resourceVersion of the Secret for
    which the API server was last asked, None where there was no Secret.
    """

    entry: Entry
    account: str | None
    replaces: Token | None
    due: float
    refused: str | None = ""
    pause: float = FIRST_PAUSE
    error: ApiError | None = None


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
        self._wake = wake
        self._monotonic = monotonic
        self._late: dict[SecretKey, _Late] = {}
        self._kept: set[SecretKey] = set()
        self._ended: dict[SecretKey, str] = {}
        self._ending = False
        self._changed = asyncio.Event()
        self._none_late = asyncio.Event()
        self._none_late.set()

    @property
    def unsaved(self) -> int:
        """How many answers are in the journal and not in the cluster. May be asked from any thread."""
        return len(self._journal) - len(self._kept)

    def ended(self, key: SecretKey, access: Token) -> bool:
        """Whether the last rotation of the Secret ended this token, and what GitHub gave for it was discarded."""
        return self._ended.get(key) == access.sha256

    def release(self, key: SecretKey) -> None:
        """No GitHubToken names the Secret any more."""
        self._ended.pop(key, None)

    def trouble(self, key: SecretKey) -> Unsaved | None:
        """Why the Secret must wait for an answer that belongs to it; None where none is late."""
        late = self._late.get(key)
        return _unsaved(key, late.error) if late else None

    def waits_for(self, key: SecretKey, token: str) -> bool:
        """Whether an answer for the Secret is late that was had for the refresh token with this SHA-256."""
        late = self._late.get(key)
        return late is not None and late.entry.parent == token

    def ends_a_token(self, key: SecretKey) -> bool:
        """Whether the token beside the refresh token is dead because of an answer that is late."""
        late = self._late.get(key)
        return late is not None and late.entry.name is None

    # --- The journal -------------------------------------------------------------------------------------------------

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
        self._kept.discard(key)
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
        late = _Late(entry, account, replaces, due=self._monotonic())
        try:
            unread = await self._attempt(key, late, secret)
        except ApiError as error:
            self._put_off(key, late, error)
            raise _unsaved(key, error) from error
        if unread is not None:
            raise unread

    def moved(self, key: SecretKey, secret: JSON | None) -> None:
        """Tries at once where the Secret, which was just read, is not as it was when it was refused."""
        late = self._late.get(key)
        version = secret["metadata"]["resourceVersion"] if secret else None
        if late is not None and late.refused != version:
            late.refused, late.due = version, self._monotonic()
            self._changed.set()

    async def look(self, key: SecretKey, secret: JSON) -> bool:
        """Takes up an answer that waits for the Secret, which was just read. True where the Secret has changed.

        An answer in the Secret that this version understands is saved; one in the journal that is not understood, and
        that the Secret has lost, is put into it again. What has no pair, or came too late, is dropped.
        """
        kept, journalled = credential.read(secret).kept, self._journal.read(key)
        entry = journalled or (kept.entry if kept else None)
        if entry is None or key in self._late:
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

    # --- Beside the runs ---------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """At start: what the journal has is late."""
        for key, entry in self._journal.entries():
            self._add(key, _Late(entry, account=None, replaces=None, due=self._monotonic()))

    async def run(self) -> None:
        """Saves what is late until it is cancelled."""
        while True:
            self._changed.clear()
            await self.save_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self.next_attempt_in, LONGEST_SLEEP)):
                    await self._changed.wait()

    @property
    def next_attempt_in(self) -> float:
        """Seconds until `save_due` has something to do; infinite where nothing is late."""
        return min((max(late.due - self._monotonic(), 0.0) for late in self._late.values()), default=math.inf)

    async def save_due(self) -> None:
        """One attempt for each answer whose pause is over."""
        for key, late in list(self._late.items()):
            if late.due > self._monotonic():
                continue
            try:
                await self._attempt(key, late)
            except ApiError as error:
                self._put_off(key, late, error)
            except Exception as defect:  # One in the way of an answer must not stand in the way of the others.
                logger.exception("the answer for Secret %s cannot be saved", "/".join(key))
                self._put_off(key, late, ApiError(0, f"a defect of the operator: {type(defect).__name__}"))
            else:
                del self._late[key]
                self._wake(key)
        if not self._late:
            self._none_late.set()

    async def finish(self, within: float) -> None:
        """Before the end: waits until nothing is late, for `within` seconds at most, and tries more often meanwhile."""
        if not self._late:
            return
        self._ending = True
        for late in self._late.values():
            late.due = self._monotonic()
        self._changed.set()
        logger.info("ending: saving pairs for %s", ", ".join("/".join(key) for key in self._late))
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._none_late.wait()

    def _put_off(self, key: SecretKey, late: _Late, error: ApiError) -> None:
        refused = isinstance(error, Forbidden | Invalid)
        longest = LONGEST_PAUSE_REFUSED if refused else LONGEST_PAUSE
        pause = min(late.pause, LONGEST_PAUSE_ENDING if self._ending else longest)
        late.error, late.due, late.pause = error, self._monotonic() + pause, min(2 * late.pause, longest)
        words = "a new pair for Secret %s is not saved yet, trying again in %s s: %s"
        logger.warning(words, "/".join(key), pause, error.message)
        self._add(key, late)

    def _add(self, key: SecretKey, late: _Late) -> None:
        self._late[key] = late
        self._none_late.clear()
        self._changed.set()

    # --- One attempt -------------------------------------------------------------------------------------------------

    async def _attempt(self, key: SecretKey, late: _Late, secret: JSON | None = None) -> NotUnderstood | None:
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
        where = await put_answer(self._cluster, key, entry, grant, secret)
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


def _unsaved(key: SecretKey, error: ApiError | None) -> Unsaved:
    refused = isinstance(error, Forbidden | Invalid)
    words = error.message if error else "the operator has just started"
    return Unsaved(reasons.MISSING_PERMISSION if refused else reasons.PENDING, key[1], words)
