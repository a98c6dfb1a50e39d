"""The Secrets that objects name and that have no label of ours: each has a watch of its own, or is looked at in turn.

kopf watches by label. What it does not bring, of the Secrets that an App or a GitHubToken names, is watched here by its
name, `WATCHED_BY_NAME` of them at most, each on a connection; the rest is looked at once a minute, and so is one whose
watch the API server refuses. What comes is told as kopf's events are. A watch ends when nothing names the Secret any
more, or when it has the label.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden
from githubtoken_operator.adapters.kubernetes.one_secret import Expired, OneSecret
from githubtoken_operator.domain.objects import named
from githubtoken_operator.domain.objects.secrets import WATCHED_BY_NAME
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import Ref, Watched

LOOK_EVERY: Final = 60.0
"""Seconds between two looks at a Secret that has no watch."""
TURNS: Final = 12
"""Parts in which those that are looked at are asked for, one part after the other."""
SETTLE: Final = 1.0
"""Seconds that a new name waits: it may be of a Secret that kopf is about to bring."""
BACKOFFS: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between two attempts to watch; the last one from then on."""
OPENED_AT_ONCE: Final = 8
"""Watches that begin at the same time, so that an API server that comes back is not overrun."""

logger = logging.getLogger(__name__)


class NamedSecrets:
    """Keeps a watch, or a turn, for each Secret that is named and not labelled."""

    def __init__(
        self,
        source: OneSecret,
        watched: Watched,
        *,
        own_namespace: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        watches: int = WATCHED_BY_NAME,
    ) -> None:
        """`watched` says what was told, here or by kopf. In `own_namespace` are those of cluster-scoped objects."""
        self._source = source
        self._watched = watched
        self._own_namespace = own_namespace
        self._sleep = sleep
        self._watches = watches
        self.tell: Callable[[Ref, JSON | None], None] = lambda _ref, _secret: None
        """Gets each state of a Secret, None where it is not there."""
        self._named: dict[Ref, frozenset[Ref]] = {}
        self._namers: dict[Ref, set[Ref]] = {}
        self._brought: set[Ref] = set()
        self._tasks: dict[Ref, asyncio.Task[None]] = {}
        self._refused: set[Ref] = set()
        self._changed = asyncio.Event()
        self._opening = asyncio.Semaphore(OPENED_AT_ONCE)
        self._failure: BaseException | None = None
        self._ended = False

    # --- what kopf's watches tell ------------------------------------------------------------------------------------

    def names(self, namer: Ref, spec: Mapping[str, Any]) -> None:
        """The App or GitHubToken has this spec now."""
        where = namer.namespace or self._own_namespace
        self._name(namer, frozenset(Ref(Kind.SECRET, where, name) for name in named.secrets(spec)))

    def gone(self, ref: Ref) -> None:
        """An object is there no more, or a Secret has lost its label."""
        if ref.kind is Kind.SECRET:
            self._brought.discard(ref)
            if ref in self._namers:
                self._changed.set()
        else:
            self._name(ref, frozenset())

    def labelled(self, secret: Ref) -> None:
        """The watch by label brings it, and goes on to do so."""
        self._brought.discard(secret)
        if secret in self._namers:
            self._changed.set()

    def _name(self, namer: Ref, secrets: frozenset[Ref]) -> None:
        before = self._named.get(namer, frozenset())
        if before == secrets:
            return
        for ref in before - secrets:
            self._namers[ref].discard(namer)
            if not self._namers[ref]:
                del self._namers[ref]
                if ref in self._brought:
                    self._brought.discard(ref)
                    self._watched.forget(ref)
        for ref in secrets - before:
            self._namers.setdefault(ref, set()).add(namer)
        if secrets:
            self._named[namer] = secrets
        else:
            del self._named[namer]
        self._changed.set()

    # --- what is asked of it -----------------------------------------------------------------------------------------

    def watches(self, secret: Ref) -> bool:
        """Whether what is known of the Secret comes from here."""
        return secret in self._namers and (secret in self._brought or not self._watched.is_delivered(secret))

    @property
    def watched(self) -> int:
        """How many Secrets have a watch that is not refused. For any thread."""
        return len(self._tasks) - len(self._refused)

    @property
    def looked_at(self) -> int:
        """How many have a turn instead. For any thread."""
        return len(self._wanted()) - self.watched

    # --- the work ----------------------------------------------------------------------------------------------------

    async def run(self, ready: asyncio.Event) -> None:
        """Watches until it is cancelled, once `ready` says that kopf has brought what has the label."""
        await ready.wait()
        try:
            while True:
                await self._sleep(SETTLE)
                self._changed.clear()
                self._settle()
                await self._changed.wait()
                if self._failure is not None:
                    raise self._failure
        finally:
            await self.end()

    async def look_around(self, ready: asyncio.Event) -> None:
        """Looks at what has no watch, each once in `LOOK_EVERY` seconds, until it is cancelled.

        Whose turn it is goes by the name, so that a new one is looked at within that time too.
        """
        await ready.wait()
        for turn in itertools.cycle(range(TURNS)):
            await self._sleep(LOOK_EVERY / TURNS)
            for ref in self._wanted():
                if hash(ref) % TURNS == turn and ref not in self._tasks and not self._ended:
                    await self._look(ref)

    async def end(self) -> None:
        """Ends all watches; none begins after that, and nothing is looked at."""
        self._ended = True
        tasks = tuple(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _wanted(self) -> list[Ref]:
        return [ref for ref in tuple(self._namers) if self.watches(ref)]

    def _settle(self) -> None:
        """Ends the watches of what is not wanted, and begins others in the places that are free."""
        wanted = self._wanted()
        for ref in self._tasks.keys() - set(wanted):
            self._tasks.pop(ref).cancel()
            self._refused.discard(ref)
        free = 0 if self._ended else self._watches - len(self._tasks)
        for ref in [ref for ref in wanted if ref not in self._tasks][: max(free, 0)]:
            task = self._tasks[ref] = asyncio.create_task(self._watch(ref), name=f"watch of {ref}")
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            self._changed.set()

    async def _watch(self, ref: Ref) -> None:
        since, failures = "", 0
        while True:
            try:
                if not since:
                    async with self._opening:
                        body, since = await self._source.present(ref.namespace, ref.name)
                    self._bring(ref, body)
                async with aclosing(self._source.changes(ref.namespace, ref.name, since)) as changes:
                    async for body, news, version in changes:
                        since, failures = version, 0
                        self._refused.discard(ref)
                        if news:
                            self._bring(ref, body)
                failures = 0
            except Expired:
                since = ""
            except Forbidden as error:
                await self._refuse(ref, error)
                since = ""
                continue
            except ApiError as error:
                logger.info("the watch of %s begins anew: %s", ref, error.message)
            wait = BACKOFFS[min(failures, len(BACKOFFS) - 1)]
            failures += 1
            await self._sleep(wait * random.uniform(0.7, 1.0))  # noqa: S311 - it spreads requests, and hides nothing

    async def _refuse(self, ref: Ref, error: Forbidden) -> None:
        if ref not in self._refused:
            self._refused.add(ref)
            words = "%s is looked at once a minute, as it may not be watched: give the ServiceAccount the right (%s)"
            logger.warning(words, ref, error.message)
        await self._look(ref)
        await self._sleep(LOOK_EVERY)

    async def _look(self, ref: Ref) -> None:
        try:
            body = await self._source.glance(ref.namespace, ref.name)
        except ApiError as error:
            logger.debug("%s cannot be looked at: %s", ref, error.message)
        else:
            self._bring(ref, body)

    def _bring(self, ref: Ref, body: JSON | None) -> None:
        """Tells it, unless kopf does by now, or nobody asks any more."""
        if not self.watches(ref):
            return
        if body is not None:
            self._brought.add(ref)
        self.tell(ref, body)
