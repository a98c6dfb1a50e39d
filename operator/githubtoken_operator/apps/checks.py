"""The Apps of the cluster, and what GitHub said of them when `domain.runs.appcheck` wanted them checked.

Tokens ask `resolve_for` and `ensure_checked`; the App's own `run` writes its status and wakes the tokens that it
concerns. What was read is reused for a few seconds, so that the tokens of one App do not read it a hundred times.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol
from weakref import WeakValueDictionary

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Conflict, NotFound, Terminating
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.adapters.signers.remote_key import RemoteKey
from githubtoken_operator.apps.reader import AppReader, Resolved
from githubtoken_operator.domain.lanes.budget import READ
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.objects.specs.github_app import GitHubApp
from githubtoken_operator.domain.objects.view import AppView
from githubtoken_operator.domain.runs import appcheck, causes
from githubtoken_operator.domain.runs.appcheck import Check
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, TokenError, Transient
from githubtoken_operator.domain.vocabulary.model import JSON, App, AppInfo, PrivateKey
from githubtoken_operator.engine.cache.watched import TOKENS, Ref, Watched
from githubtoken_operator.engine.scheduling.scheduler import Next
from githubtoken_operator.engine.scheduling.turns import Turns, Waits

REUSE: Final = timedelta(seconds=10)
"""So long what was read of an App serves its tokens; a watched change ends it at once."""
RECHECK_MISSING: Final = timedelta(seconds=10)
"""A key Secret may have no watch and so make no event: while one is missing it is looked for again."""

COUNT_AFTER: Final = 5.0
"""Seconds that the count of an App's tokens waits, so that many that come together are counted once."""
_SWEEP: Final = 64
"""Of so many Apps what was read and has served is thrown away."""

logger = logging.getLogger(__name__)


class Wake(Protocol):
    """Makes an object's run due, in `delay` seconds at the latest."""

    def __call__(self, key: Ref, *, delay: float = 0.0) -> None:
        """What `Scheduler.wake` does."""


