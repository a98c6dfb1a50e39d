"""When the watches have brought everything that was there at the start: no key runs before.

A run judges by what is known of other objects: who else wants its Secret, which seeds were taken. kopf tells neither
that a list is complete nor that one was empty, so the names are listed once more, metadata only, and waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from githubtoken_operator.adapters.kubernetes.api import ApiError
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
                del self._missing[0]
        self.complete.set()

    async def _brought(self, kind: Kind) -> None:
        while True:
            names = await self._cluster.list_names(kind, self._namespaces)
            refs = {Ref(kind, namespace, name) for namespace, name in names}
            for _ in range(round(LISTED_ANEW / LOOK)):
                refs = {ref for ref in refs if not self._watched.is_delivered(ref)}
                if not refs:
                    return
                await self._sleep(LOOK)
