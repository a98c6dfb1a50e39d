"""The Apps of the cluster as they were read, with their Secrets, for their tokens and for their own runs.

What was read is reused for a few seconds, so that the tokens of one App do not read it a hundred times; a watched
change ends that at once.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.reader import AppReader, Resolved
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.engine.cache.watched import Ref

REUSE: Final = timedelta(seconds=10)
"""So long what was read of an App serves its tokens; a watched change ends it at once."""
_SWEEP: Final = 64
"""Of so many Apps what was read and has served is thrown away."""


class Apps:
    """The Apps of the cluster, read. Where not all namespaces are served, there are no ClusterGitHubApps."""

    def __init__(self, ground: Ground) -> None:
        self._reader = AppReader(ground)
        self._watched = ground.watched
        self._now = ground.clocks.now
        self._clusterwide = ground.clusterwide
        self._resolved: dict[Ref, Resolved] = {}
        self._served: defaultdict[Ref, set[str]] = defaultdict(set)
        self._reading: set[Ref] = set()
        self._locks: WeakValueDictionary[Ref, asyncio.Lock] = WeakValueDictionary()
        self._sweep_at = _SWEEP

    async def resolve(self, ref: Ref, *, fresh: bool = False) -> Resolved:
        """The App as it is, or as it was read within `REUSE`; `fresh`: as the API server has it at this moment."""
        async with self._lock(ref):
            known = self._resolved.get(ref)
            if known is None or fresh or self._now() - known.at > REUSE:
                known = await self._read(ref, fresh=fresh)
                self._served[ref].add(known.digest)
            return known

    async def resolve_for(self, ref: Ref, namespace: str) -> Resolved:
        """The same as tokens of `namespace` may use it; of one that does not admit them, they learn nothing else.

        "" is for an object of the cluster, whose namespaces are asked about one by one.
        """
        if ref.kind is Kind.APP:
            return await self.resolve(ref)
        if not self._clusterwide:
            message = (
                f"this operator serves namespaces only: make the GitHubToken anew with a GitHubApp instead of {ref}"
            )
            return Resolved(self._now(), error=Terminal(reasons.APP_NOT_ALLOWED, message))
        resolved = await self.resolve(ref)
        if not namespace or resolved.source is None:
            return resolved
        if refusal := await self._reader.not_admitted(resolved.source, namespace):
            # Nothing of the App is handed out: not its host, and not the client secret that is the cluster's.
            return Resolved(resolved.at, error=refusal)
        return resolved

    async def changed_since(self, ref: Ref, resolved: Resolved) -> bool:
        """Whether the App or a Secret of it is another by now: reads them anew."""
        self.drop(ref)
        return (await self.resolve(ref, fresh=True)).digest != resolved.digest

    def forget(self, changed: Ref) -> None:
        """Ends the reuse of what `changed` (the App or a Secret of it) was part of."""
        for ref in (changed, *self._watched.dependents(changed)):
            self.drop(ref)

    def drop(self, ref: Ref) -> None:
        """Ends the reuse of what was read of the App."""
        self._resolved.pop(ref, None)
        self._reading.discard(ref)

    def take_served(self, ref: Ref) -> set[str]:
        """The digests of what was handed out of the App since this was asked last."""
        return self._served.pop(ref, set())

    def let_go(self, ref: Ref) -> None:
        """Keeps nothing of an App that is gone."""
        self.drop(ref)
        self._served.pop(ref, None)

    async def _read(self, ref: Ref, *, fresh: bool) -> Resolved:
        """Reads it; what was changed meanwhile serves the caller, whom the change wakes, and nobody else."""
        self._reading.add(ref)
        try:
            known = await self._reader.read(ref, fresh=fresh)
            if ref in self._reading:
                self._keep(ref, known)
        finally:
            self._reading.discard(ref)
        return known

    def _keep(self, ref: Ref, known: Resolved) -> None:
        if len(self._resolved) >= self._sweep_at:
            oldest = self._now() - REUSE
            self._resolved = {each: it for each, it in self._resolved.items() if it.at >= oldest}
            # An App that was never there has no run that takes it.
            for each in [each for each in self._served if not self._watched.dependents(each)]:
                del self._served[each]
            self._sweep_at = max(_SWEEP, 2 * len(self._resolved))
        self._resolved[ref] = known

    def _lock(self, ref: Ref) -> asyncio.Lock:
        """The App's own, as long as somebody holds it or waits for it."""
        return self._locks.setdefault(ref, asyncio.Lock())