class Apps:
    """The Apps of the cluster. `wake` makes an object's run due.

    Without `clusterwide`, nothing cluster-scoped is read, and there are no ClusterGitHubApps.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        github: GitHub,
        reader: AppReader,
        watched: Watched,
        metrics: Metrics,
        turns: Turns[Ref],
        wake: Wake,
        now: Callable[[], datetime],
        clusterwide: bool = True,
    ) -> None:
        self._cluster = cluster
        self._github = github
        self._reader = reader
        self._watched = watched
        self._metrics = metrics
        self._turns = turns
        self._wake = wake
        self._now = now
        self._clusterwide = clusterwide
        self._resolved: dict[Ref, Resolved] = {}
        self._checks: dict[Ref, Check] = {}
        self._digests: dict[Ref, str] = {}
        self._served: defaultdict[Ref, set[str]] = defaultdict(set)
        self._client_ids: dict[Ref, tuple[tuple[str, str, str], str]] = {}
        self._limits: dict[Ref, tuple[datetime, RateLimited]] = {}
        self._unchecked: dict[Ref, set[Ref]] = {}
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
            self._sweep_at = max(_SWEEP, 2 * len(self._resolved))
        self._resolved[ref] = known

    def _lock(self, ref: Ref) -> asyncio.Lock:
        """The App's own, as long as somebody holds it or waits for it."""
        return self._locks.setdefault(ref, asyncio.Lock())

    async def resolve_for(self, ref: Ref, namespace: str | None) -> Resolved:
        """The same as tokens of `namespace` may use it; of one that does not admit them, they learn nothing else.

        None is for an object of the cluster, whose namespaces are asked about one by one.
        """
        if ref.kind is Kind.APP:
            return await self.resolve(ref)
        if not self._clusterwide:
            message = f"this operator serves namespaces only: use a GitHubApp instead of {ref}"
            return Resolved(self._now(), error=Terminal(reasons.APP_NOT_ALLOWED, message))
        resolved = await self.resolve(ref)
        if namespace is None or resolved.source is None:
            return resolved
        if refusal := await self._reader.not_admitted(resolved.source, namespace):
            # Nothing of the App is handed out: not its host, and not the client secret that is the cluster's.
            return Resolved(resolved.at, error=refusal, reads=resolved.reads)
        return resolved

    async def changed_since(self, ref: Ref, resolved: Resolved) -> bool:
        """Whether the App or a Secret of it is another by now: reads them anew."""
        self._drop(ref)
        return (await self.resolve(ref, fresh=True)).digest != resolved.digest

    def forget(self, changed: Ref) -> None:
        """Ends the reuse of what `changed` (the App or a Secret of it) was part of."""
        for ref in (changed, *self._watched.dependents(changed)):
            self._drop(ref)

    def _drop(self, ref: Ref) -> None:
        self._resolved.pop(ref, None)
        self._reading.discard(ref)

    async def ensure_checked(self, ref: Ref, *, asks: Ref) -> None:
        """Asks GitHub about the App where that is due. Raises what GitHub refused, and its limit until it ends.

        One asks for all: others have to wait (`Waits`) without a place, and are woken once GitHub has answered. No
        answer counts as no check; an App that GitHub accepted before is used nevertheless.
        Where a service has the key, raises why it is not known which.
        """
        resolved = await self.resolve(ref)
        source, app, key = resolved.source, resolved.app, resolved.key
        if source is None or app is None or key is None:
            return
        if isinstance(key, RemoteKey):
            await key.identify()
        check = self._checks.get(ref) or appcheck.remembered(source)
        if check is None or check.is_due(source, key.fingerprint, self._now()):
            check = await self._check(ref, source, app, key, before=check, asks=asks)
        self._checks[ref] = check
        if check.error is not None:
            raise check.error

    async def _check(
        self, ref: Ref, source: GitHubApp, app: App, key: PrivateKey, *, before: Check | None, asks: Ref
    ) -> Check:
        self._raise_limit(ref)
        worked = before is not None and before.error is None and before.concerns(source, key.fingerprint)
        lane = Lane(app.api_host, app.credential)
        self._unchecked.setdefault(ref, set()).add(asks)
        self._turns.owned(lane, (ref.namespace, ref.name))
        try:
            with self._turns.turn(asks, lane, deadline=0, points=READ):
                info = await self._github.get_app(app)
        except Waits:
            if before is None or not worked:
                raise
            return before
        except RateLimited as error:
            self._limits[ref] = self._now() + timedelta(seconds=error.retry_after or 0), error
            self._tell(ref, asks)
            raise
        except Transient as error:
            logger.info("%s was not checked: %s", ref, error.message)
            if before is None or not worked:
                self._turns.reserve(asks, lane, deadline=0, points=READ)
                raise
            return before
        except Terminal as error:
            check = appcheck.refused(source, key.fingerprint, self._now(), error, before)
        else:
            self._learn(ref, app, info)
            check = appcheck.accepted(source, key.fingerprint, self._now(), info)
        self._tell(ref, asks)
        return check

    def _tell(self, ref: Ref, asked: Ref) -> None:
        """Wakes the App, and those that wait for what GitHub says of it."""
        for waiting in {ref, *self._unchecked.pop(ref, ())} - {asked}:
            self._wake(waiting)

    def _raise_limit(self, ref: Ref) -> None:
        """Raises the limit that GitHub stated at the last look, as long as it lasts."""
        if ref not in self._limits:
            return
        until, error = self._limits[ref]
        left = (until - self._now()).total_seconds()
        if left > 0:
            raise RateLimited(error.reason, error.message, retry_after=left)
        del self._limits[ref]

    def count_again(self, ref: Ref) -> None:
        """Says that there is a token more or less that names the App."""
        if ref in self._digests:
            self._wake(ref, delay=COUNT_AFTER)

    async def client_id(self, ref: Ref, app: App, *, asks: Ref) -> str:
        """The client id, which user tokens need; learnt from `GET /app` where the spec gives only `appID`.

        It is asked for as a check is, so not within another turn. Raises what a check raises.
        """
        if app.client_id is None and app.private_key is not None and self._learnt(ref, app) is None:
            await self.ensure_checked(ref, asks=asks)
            if self._learnt(ref, app) is None:
                # It was checked before this process began.
                with self._turns.turn(asks, Lane(app.api_host, app.credential), deadline=0, points=READ):
                    self._learn(ref, app, await self._github.get_app(app))
        found = app.client_id or self._learnt(ref, app)
        if found is None:
            raise Terminal(reasons.APP_NOT_READY, "user tokens need the App's client id: set its `spec.clientID`")
        return found

    def _learnt(self, ref: Ref, app: App) -> str | None:
        proof, found = self._client_ids.get(ref, (None, None))
        return found if proof == _proof(app) else None

    def _learn(self, ref: Ref, app: App, info: AppInfo) -> None:
        if info.client_id is not None:
            self._client_ids[ref] = _proof(app), info.client_id

    async def run(self, ref: Ref) -> Next | None:
        """One run for an App; never raises for what the cluster or GitHub do."""
        try:
            with self._watched.run_of(ref):
                return await self._run(ref)
        except Terminating:
            logger.info("%s: the namespace is being deleted", ref)
            self._turns.leave(ref)
            return None
        except ApiError as error:
            logger.warning("%s: %s", ref, error.message)
            due = (self._now() + RECHECK_MISSING).timestamp()
            return Next(due, cause=causes.API_SERVER)

    async def _ask(self, ref: Ref, error: TokenError | None) -> None:
        """Has it checked where that is due; where there is nothing to ask, the turn that it waited for is another's."""
        if error is None:
            try:
                await self.ensure_checked(ref, asks=ref)
            except Waits:
                return
            except TokenError as refused:
                logger.warning("%s: %s", ref, refused.message)
                return
        self._turns.leave(ref)

    async def _run(self, ref: Ref) -> Next | None:
        """Read, check where due, write status, wake the tokens that a change concerns."""
        self._drop(ref)
        resolved = await self.resolve(ref)
        self._watched.depends(ref, resolved.reads)
        # The App's own key is among those that read it.
        tokens = [key for key in self._watched.dependents(ref) if key.kind in TOKENS]
        # Whoever has not read it yet has a run of its own to come.
        seen_before = self._served.pop(ref, set()) | {self._digests.get(ref, resolved.digest)}
        self._digests[ref] = resolved.digest
        if seen_before != {resolved.digest}:
            for token in tokens:
                self._wake(token)
        if resolved.error is not None and resolved.error.reason == reasons.MISSING_PERMISSION:
            # Nothing is known of the App, so nothing is forgotten either. A right that is granted makes no event.
            self._turns.leave(ref)
            logger.warning("%s: %s", ref, resolved.error.message)
            due = (self._now() + RECHECK_MISSING).timestamp()
            return Next(due, cause=causes.API_SERVER)
        if resolved.source is None or resolved.body is None:
            self._watched.depends(ref, ())
            self._drop(ref)
            for kept in (self._checks, self._digests, self._served, self._limits, self._client_ids, self._unchecked):
                kept.pop(ref, None)
            self._turns.leave(ref)
            self._metrics.forget(*ref.labels)
            return None
        error = resolved.error or (resolved.key_error if resolved.source.private_key else None)
        await self._ask(ref, error)
        key, check, users = resolved.key, self._checks.get(ref), self._watched.users(ref)
        concerned = check is not None and key is not None and check.concerns(resolved.source, key.fingerprint)
        check = check if concerned and error is None else None
        if isinstance(key, RemoteKey) and resolved.app is not None and error is None:
            # Of one that no token uses, too, it is found out whether it signs again.
            if users or key.trouble is not None:
                key.look_after(resolved.app.issuer, self._now() + self._github.skew(resolved.app.api_host))
            # While there are web tokens, GitHub can be asked.
            error = key.trouble
        status = appcheck.build_status(resolved.source, check=check, error=error, tokens=users, now=self._now())
        await self._record(ref, resolved.body, status)
        if ready_of(resolved.source.status)[1] in reasons.OF_SIGNERS and ready_of(status)[1] not in reasons.OF_SIGNERS:
            # It signs again. They back off, and read that it is so before they are asked to be less patient.
            self._drop(ref)
            for token in tokens:
                self._wake(token)
        return self._again(ref, resolved, error, check)

    def _again(self, ref: Ref, resolved: Resolved, error: TokenError | None, check: Check | None) -> Next | None:
        unanswered = check is None and resolved.key is not None
        if unanswered and error is None and ref in self._limits:
            due = self._limits[ref][0]
        elif error is not None or resolved.client_secret_error is not None or unanswered:
            due = self._now() + RECHECK_MISSING
        elif check is not None and check.error is not None:
            due = check.next_look
        else:
            return None
        return Next(due.timestamp(), cause=causes.CHECK)

    async def _record(self, ref: Ref, body: JSON, status: JSON) -> None:
        """Writes status where it differs, and tells a transition as an event."""
        before, meta = body.get("status") or {}, body["metadata"]
        self._metrics.show(AppView.of(ref.kind.value[1], body, status))
        if status == before:
            return
        try:
            await self._cluster.apply_status(ref.kind, meta, status)
            state, reason = ready_of(status)
            if (state, reason) != ready_of(before):
                about = {key: meta[key] for key in ("name", "namespace", "uid") if key in meta}
                text = status["conditions"][0]["message"]
                warning = state == "False"
                await self._cluster.emit(ref.kind, about, warning=warning, reason=reason, message=text, now=self._now())
        except (Conflict, NotFound):
            # It was changed or deleted meanwhile: look again.
            self._wake(ref)


def _proof(app: App) -> tuple[str, str, str]:
    """Who answered by that name."""
    return app.api_url, app.issuer, app.private_key.fingerprint if app.private_key else ""
