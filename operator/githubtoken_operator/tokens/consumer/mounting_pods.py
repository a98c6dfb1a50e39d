"""Finds the pods that mount a Secret: one list for each namespace and second, shared by all tokens that ask for it.

A namespace may have thousands of pods and many tokens. The list comes page by page, and of each page only the names are
kept; who comes while it is under way waits for the same one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.domain.consumer import mounts
from githubtoken_operator.domain.consumer.mounts import Mounts

SHARED: Final = 1.0
"""Seconds for which a list serves those who come after it. A pod that begins later begins with the newest Secret."""
LISTED_ONE_BY_ONE: Final = 8
"""So many namespaces are asked for their pods one after the other, and more all at once."""


class MountingPods:
    """The pods of each namespace that mount Secrets."""

    def __init__(self, cluster: Cluster, *, monotonic: Callable[[], float]) -> None:
        self._cluster = cluster
        self._monotonic = monotonic
        self._listed: dict[str, tuple[float, asyncio.Future[list[Mounts]]]] = {}

    async def of(self, namespace: str) -> list[Mounts]:
        """All pods of the namespace that mount a Secret. Raises `ApiError`, as whoever shares the list does."""
        now = self._monotonic()
        self._listed = {name: (since, found) for name, (since, found) in self._listed.items() if now - since < SHARED}
        if namespace not in self._listed:
            self._listed[namespace] = now, asyncio.ensure_future(self._list(namespace))
        # One who gives up must not take the list from the others.
        return await asyncio.shield(self._listed[namespace][1])

    async def of_many(self, namespaces: Collection[str], secret: str) -> list[Mounts]:
        """The pods of these namespaces that mount their Secret of that name. Raises `ApiError`.

        Where the namespaces are many, one list of the whole cluster takes less than one of each.
        """
        if len(namespaces) <= LISTED_ONE_BY_ONE:
            return [pod for namespace in namespaces for pod in await self.of(namespace)]
        found: list[Mounts] = []
        async for page in self._cluster.pages(Kind.POD, "", fields=mounts.SELECTED):
            each = (mounts.mounts_of(pod) for pod in page if pod["metadata"]["namespace"] in namespaces)
            found += [pod for pod in each if pod is not None and secret in pod.secrets]
        return found

    async def _list(self, namespace: str) -> list[Mounts]:
        found: list[Mounts] = []
        async for page in self._cluster.pages(Kind.POD, namespace, fields=mounts.SELECTED):
            found += [each for pod in page if (each := mounts.mounts_of(pod)) is not None]
        return found
