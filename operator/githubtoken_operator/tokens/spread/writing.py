"""Writes one token into a Secret in each of many namespaces.

Nothing is read for it: each Secret is written under the resourceVersion that is known of it. Only where that is not the
present one it is read, and judged anew. What a namespace refuses is its own failure: it is kept until it is tried
again.

Where the token before is dead, as a user's is with its rotation, so many are written at once as there are connections.
Else there is time: all objects together write a few at once, and leave the API server to others. A namespace where each
write takes long, as behind a webhook that hangs, has a quarter of these places at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Terminating,
)
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.consumer import spread
from githubtoken_operator.domain.consumer.spread import Failure, Spread, Template, WantedNamespace
from githubtoken_operator.domain.objects.secrets import version_of
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.runs.decide import RECHECK_CONFLICT, RECHECK_DENIED
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.tokens.consumer.claims import Claims
from githubtoken_operator.tokens.consumer.secret import refused, write
from githubtoken_operator.tokens.memory import Spreading
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.spread.telling import Telling

AT_ONCE: Final = 8
"""Secrets that are written at the same time, of all objects together, while the token before is still good."""
OF_ONE_NAMESPACE: Final = 2
"""The same in one namespace."""
PATIENCE: Final = 5.0
"""Seconds for which a run waits for a place in a namespace: it has one of the scheduler's meanwhile."""
AT_ONCE_IN_HASTE: Final = 32
"""The same of one object where it is not."""
RETRY: Final = timedelta(seconds=2)
"""What the API server could not do now is tried again after this, and twice that each time, up to `RECHECK_DENIED`."""
MOST_TRIES: Final = 3
"""For one Secret in one run, while somebody else writes it too."""

_TAKES_LONG: Final = "the API server takes long for each Secret in this namespace, so others wait for it too"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be written: for whom, and what."""

    token: GitHubToken
    template: Template
    now: datetime


class Writing:
    """Writes the Secrets."""

    def __init__(self, ground: Ground, known: Known, claims: Claims) -> None:
        self._cluster = ground.cluster
        self._watched = ground.watched
        self._metrics = ground.metrics
        self._now = ground.clocks.now
        self._known = known
        self._claims = claims
        self._telling = Telling(ground)
        self._few = asyncio.Semaphore(AT_ONCE)
        self._in_namespace = WeakValueDictionary[str, asyncio.Semaphore]()

    async def everywhere(self, seen: Observation, present: Spread, state: Spreading, body: dict[str, Any]) -> Spread:
        """Writes the token wherever it is missing; `body` is what each Secret must be. What it looks like then.

        What a namespace refuses raises nothing.
        """
        token = seen.token
        order = _Order(token, Template.of_body(body), seen.now)
        new_token = seen.issued is not None and present.is_new(seen.issued)
        stale = [wanted for wanted in present.namespaces if wanted.lacks(order.template, seen.now, new=new_token)]
        haste = present.is_urgent(token, seen.now)
        new: list[JSON] = []

        async def at(wanted: WantedNamespace) -> None:
            async with nullcontext(True) if haste else self._place(wanted.namespace) as placed:
                if not placed:
                    state.namespaces[wanted.namespace] = self._fails(order, wanted, reasons.PENDING, _TAKES_LONG)
                    return
                state.namespaces[wanted.namespace], secret = await self._write(order, wanted)
            if secret is not None and wanted.settled is None and wanted.secret is None:
                new.append(secret)
            elif (
                secret is not None and wanted.settled and wanted.settled[0] == order.template.of(wanted.secret).version
            ):
                self._metrics.repaired()

        await side_by_side(stale, at, AT_ONCE_IN_HASTE if haste else AT_ONCE)
        await side_by_side(new, lambda secret: self._telling.origin(token, secret), AT_ONCE)
        namespaces = tuple(state.namespaces[wanted.namespace] for wanted in present.namespaces)
        return replace(present, published=seen.issued, namespaces=namespaces)

    @asynccontextmanager
    async def _place(self, namespace: str) -> AsyncIterator[bool]:
        """Whether there is one in time."""
        own = self._in_namespace.setdefault(namespace, asyncio.Semaphore(OF_ONE_NAMESPACE))
        try:
            async with asyncio.timeout(PATIENCE):
                await own.acquire()
        except TimeoutError:
            yield False
            return
        try:
            async with self._few:
                yield True
        finally:
            own.release()

    async def _write(self, order: _Order, wanted: WantedNamespace) -> tuple[WantedNamespace, JSON | None]:
        """One Secret: what is known of it then, and itself where it was written."""
        token = replace(order.token, namespace=wanted.namespace)
        where = Ref(Kind.SECRET, wanted.namespace, token.secret.name)
        try:
            for _ in range(MOST_TRIES):
                if conflict := await self._claims.conflict(token, wanted.secret):
                    failed = await self._conflicts(order, wanted, conflict)
                    return failed, None
                content = order.template.of(wanted.secret)
                try:
                    written = await write(self._cluster, token, content.at(wanted.namespace), wanted.secret)
                except (Conflict, NotFound):
                    wanted = replace(wanted, secret=await self._cluster.read(Kind.SECRET, where.namespace, where.name))
                    continue
                self._known.wrote(written)
                return WantedNamespace(wanted.namespace, written, (content.version, version_of(written))), written
            return self._fails(order, wanted, reasons.PENDING, "somebody else writes the Secret all the time"), None
        except Terminating:
            # Whatever the watch brings of it next, nobody wants it any more.
            return replace(wanted, failure=None, again=order.now + RECHECK_DENIED), None
        except (Forbidden, Invalid) as error:
            why = refused(token, error)
            return self._fails(order, wanted, why.reason, why.message, RECHECK_DENIED), None
        except ApiError as error:
            return self._fails(order, wanted, reasons.PENDING, error.message), None

    def _fails(
        self, order: _Order, wanted: WantedNamespace, reason: str, message: str, pause: timedelta | None = None
    ) -> WantedNamespace:
        there = self._watched.is_delivered(Ref(Kind.SECRET, wanted.namespace, order.token.secret.name))
        failure = Failure(wanted.namespace, reason, message)
        goes_on = wanted.failure is not None and wanted.failure.reason == reason
        pause = pause or (min(max(2 * wanted.pause, RETRY), RECHECK_DENIED) if goes_on else RETRY)
        # A write may have hung for longer than the pause.
        again = max(order.now, self._now()) + pause
        return replace(wanted, failure=failure, pause=pause, again=again, delivered=there)

    async def _conflicts(self, order: _Order, wanted: WantedNamespace, conflict: str) -> WantedNamespace:
        """The Secret is somebody else's, who is told once."""
        conflict_before = wanted.failure is not None and wanted.failure.reason == reasons.SECRET_CONFLICT
        told = conflict_before or spread.was_told_of_conflict(order.token, wanted.namespace)
        failed = self._fails(order, wanted, reasons.SECRET_CONFLICT, conflict, RECHECK_CONFLICT)
        if not told and wanted.secret is not None:
            await self._telling.conflict(order.token, wanted.secret, conflict)
        return replace(failed, secret=None)


async def side_by_side(items: Sequence[T], act: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Does it with each, so many at the same time, and no more than the API server takes beside all others."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await act(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(items))):
            group.create_task(work())
