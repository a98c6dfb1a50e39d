"""When the watches have brought everything that was there at the start: no key runs before.

A run judges by what is known of other objects: who else wants its Secret, which seeds were taken. kopf tells neither
that a list is complete nor that one was empty, so the names are listed once more, metadata only, and waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from githubtoken_operator.adapters.kubernetes.api import ApiError, Forbidden
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.engine.watched import Ref, Watched

LOOK: Final = 0.05
"""Seconds between two looks at what the watches have brought."""
LISTED_ANEW: Final = 5.0
"""Seconds after which the names are listed again: what was deleted meanwhile is never brought."""

logger = logging.getLogger(__name__)


class FirstLists:
    """Waits for the first list of each kind, in `namespaces` or everywhere where none are named."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        watched: Watched,
        kinds: Sequence[Kind],
        namespaces: Sequence[str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cluster = cluster
        self._watched = watched
        self._namespaces = namespaces
        self._sleep = sleep
        self._missing = list(kinds)
        self._refused: set[str] = set()
        self._left_out: set[str] = set()
        self.complete: Final = asyncio.Event()

    @property
    def missing(self) -> str | None:
        """The kinds whose list is not complete yet, in words; None once all are. For any thread."""
        names = [kind.value[1] for kind in self._missing]
        return f"not listed yet: {', '.join(names)}" if names else None

    async def wait(self) -> None:
        """Returns once every list is complete, however long the API server takes, and sets `complete`."""
        while self._missing:
            try:
                await self._brought(self._missing[0])
            except ApiError as error:
                logger.info("%s: %s", self.missing, error.message)
                await self._sleep(LISTED_ANEW)
            else:
                self._watched.store.complete(self._missing.pop(0))
        self.complete.set()

    async def _names(self, kind: Kind) -> set[tuple[str, str]]:
        """What there is to wait for. Raises `ApiError`.

        A namespace whose rights are gone, as by its deletion, is left out at the second look, and holds up no other. An
        API server that has just started refuses all of them, until it has read the roles.
        """
        if not self._namespaces:
            return await self._cluster.list_names(kind, [])
        found: set[tuple[str, str]] = set()
        refused: dict[str, Forbidden] = {}
        for namespace in self._namespaces:
            try:
                found |= await self._cluster.list_names(kind, [namespace])
            except Forbidden as error:
                refused[namespace] = error
        if refused and (len(refused) == len(self._namespaces) or not self._refused.issuperset(refused)):
            self._refused.update(refused)
            raise next(iter(refused.values()))
        for namespace in sorted(refused.keys() - self._left_out):
            words = "namespace %s is not waited for: give the rights in it back, or take it from `--namespaces`: %s"
            logger.warning(words, namespace, refused[namespace].message)
        self._left_out.update(refused)
        return found

    async def _brought(self, kind: Kind) -> None:
        while True:
            names = await self._names(kind)
            refs = {Ref(kind, namespace, name) for namespace, name in names}
            for _ in range(round(LISTED_ANEW / LOOK)):
                refs = {ref for ref in refs if not self._watched.is_delivered(ref)}
                if not refs:
                    return
                await self._sleep(LOOK)
