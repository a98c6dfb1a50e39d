"""What the watches have told for ClusterGitHubTokens: the namespaces of the cluster, and the Secrets in them.

Secrets are kept as they were brought, trimmed, and as our own writes left them, whichever is newer: so a run reads none
of them. What an event concerns is told by namespace, since a new one is in nobody's list of inputs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import (
    is_newer,
    noted_owner,
    version_of,
    without_bookkeeping,
    without_data,
)
from githubtoken_operator.domain.objects.specs.namespaces import Namespace, NamespacesWish
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import Ref

SecretKey = tuple[str, str]
"""Namespace and name of a Secret."""


class Known:
    """Namespaces and Secrets by name, and the wishes of the ClusterGitHubTokens that have run."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Namespace] = {}
        self._secrets: defaultdict[str, dict[SecretKey, JSON]] = defaultdict(dict)
        self._owners: dict[SecretKey, str] = {}
        self._wishes: dict[Ref, NamespacesWish] = {}

    def wish(self, key: Ref, wish: NamespacesWish) -> None:
        """What the ClusterGitHubToken wishes for now."""
        self._wishes[key] = wish

    def forget(self, key: Ref) -> None:
        """The ClusterGitHubToken is gone."""
        self._wishes.pop(key, None)

    def secrets(self, name: str) -> Mapping[SecretKey, JSON]:
        """The Secrets that name this ClusterGitHubToken as theirs, by namespace and name."""
        return self._secrets.get(name, {})

    def note(self, ref: Ref, body: JSON) -> tuple[Ref, ...]:
        """Takes in what a watch brought; the keys that it concerns beside those that read it."""
        if ref.kind is Kind.NAMESPACE:
            return self._note_namespace(ref.name, Namespace.of(body))
        if ref.kind is Kind.SECRET:
            self.wrote(body)
        return ()

    def wrote(self, body: JSON) -> None:
        """Takes in a Secret, as an answer to a write of ours, unless what is known of it is newer."""
        meta = body["metadata"]
        where = meta["namespace"], meta["name"]
        owner = noted_owner(body)
        before = self.secrets(self._owners.get(where, "")).get(where)
        same = before is not None and before["metadata"].get("uid") == meta.get("uid")
        if before is not None and same and is_newer(version_of(before), version_of(body)):
            return
        self._drop(where)
        if owner is not None and owner[1]:
            self._owners[where] = owner[0]
            kept = {**body, "metadata": without_bookkeeping(meta, ours=False)}
            self._secrets[owner[0]][where] = without_data(kept)

    def gone(self, ref: Ref) -> tuple[Ref, ...]:
        """It is there no more; the keys that it concerns beside those that read it."""
        if ref.kind is Kind.NAMESPACE:
            before = self.namespaces.pop(ref.name, None)
            return tuple(key for key, wish in self._wishes.items() if before and wish.has(ref.name, before))
        if ref.kind is Kind.SECRET:
            self._drop((ref.namespace, ref.name))
        return ()

    def _drop(self, where: SecretKey) -> None:
        owner = self._owners.pop(where, None)
        if owner is not None:
            del self._secrets[owner][where]
            if not self._secrets[owner]:
                del self._secrets[owner]

    def _note_namespace(self, name: str, now: Namespace) -> tuple[Ref, ...]:
        before = self.namespaces.get(name)
        self.namespaces[name] = now
        if before == now:
            return ()
        return tuple(
            key for key, wish in self._wishes.items() if wish.has(name, now) or (before and wish.has(name, before))
        )
