"""How many credential Secrets have lost their GitHubToken, as the watches tell (`domain.user.orphans`)."""

from __future__ import annotations

from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.user.credentials.orphans import owner_of
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import Ref, Watched

LONGEST_NAME: Final = 253
"""Characters of a name. A longer text, of which an annotation may hold hundreds of kilobytes, is not remembered."""


class OrphanCount:
    """Remembers whose each credential Secret is."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._owners: dict[Ref, Ref] = {}

    def note(self, ref: Ref, body: JSON) -> tuple[Ref, ...]:
        """A watch brought the object as it is now."""
        if ref.kind is not Kind.SECRET:
            return ()
        owner = owner_of(body)
        if owner is None:
            return self.gone(ref)
        name, clusterwide = owner
        kind, namespace = (Kind.CLUSTER_TOKEN, "") if clusterwide else (Kind.TOKEN, ref.namespace)
        self._owners[ref] = Ref(kind, namespace, name if len(name) <= LONGEST_NAME else "")
        return ()

    def gone(self, ref: Ref) -> tuple[Ref, ...]:
        """It is there no more."""
        self._owners.pop(ref, None)
        return ()

    def count(self) -> int:
        """Secrets whose GitHubToken no watch has brought. For any thread."""
        return sum(not self._watched.is_delivered(owner) for owner in tuple(self._owners.values()))
