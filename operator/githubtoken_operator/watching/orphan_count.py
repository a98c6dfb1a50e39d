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

    def note(self, ref: Ref, secret: JSON) -> None:
        """A watch brought the Secret as it is now."""
        owner = owner_of(secret)
        if owner is None:
            self.forget(ref)
        else:
            name, clusterwide = owner
            kind, namespace = (Kind.CLUSTER_TOKEN, "") if clusterwide else (Kind.TOKEN, ref.namespace)
            self._owners[ref] = Ref(kind, namespace, name if len(name) <= LONGEST_NAME else "")

    def forget(self, ref: Ref) -> None:
        """It is gone."""
        self._owners.pop(ref, None)

    def count(self) -> int:
        """Secrets whose GitHubToken no watch has brought. For any thread."""
        return sum(not self._watched.is_delivered(owner) for owner in tuple(self._owners.values()))
