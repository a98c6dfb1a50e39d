"""Answers that are not in the store yet, tried again beside the runs, in nobody's place, until the store has them.

The pauses grow: to seconds while the API server is away, to minutes where it refuses, and to half an hour where the
Secret may not even be read, as when its namespace went and took the operator's rights along. Of one namespace one
answer is tried at a time, and namespaces do not wait for each other: a tenant's slow webhook is its own. Why an answer
waits is logged when that changes. The end of the process waits for what may yet be taken, and for nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from githubtoken_operator.adapters.clock import wait
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, Invalid
from githubtoken_operator.domain.user.entry import Entry, SecretKey
from githubtoken_operator.domain.vocabulary.model import JSON, Token
from githubtoken_operator.tokens.user.storing.placing import SecretUnreadable

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
"""Seconds between attempts while the API server is away; they double up to this."""
LONGEST_PAUSE_REFUSED: Final = 120.0
"""The same where it answers, and refuses: a quota, an admission policy, the right to write."""
LONGEST_PAUSE_UNREADABLE: Final = 1800.0
"""The same where the Secret may not even be read. Where its GitHubToken is still there, each of its runs looks too."""
LONGEST_PAUSE_ENDING: Final = 1.0
"""The same while the process waits with its end."""
LONGEST_SLEEP: Final = 30.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Late:
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


class LateAnswers:
    """The answers that wait. `attempt` saves one or raises `ApiError`; `wake` is told of each that waits no more."""

    def __init__(
        self,
        attempt: Callable[[SecretKey, Late], Awaitable[object]],
        *,
        wake: Callable[[SecretKey], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._attempt = attempt
        self._wake = wake
        self._monotonic = monotonic
        self._late: dict[SecretKey, Late] = {}
        self._saving: dict[str, asyncio.Task[None]] = {}
        self._ending = False
        self._changed = asyncio.Event()
        self._none_awaited = asyncio.Event()
        self._none_awaited.set()

    def get(self, key: SecretKey) -> Late | None:
        """The answer that waits for the Secret."""
        return self._late.get(key)

    def add(self, key: SecretKey, late: Late) -> None:
        """Another one, which is tried when it is due."""
        self._late[key] = late
        self._see_what_is_awaited()
        self._changed.set()

    def put_off(self, key: SecretKey, late: Late, error: ApiError) -> None:
        """It was tried, and is tried again later."""
        longest = _longest_pause(error)
        pause = min(late.pause, LONGEST_PAUSE_ENDING if self._ending else longest)
        if late.error is None or late.error.message != error.message:
            words = "a new pair for Secret %s is not saved yet, and is tried again and again: %s"
            logger.warning(words, "/".join(key), error.message)
        late.error, late.due, late.pause = error, self._monotonic() + pause, min(2 * late.pause, longest)
        self.add(key, late)

    def hurry(self, key: SecretKey) -> None:
        """Tries it at once: something has changed."""
        if (late := self._late.get(key)) is not None:
            late.due = self._monotonic()
            self._changed.set()

    def moved(self, key: SecretKey, secret: JSON | None) -> None:
        """Tries at once where the Secret is not as it was when it was refused, or may be read again: it just was."""
        late = self._late.get(key)
        version = secret["metadata"]["resourceVersion"] if secret else None
        if late is not None and (late.refused != version or isinstance(late.error, SecretUnreadable)):
            late.refused = version
            self.hurry(key)

    async def run(self) -> None:
        """Tries what is due until it is cancelled."""
        try:
            while True:
                self._changed.clear()
                self.begin_due()
                await wait(self._changed, min(self.next_attempt_in, LONGEST_SLEEP))
        finally:
            for task in self._saving.values():
                task.cancel()

    def begin_due(self) -> Sequence[asyncio.Task[None]]:
        """Begins an attempt for each answer whose pause is over; what is under way then, one for each namespace."""
        due: dict[str, list[SecretKey]] = {}
        for key, late in self._late.items():
            if late.due <= self._monotonic() and key[0] not in self._saving:
                due.setdefault(key[0], []).append(key)
        for namespace, keys in due.items():
            self._saving[namespace] = asyncio.create_task(self._save_each(namespace, keys), name=f"saving {namespace}")
        return tuple(self._saving.values())

    @property
    def next_attempt_in(self) -> float:
        """Seconds until something is to be begun; infinite where nothing is late."""
        waiting = (late for (namespace, _), late in self._late.items() if namespace not in self._saving)
        return min((max(late.due - self._monotonic(), 0.0) for late in waiting), default=math.inf)

    async def finish(self, within: float) -> None:
        """Before the end: waits until nothing is late that may yet be taken, for `within` seconds at most."""
        if not self._late:
            return
        self._ending = True
        for late in self._late.values():
            late.due = self._monotonic()
        self._changed.set()
        logger.info("ending: saving pairs for %s", ", ".join("/".join(key) for key in self._late))
        await wait(self._none_awaited, within)

    async def _save_each(self, namespace: str, keys: Sequence[SecretKey]) -> None:
        try:
            for key in keys:
                if (late := self._late.get(key)) is not None:
                    await self._save(key, late)
        finally:
            del self._saving[namespace]
            self._changed.set()

    async def _save(self, key: SecretKey, late: Late) -> None:
        try:
            await self._attempt(key, late)
        except ApiError as error:
            self.put_off(key, late, error)
        except Exception as defect:  # One in the way of an answer must not stand in the way of the others.
            logger.exception("the answer for Secret %s cannot be saved", "/".join(key))
            self.put_off(key, late, ApiError(0, f"a defect of the operator: {type(defect).__name__}"))
        else:
            self._late.pop(key, None)
            self._see_what_is_awaited()
            self._wake(key)

    def _see_what_is_awaited(self) -> None:
        """What may not even be read is left to the journal."""
        if all(isinstance(late.error, SecretUnreadable) for late in self._late.values()):
            self._none_awaited.set()
        else:
            self._none_awaited.clear()


def _longest_pause(error: ApiError) -> float:
    if isinstance(error, SecretUnreadable):
        return LONGEST_PAUSE_UNREADABLE
    return LONGEST_PAUSE_REFUSED if isinstance(error, Forbidden | Invalid) else LONGEST_PAUSE
