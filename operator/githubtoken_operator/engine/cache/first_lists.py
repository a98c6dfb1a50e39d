"""When the watches have brought everything that was there at the start: no key runs before.

A run judges by what is known of other objects: who else wants its Secret, which seeds were taken. A kind is known once
its list is complete in each namespace that is served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from githubtoken_operator.adapters.clock import wait
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden
from githubtoken_operator.engine.cache.watched import Watched

PATIENCE: Final = 5.0
"""Seconds without a list after which it is asked whether the namespace may be listed at all."""

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
        patience: Callable[[asyncio.Event], Awaitable[None]] = lambda changed: wait(changed, PATIENCE),
    ) -> None:
        self._cluster = cluster
        self._watched = watched
        self._namespaces = namespaces
        self._patience = patience
        self._missing: dict[Kind, set[str | None]] = {kind: set(namespaces or (None,)) for kind in kinds}
        self._refused: set[str] = set()
        self._changed = asyncio.Event()
        self.complete: Final = asyncio.Event()

    @property
    def missing(self) -> str | None:
        """The kinds whose list is not complete yet, in words; None once all are. For any thread."""
        names = ", ".join(map(str, tuple(self._missing)))
        return f"not listed yet: {names}" if names else None

    def listed(self, kind: Kind, namespace: str | None) -> None:
        """A list is complete: of that namespace, or of all (None)."""
        if (left := self._missing.get(kind)) is None:
            return
        left.discard(namespace)
        if not left:
            del self._missing[kind]
            self._watched.store.complete(kind)
            self._changed.set()

    async def wait(self) -> None:
        """Returns once every list is complete, however long the API server takes, and sets `complete`."""
        while self._missing:
            self._changed.clear()
            await self._patience(self._changed)
            if not self._changed.is_set():
                logger.info("%s", self.missing)
                await self._leave_out()
        self.complete.set()

    async def _leave_out(self) -> None:
        """Waits no longer for namespaces whose rights are gone, as by their deletion: they hold up no other.

        Each has to be refused twice, and not all at once: an API server that has just started refuses every list, until
        it has read the roles.
        """
        refused: dict[str, Forbidden] = {}
        for kind, namespaces in self._missing.items():
            for namespace in sorted(filter(None, namespaces)):
                try:
                    await self._cluster.list_one(kind, namespace)
                except Forbidden as error:
                    refused[namespace] = error
                except ApiError as error:
                    logger.info("%s", error.message)
        gone = refused.keys() & self._refused
        self._refused |= refused.keys()
        if len(refused) == len(self._namespaces):
            return
        for namespace in sorted(gone):
            words = "namespace %s is not waited for: give the rights in it back, or take it from `--namespaces`: %s"
            logger.warning(words, namespace, refused[namespace].message)
            for kind in tuple(self._missing):
                self.listed(kind, namespace)
