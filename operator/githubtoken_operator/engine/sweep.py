"""Notices what was deleted while no watch was looking.

After 410 Gone or a lost connection kopf lists anew. It tells of all that is there and, as it keeps no list, of nothing
that has gone. So the names are listed once more, shortly after such a list and every ten minutes in any case, and what
the watches once brought and is not there any more counts as deleted. Only metadata are asked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from githubtoken_operator.adapters.kubernetes.api import ApiError, Forbidden
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.engine.watched import Ref, Watched

PERIOD: Final = 600.0
"""Seconds between two sweeps that nobody asked for."""
SETTLE: Final = 2.0
"""Seconds that a sweep waits: one list brings many objects, and several watches are cut at the same time."""

logger = logging.getLogger(__name__)


class Sweep:
    """Lists the kinds that are watched; `gone` is told of each object that vanished unseen.

    In `namespaces`, or everywhere where none are named.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        watched: Watched,
        gone: Callable[[Ref], None],
        kinds: Sequence[Kind],
        namespaces: Sequence[str],
        elsewhere: Callable[[Ref], bool] = lambda _: False,
    ) -> None:
        """Of what is watched `elsewhere`, and is in no list of these kinds, nothing is concluded."""
        self._cluster = cluster
        self._watched = watched
        self._gone = gone
        self._elsewhere = elsewhere
        self._kinds = kinds
        self._namespaces = namespaces
        self._asked = asyncio.Event()

    def soon(self) -> None:
        """Says that a watch began anew."""
        self._asked.set()

    async def run(self) -> None:
        """Sweeps until it is cancelled."""
        while True:
            # No `wait_for`: before Python 3.12 it begins a task, for which kopf waits five seconds at its end.
            with suppress(TimeoutError):
                async with asyncio.timeout(PERIOD):
                    await self._asked.wait()
            await asyncio.sleep(SETTLE)
            self._asked.clear()
            try:
                await self.once()
            except ApiError as error:
                logger.info("what was deleted unseen is looked for again: %s", error.message)
                self._asked.set()

    async def once(self) -> None:
        """One look at all kinds. Raises `ApiError`.

        Of a namespace whose rights are gone nothing is concluded, and the others are looked at all the same.
        """
        for kind in self._kinds:
            if not self._namespaces:
                await self._look(kind, None)
            refused: list[Forbidden] = []
            for namespace in self._namespaces:
                try:
                    await self._look(kind, namespace)
                except Forbidden as error:
                    refused.append(error)
            if refused and len(refused) == len(self._namespaces):
                raise refused[0]

    async def _look(self, kind: Kind, namespace: str | None) -> None:
        # What comes while the list is made is not among what it is held against.
        known = [ref for ref in self._watched.delivered(kind) if namespace in (None, ref.namespace)]
        present = await self._cluster.list_names(kind, [] if namespace is None else [namespace])
        for ref in known:
            if (ref.namespace, ref.name) in present or self._elsewhere(ref):
                continue
            # Its deletion may have been told meanwhile.
            if self._watched.is_delivered(ref):
                logger.info("%s was deleted while no watch was looking", ref)
                self._gone(ref)
