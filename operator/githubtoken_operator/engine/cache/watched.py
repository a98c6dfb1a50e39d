"""What the watches have told, and which keys an object concerns. What an object is, the `store` has.

A run reports which objects it reads; an event about one of them wakes the key. Each key remembers for itself the
version that its last decision saw: an object that it read, or a write of its own. An event wakes the keys that saw
another version and nobody else, so what one key happened to read first is still news for all others, while our own
writes coming back and the re-delivery after a re-list wake nobody.

A version is a digest of what a decision can depend on, not the resourceVersion: a write's own is known only after its
event may have come, and the API server's bookkeeping is no change.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import LAST_APPLIED, data_digest
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.store import Store

TOKENS: Final = frozenset({Kind.TOKEN, Kind.CLUSTER_TOKEN})
"""The kinds whose objects get a token."""
KEYS: Final = TOKENS | {Kind.APP, Kind.CLUSTER_APP}
"""The kinds whose objects have runs and series of their own."""
WATCHED: Final = (Kind.TOKEN, Kind.APP, Kind.SECRET, Kind.CLUSTER_APP, Kind.CLUSTER_TOKEN, Kind.NAMESPACE)
"""The kinds that are watched. Namespaces, and what is cluster-scoped, are few and small."""


def served(*, clusterwide: bool) -> tuple[Kind, ...]:
    """Those of them that are watched: what is cluster-scoped only where all namespaces are served."""
    return tuple(kind for kind in WATCHED if clusterwide or kind.namespaced)


class Ref(NamedTuple):
    """One object of the cluster; what is cluster-scoped has no namespace ("").

    A Ref to a GitHubToken or an App is also the scheduler's key for it. Each run asks hundreds of times for the hash of
    one, which a tuple has without a call in Python.
    """

    kind: Kind
    namespace: str
    name: str

    @property
    def labels(self) -> tuple[str, ...]:
        """What names the object in metrics: namespace and name, of an App its kind too."""
        where = (self.namespace, self.name)
        return where if self.kind in TOKENS else (str(self.kind), *where)

    def __str__(self) -> str:
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"


class Watched:
    """The index from objects to the keys that depend on them."""

    def __init__(self, kinds: Collection[Kind] = WATCHED) -> None:
        self.store: Final = Store(kinds)
        self._dependents: dict[Ref, Collection[Ref]] = {}
        self._reads: dict[Ref, tuple[Ref, ...]] = {}
        self._saw: defaultdict[Ref, dict[Ref, bytes]] = defaultdict(dict)
        self._delivered: defaultdict[Kind, dict[Ref, bytes]] = defaultdict(dict)
        self._named: dict[Ref, Ref] = {}
        self._users: Counter[Ref] = Counter()
        # All that name an App have one Ref of it in memory.
        self._apps: dict[Ref, Ref] = {}

    def reads(self, key: Ref) -> frozenset[Ref]:
        """What `key` was last said to depend on."""
        return frozenset(self._reads.get(key, ()))

    def depends(self, key: Ref, on: Iterable[Ref]) -> None:
        """Replaces what `key` was said to depend on."""
        reads, before = frozenset(self._apps.get(ref, ref) for ref in on), self.reads(key)
        if reads == before:
            return
        for ref in before - reads:
            if left := _without(self._dependents[ref], key):
                self._dependents[ref] = left
            else:
                del self._dependents[ref]
        for ref in reads:
            self._dependents[ref] = _with(self._dependents.get(ref, ()), key)
        if reads:
            self._reads[key] = tuple(reads)
            self._saw[key] = {ref: version for ref, version in self._saw[key].items() if ref in reads or ref == key}
        else:
            self._reads.pop(key, None)
            self._saw.pop(key, None)

    def dependents(self, ref: Ref) -> tuple[Ref, ...]:
        """The keys that depend on `ref`."""
        return tuple(self._dependents.get(ref, ()))

    def concerned(self, ref: Ref) -> tuple[Ref, ...]:
        """The keys that an event about `ref` can be for: a GitHubToken's or an App's own, else what depends on it."""
        return (ref,) if ref.kind in KEYS else self.dependents(ref)

    @contextmanager
    def run_of(self, key: Ref) -> Iterator[None]:
        """What is seen inside, also by what it calls, is what `key` decides on."""
        before = _running.set(key)
        try:
            yield
        finally:
            _running.reset(before)

    def read(self, ref: Ref) -> JSON | None:
        """The object as far as it is known, noted as read; None where the API server has to be asked."""
        found = self.store.find(ref.kind, (ref.namespace, ref.name))
        if found is not None and (noted := self._noted(ref)) is not None:
            brought = self.store.is_as_brought(ref.kind, (ref.namespace, ref.name))
            version = self._delivered[ref.kind].get(ref) if brought else None
            key, ref = noted
            self._saw[key][ref] = version or _version(ref.kind, found)
        return found

    def saw(self, ref: Ref, body: JSON | None) -> None:
        """Notes for the key that runs that it read this, found nothing (None), or is about to write it."""
        if (noted := self._noted(ref)) is not None:
            version, delivered = _version(ref.kind, body), self._delivered[ref.kind].get(ref)
            key, ref = noted
            # One text in memory for both.
            self._saw[key][ref] = delivered if delivered == version else version

    def _noted(self, ref: Ref) -> tuple[Ref, Ref] | None:
        """The key that runs, and the object as it is kept for it already; None where that does not concern it."""
        key = _running.get()
        if key is None:
            return None
        return next(((key, kept) for kept in (key, *self._reads.get(key, ())) if kept == ref), None)

    def deliver(self, ref: Ref, body: JSON) -> tuple[Ref, ...]:
        """Takes an event in. The keys that have decided on another version, or not yet on any since the last event.

        None of one that is older than what is known: the newer one's event comes, and is for them.
        """
        version = _version(ref.kind, body)
        before = self._delivered[ref.kind].get(ref)
        if not self.store.bring(ref.kind, (ref.namespace, ref.name), body):
            self._delivered[ref.kind].setdefault(ref, version)
            return ()
        if ref.kind in TOKENS:
            self._name(ref, _app_of(ref, body))
        self._delivered[ref.kind][ref] = version
        return tuple(key for key in self.concerned(ref) if self._seen_by(key).get(ref, before) != version)

    def is_delivered(self, ref: Ref) -> bool:
        """Whether a watch brought the object, and nothing told of its end."""
        return ref in self._delivered[ref.kind]

    def is_seen(self, ref: Ref) -> bool:
        """Whether some key has read the object by itself, and has decided on its being there."""
        return any(self._seen_by(key).get(ref, _ABSENT) != _ABSENT for key in self.dependents(ref))

    def delivered(self, kind: Kind) -> tuple[Ref, ...]:
        """All of that kind."""
        return tuple(self._delivered[kind])

    def forget(self, ref: Ref, version: str | None = None) -> bool:
        """The object is gone, since that version where it is known: one of the same name is news again.

        False where another of that name is known to have been made since.
        """
        if not self.store.drop(ref.kind, (ref.namespace, ref.name), version):
            return False
        self._name(ref, None)
        self._delivered[ref.kind].pop(ref, None)
        for key in self.concerned(ref):
            self._seen_by(key).pop(ref, None)
        return True

    def answered(self, kind: Kind, namespace: str, name: str, body: JSON | None) -> None:
        """The API server has told what the object is; None: there is none."""
        self.store.answer(kind, (namespace, name), body)

    def named_by(self, token: Ref) -> Ref | None:
        """The App that a GitHubToken names, as the watch has told."""
        return self._named.get(token)

    def users(self, app: Ref) -> int:
        """How many GitHubTokens name this App."""
        return self._users[app]

    def _name(self, token: Ref, app: Ref | None) -> None:
        before = self._named.pop(token, None)
        if before is not None:
            self._users[before] -= 1
            if not self._users[before]:
                del self._users[before], self._apps[before]
        if app is not None:
            app = self._named[token] = self._apps.setdefault(app, app)
            self._users[app] += 1

    def _seen_by(self, key: Ref) -> dict[Ref, bytes]:
        return self._saw.get(key) or {}


_FEW: Final = 8
_ABSENT: Final = b""
_SORTED: Final = json.JSONEncoder(sort_keys=True)
_running: ContextVar[Ref | None] = ContextVar("running", default=None)


def _with(keys: Collection[Ref], key: Ref) -> Collection[Ref]:
    """Few keys are a tuple, a quarter of the room of a set: most objects concern one."""
    if isinstance(keys, set):
        keys.add(key)
        return keys
    if key in keys:
        return keys
    return (*keys, key) if len(keys) < _FEW else {*keys, key}


def _without(keys: Collection[Ref], key: Ref) -> Collection[Ref]:
    if isinstance(keys, set):
        keys.discard(key)
        return keys
    return tuple(each for each in keys if each != key)


def _app_of(token: Ref, body: JSON) -> Ref | None:
    named = body.get("spec", {}).get("appRef")
    if named is None:
        return None
    own = token.kind is Kind.TOKEN and named.get("kind", "GitHubApp") == "GitHubApp"
    return Ref(Kind.APP, token.namespace, named["name"]) if own else Ref(Kind.CLUSTER_APP, "", named["name"])


def _version(kind: Kind, body: JSON | None) -> bytes:
    """What a change of the object is recognised by: never its status, never what the API server keeps for itself."""
    if body is None:
        return _ABSENT
    meta = body["metadata"]
    noted: list[Any]
    if kind is Kind.NAMESPACE:
        noted = [meta.get("labels") or {}]
    else:
        # What kubectl keeps of an object's spec is left out: a change of that is the spec's.
        notes = {name: text for name, text in (meta.get("annotations") or {}).items() if name != LAST_APPLIED}
        noted = [notes, bool(meta.get("deletionTimestamp"))]
    if kind is Kind.SECRET:
        owners = sorted(owner.get("uid", "") for owner in meta.get("ownerReferences") or ())
        noted += [data_digest(body), meta.get("labels") or {}, owners, body.get("immutable")]
    elif kind in KEYS:
        noted += [meta.get("uid"), meta.get("generation")]
    return hashlib.blake2b(_SORTED.encode(noted).encode(), digest_size=16).digest()
