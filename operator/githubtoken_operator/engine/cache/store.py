"""What the watches have brought, as runs read it: of each object what they need, with its resourceVersion.

Lists and watches feed it, and so do the API server's answers to our own reads and writes: the newer of two versions
wins, whichever comes first. Versions of one resource are numbers that grow
(https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions); where an API server has others, an
answer of ours makes the object unknown until the watch brings it.

It tells what is there once the first list of a kind is complete, and nothing before. What it does not have may be there
all the same: a Secret without our label, or an object too long to be kept. So whoever must know asks the API server,
but for `lacks`, where a create under "must not exist" finds out.

An object is kept packed (`packing`), in a twentieth of the memory of its parts. What is kept of Secrets is never shown:
there is no `repr`, and nothing here is logged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import (
    LAST_APPLIED,
    ROLE,
    is_newer,
    is_whole,
    labels_of,
    version_of,
    without_bookkeeping,
)
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.newest import Newest
from githubtoken_operator.engine.cache.packing import Packed, Packing

REMEMBERED_ENDS: Final = 1000
"""More than there can be answers under way, of which one may be older than its object's end."""

Name = tuple[str, str]
"""Namespace, "" of what is cluster-scoped, and name."""


class Store:
    """The objects of the kinds that are watched."""

    def __init__(self, kinds: Collection[Kind]) -> None:
        self._objects: dict[Kind, dict[Name, _Kept]] = {kind: {} for kind in kinds}
        self._packing = {kind: Packing() for kind in kinds}
        self._ends: defaultdict[Kind, Newest[Name, str]] = defaultdict(lambda: Newest(REMEMBERED_ENDS))
        self._complete: set[Kind] = set()

    def complete(self, kind: Kind) -> None:
        """Says that the watches have brought everything of this kind."""
        self._complete.add(kind)

    def find(self, kind: Kind, name: Name) -> JSON | None:
        """The object as far as it is known; None where the API server has to be asked."""
        kept = self._objects.get(kind, {}).get(name) if kind in self._complete else None
        return kept.body.unpacked() if kept is not None and kept.body is not None else None

    def is_as_brought(self, kind: Kind, name: Name) -> bool:
        """Whether what is known is what a list or a watch brought last, and no answer of a later time."""
        kept = self._objects[kind].get(name)
        return kept is not None and kept.brought

    def lacks(self, kind: Kind, name: Name) -> bool:
        """Whether nothing has told of such an object: it is not there, or has not the label by which it is watched."""
        return kind in self._complete and name not in self._objects[kind]

    def bring(self, kind: Kind, name: Name, body: JSON) -> bool:
        """Takes in what a list or a watch brought; False where something newer is known already."""
        if (objects := self._objects.get(kind)) is None:
            return True
        kept, version = objects.get(name), version_of(body)
        if kept is not None and is_newer(kept.version, version):
            return False
        self._ends[kind].pop(name, None)
        if kept is None or kept.body is None or not version or kept.version != version:
            objects[name] = kept = _Kept(version, self._packed(kind, body))
        # Else it is what a write of ours was answered with.
        kept.brought = True
        return True

    def answer(self, kind: Kind, name: Name, body: JSON | None) -> None:
        """Takes in what the API server has answered to a read or a write of ours; None: there is no such object.

        Of a Secret without our label no watch tells what becomes of it, so nothing is kept of it.
        """
        if (objects := self._objects.get(kind)) is None:
            return
        kept = objects.get(name)
        if body is None or (kind is Kind.SECRET and ROLE not in labels_of(body)):
            # A watch tells of it soon, if there was anything to tell.
            if kept is not None:
                kept.body = None
            return
        version, end = version_of(body), self._ends[kind].get(name)
        outdated = kept is not None and (is_newer(kept.version, version) or kept.version == version)
        if outdated or (end is not None and not is_newer(version, end)):
            return
        objects[name] = _Kept(version, self._packed(kind, body) if version.isdecimal() else None)

    def drop(self, kind: Kind, name: Name, version: str | None) -> bool:
        """The object is gone, since that version where it is known; False where another was made since."""
        if (objects := self._objects.get(kind)) is None:
            return True
        kept = objects.get(name)
        if kept is not None and version is not None and is_newer(kept.version, version):
            return False
        objects.pop(name, None)
        if end := version or (kept.version if kept else ""):
            self._ends[kind][name] = end
        return True

    def _packed(self, kind: Kind, body: JSON) -> Packed | None:
        """The object as it is kept; None where it was cut already, or is too long, as with a bundle of CAs in it."""
        return self._packing[kind].pack(_needed(kind, body)) if is_whole(body) else None


class _Kept:
    """An object: the newest version that is known, and what is kept of it, None where it has to be asked for."""

    __slots__ = ("body", "brought", "version")

    def __init__(self, version: str, body: Packed | None) -> None:
        self.version = version
        self.body = body
        self.brought = False


def _needed(kind: Kind, body: JSON) -> JSON:
    """What is kept of an object."""
    meta = without_bookkeeping(body["metadata"], ours=kind is Kind.SECRET)
    if kind is Kind.NAMESPACE:
        # Nothing but its labels is looked at.
        body, meta = {}, {name: meta[name] for name in ("name", "labels", "resourceVersion") if name in meta}
    elif kind is not Kind.SECRET and LAST_APPLIED in (meta.get("annotations") or {}):
        # A second copy of the spec. That of a Secret has to stay, which is written back as a whole.
        meta["annotations"] = {name: text for name, text in meta["annotations"].items() if name != LAST_APPLIED}
    return {**body, "metadata": meta}
