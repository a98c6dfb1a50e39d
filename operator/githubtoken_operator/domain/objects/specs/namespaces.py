"""The namespaces that a ClusterGitHubToken wishes for, and namespaces as the watch tells of them.

Names and selector count together. A namespace that is being deleted is wanted by nobody: nothing can be made there any
more, and what is there goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from githubtoken_operator.domain.apps.admission import selects
from githubtoken_operator.domain.vocabulary.model import JSON


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace: its labels, and whether it is being deleted."""

    labels: Mapping[str, str] = field(default_factory=dict)
    going: bool = False

    @classmethod
    def of(cls, body: JSON) -> Self:
        """A Namespace as the API server has it."""
        meta = body["metadata"]
        return cls(dict(meta.get("labels") or {}), "deletionTimestamp" in meta)


@dataclass(frozen=True, slots=True)
class NamespacesWish:
    """`spec.namespaces`: `selector` is the label selector as the spec has it, None where there is none."""

    names: frozenset[str] = frozenset()
    selector: JSON | None = None

    @classmethod
    def of(cls, namespaces: JSON) -> Self:
        """The value of the field."""
        return cls(frozenset(namespaces.get("names") or ()), namespaces.get("selector"))

    def has(self, name: str, namespace: Namespace) -> bool:
        """Whether the namespace is one of them."""
        return name in self.names or (self.selector is not None and selects(self.selector, namespace.labels))

    def wanted(self, known: Mapping[str, Namespace]) -> tuple[str, ...]:
        """Those that are there and are not going, in order."""
        return tuple(sorted(name for name, each in known.items() if not each.going and self.has(name, each)))

    def missing(self, known: Mapping[str, Namespace]) -> tuple[str, ...]:
        """The names of which there is no namespace, in order."""
        return tuple(sorted(self.names - known.keys()))
