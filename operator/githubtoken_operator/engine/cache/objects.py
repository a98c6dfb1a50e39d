"""How runs read objects: from what the watches have brought, or as the API server has them at this moment.

A decision may stand on the first: what follows from it is written under the resourceVersion that was seen, and a
conflict begins the run anew with the second. Before something that cannot be undone it stands on the second alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import Ref, Watched

Read = Callable[[Kind, str, str], Awaitable[JSON | None]]
"""One of the two below: kind, namespace ("" of what is cluster-scoped) and name; None where there is no such object.

Raises `ApiError`.
"""


def each_once(read: Read) -> Read:
    """The same, but for an object that is asked for again, which is as it was: one decision stands on one version.

    A key remembers the version that it read last. One that was read in two versions would be told of neither.
    """
    found: dict[tuple[Kind, str, str], JSON | None] = {}

    async def once(kind: Kind, namespace: str, name: str) -> JSON | None:
        where = kind, namespace, name
        if where not in found:
            found[where] = await read(*where)
        return found[where]

    return once


class Objects:
    """The objects of the cluster as runs read them."""

    def __init__(self, cluster: Cluster, watched: Watched) -> None:
        self._cluster = cluster
        self._watched = watched

    async def known(self, kind: Kind, namespace: str, name: str) -> JSON | None:
        """As the watches brought it; what they did not bring, and what is too long to be kept, is asked for."""
        return self.at_hand(kind, namespace, name) or await self._cluster.read(kind, namespace, name)

    def at_hand(self, kind: Kind, namespace: str, name: str) -> JSON | None:
        """The same where nobody has to be asked, else None."""
        return self._watched.read(Ref(kind, namespace, name))

    async def now(self, kind: Kind, namespace: str, name: str) -> JSON | None:
        """As the API server has it at this moment: a quorum read."""
        return await self._cluster.read(kind, namespace, name)

    def lacks(self, kind: Kind, namespace: str, name: str) -> bool:
        """Whether no watch has told of such an object. Noted as seen missing: its event is news."""
        lacks = self._watched.store.lacks(kind, (namespace, name))
        if lacks:
            self._watched.saw(Ref(kind, namespace, name), None)
        return lacks
