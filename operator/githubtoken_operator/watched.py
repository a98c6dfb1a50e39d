"""What the watches have told: which keys an object concerns, and the newest body of what has not been worked on yet.

A run reports which objects it read; an event about one of them wakes the key. Events that say nothing new (our own
writes coming back, the re-delivery after a re-list) are recognised by a fingerprint and wake nobody.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.model import JSON


@dataclass(frozen=True, slots=True)
class Ref:
    """One object of the cluster; what is cluster-scoped has no namespace ("").

    A Ref to a GitHubToken or an App is also the scheduler's key for it.
    """

    kind: Kind
    namespace: str
    name: str

    @property
    def labels(self) -> tuple[str, ...]:
        """What names the object in metrics: namespace and name, of an App its kind too."""
        where = (self.namespace, self.name)
        return where if self.kind is Kind.TOKEN else (self.kind.value[1], *where)

    def __str__(self) -> str:
        return f"{self.kind.value[1]} {f'{self.namespace}/' if self.namespace else ''}{self.name}"


class Watched:
    """The index from objects to the keys that depend on them."""

    def __init__(self) -> None:
        self._dependents: defaultdict[Ref, set[Ref]] = defaultdict(set)
        self._reads: dict[Ref, frozenset[Ref]] = {}
        self._fingerprints: dict[Ref, str] = {}
        self._delivered: defaultdict[Kind, set[Ref]] = defaultdict(set)
        self._unhandled: dict[Ref, JSON] = {}

    def reads(self, key: Ref) -> frozenset[Ref]:
        """What `key` was last said to depend on."""
        return self._reads.get(key, frozenset())

    def depends(self, key: Ref, on: Iterable[Ref]) -> bool:
        """Replaces what `key` was said to depend on; says whether that is a change."""
        reads, before = frozenset(on), self.reads(key)
        for ref in before - reads:
            self._dependents[ref].discard(key)
            if not self._dependents[ref]:
                del self._dependents[ref]
        for ref in reads:
            self._dependents[ref].add(key)
        if reads:
            self._reads[key] = reads
        else:
            self._reads.pop(key, None)
        return reads != before

    def dependents(self, ref: Ref) -> tuple[Ref, ...]:
        """The keys that depend on `ref`."""
        return tuple(self._dependents.get(ref, ()))

    def is_news(self, ref: Ref, body: JSON) -> bool:
        """Whether an event says something that was neither seen nor written by us. Remembers it."""
        self._delivered[ref.kind].add(ref)
        fingerprint = _fingerprint(ref.kind, body)
        known = self._fingerprints.get(ref) == fingerprint
        self._fingerprints[ref] = fingerprint
        return not known

    def is_delivered(self, ref: Ref) -> bool:
        """Whether a watch brought the object, and nothing told of its end."""
        return ref in self._delivered[ref.kind]

    def delivered(self, kind: Kind) -> tuple[Ref, ...]:
        """All of that kind."""
        return tuple(self._delivered[kind])

    def forget(self, ref: Ref) -> None:
        """The object is gone: one of the same name is news again."""
        self._unhandled.pop(ref, None)
        self._fingerprints.pop(ref, None)
        self._delivered[ref.kind].discard(ref)

    def expect(self, ref: Ref, body: JSON) -> None:
        """Says what we are about to write, so that its echo is not news."""
        self._fingerprints[ref] = _fingerprint(ref.kind, body)

    def put(self, ref: Ref, body: JSON) -> None:
        """Keeps the newest body until a run takes it, which saves that run a read."""
        self._unhandled[ref] = body

    def take(self, ref: Ref) -> JSON | None:
        """The body that an event brought and no run has used yet."""
        return self._unhandled.pop(ref, None)


def _fingerprint(kind: Kind, body: JSON) -> str:
    """What a change of the object is recognised by: never its status, never what the API server keeps for itself."""
    meta = body["metadata"]
    if kind is Kind.NAMESPACE:
        return hashlib.sha256(json.dumps(meta.get("labels") or {}, sort_keys=True).encode()).hexdigest()
    owners = sorted(owner.get("uid", "") for owner in meta.get("ownerReferences") or ())
    noted: list[Any] = [meta.get("annotations") or {}, bool(meta.get("deletionTimestamp"))]
    if kind is Kind.SECRET:
        noted += [body.get("data") or {}, meta.get("labels") or {}, owners, body.get("immutable")]
    else:
        noted += [meta.get("uid"), meta.get("generation")]
    return hashlib.sha256(json.dumps(noted, sort_keys=True).encode()).hexdigest()
