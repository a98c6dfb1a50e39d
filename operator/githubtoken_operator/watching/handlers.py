"""kopf's part: it watches, we decide. One thin handler per watched kind; each only wakes keys.

No change handlers, timers, daemons, indexes or peering: each of them writes to users' objects or keeps a task per
object. Handlers never raise and do no I/O. kopf ends when the hand-over has: it ends tasks that it does not know, and
the runs are such tasks.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import kopf

from githubtoken_operator.adapters.kubernetes.api import LARGE_PAGE
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.metrics import Metrics
from githubtoken_operator.apps.checks import Apps
from githubtoken_operator.domain.objects.secrets import ROLE, ROLE_CREDENTIAL, annotations_of, labels_of
from githubtoken_operator.domain.objects.view import AppView, TokenView
from githubtoken_operator.domain.runs import urgency
from githubtoken_operator.domain.user.credential import SEEDS_TAKEN, read_hashes
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.scheduler import Scheduler
from githubtoken_operator.engine.sweep import Sweep
from githubtoken_operator.engine.watched import KEYS, TOKENS, Ref, Watched
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.user.saving import Savings
from githubtoken_operator.tokens.user.seeds import Seeds
from githubtoken_operator.watching import connection
from githubtoken_operator.watching.named_secrets import NamedSecrets
from githubtoken_operator.watching.orphan_count import OrphanCount

DELETED: Final = "DELETED"
GROUP: Final = "githubtoken.dev"
VERSION: Final = "v1alpha1"
SILENCE: Final = 70.0
"""Seconds without an event or a bookmark, of which one comes each minute, after which a watch is begun anew."""

logger = logging.getLogger(__name__)


class Backoffs:
    """Seconds between attempts to reach the API server: 1, 1, 2, 3, 5 … 15, then 15 for half an hour.

    kopf ends the process when they are used up; a shorter list would end it while the API server is upgraded.
    """

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((1, 1, 2, 3, 5, 8, 13), itertools.repeat(15.0, 120))


class NoDiffBase(kopf.DiffBaseStorage):
    """kopf copies each object for change handlers, of which there are none: a fifth of its work for nothing.

    It also guards users' objects: kopf has nothing to write into their annotations.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        """The part of an object that a change handler would compare."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """What was stored of it."""

    def store(self, **_: Any) -> None:
        """Stores nothing."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the handlers tell of what they see; cluster-scoped objects only where the operator is `clusterwide`."""

    watched: Watched
    apps: Apps
    seeds: Seeds
    savings: Savings
    orphans: OrphanCount
    known: Known
    metrics: Metrics
    scheduler: Scheduler[Ref]
    sweep: Sweep
    named: NamedSecrets
    clusterwide: bool = True


def settings() -> kopf.OperatorSettings:
    """Settings of kopf that keep it small and patient; the reasons are measured ones."""
    chosen = kopf.OperatorSettings()
    chosen.peering.standalone = True
    # No watch of CRDs and namespaces; whether ours are there is checked at the start.
    chosen.scanning.disabled = True
    # A worker keeps its object's body until it idles out: most of kopf's memory. These take 2,000 objects a second.
    chosen.queueing.idle_timeout = 0.05
    chosen.queueing.worker_limit = 100
    chosen.queueing.exit_timeout = 25.0
    # Tenants may fill Secrets with a megabyte each: 200 of them in one answer would be all of the memory.
    chosen.watching.chunk_size = LARGE_PAGE
    chosen.watching.server_timeout = 600
    # A connection that a load balancer forgot stays open for ever.
    chosen.watching.inactivity_timeout = SILENCE
    chosen.watching.connect_timeout = 30
    chosen.watching.reconnect_backoff = 1.0
    # One server-side selector for all roles: foreign Secrets never reach us.
    chosen.watching.label_selectors["secrets"] = ROLE
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 10
    chosen.networking.error_backoffs = Backoffs()
    chosen.posting.enabled = False
    chosen.persistence.diffbase_storage = NoDiffBase()
    chosen.persistence.finalizer = f"{GROUP}/operator"
    return chosen


def registry(wiring: Wiring, *, end: Callable[[], Awaitable[None]]) -> kopf.OperatorRegistry:
    """The handlers, bound to `wiring`; kopf waits for `end` before it ends."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**kwargs: Any) -> connection.Access | None:
        found = connection.login(**kwargs)
        return connection.Access.opened(found) if found else None

    @kopf.on.event(GROUP, VERSION, "githubtokens", registry=handlers)
    async def on_token(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's
        seen(Kind.TOKEN, type, body)

    @kopf.on.event(GROUP, VERSION, "githubapps", registry=handlers)
    async def on_app(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's
        seen(Kind.APP, type, body)

    @kopf.on.event("", "v1", "secrets", registry=handlers)
    async def on_secret(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's
        if type != DELETED:
            note_seeds(body)
            ref = Ref(Kind.SECRET, body["metadata"]["namespace"], body["metadata"]["name"])
            wiring.orphans.note(ref, body)
            wiring.named.labelled(ref)
        seen(Kind.SECRET, type, body)

    if wiring.clusterwide:

        @kopf.on.event(GROUP, VERSION, "clustergithubtokens", registry=handlers)
        async def on_cluster_token(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's
            seen(Kind.CLUSTER_TOKEN, type, body)

        @kopf.on.event(GROUP, VERSION, "clustergithubapps", registry=handlers)
        async def on_cluster_app(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's
            seen(Kind.CLUSTER_APP, type, body)

        # Their labels decide who may use a ClusterGitHubApp, and who has a ClusterGitHubToken's Secret. They are few,
        # small, and seldom change.
        @kopf.on.event("", "v1", "namespaces", registry=handlers)
        async def on_namespace(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's
            seen(Kind.NAMESPACE, type, body)

    def seen(kind: Kind, change: str | None, body: kopf.Body) -> None:
        meta = body["metadata"]
        ref = Ref(kind, meta.get("namespace", ""), meta["name"])
        if change is None and wiring.watched.is_delivered(ref):
            # A list that was made anew says nothing of what has gone.
            wiring.sweep.soon()
        if change == DELETED:
            gone(wiring, ref, meta.get("resourceVersion"))
            return
        show(wiring, ref, body)
        if kind in TOKENS and not wiring.watched.is_delivered(ref):
            wiring.scheduler.expect(ref, urgency.remembered(dict(body)))
        named = wiring.watched.named_by(ref)
        brought(wiring, ref, dict(body))
        count(wiring, named, wiring.watched.named_by(ref))
        if kind in KEYS:
            wiring.named.names(ref, body.get("spec") or {})

    def note_seeds(secret: kopf.Body) -> None:
        if labels_of(secret).get(ROLE) == ROLE_CREDENTIAL:
            key = (secret["metadata"]["namespace"], secret["metadata"]["name"])
            wiring.seeds.note(key, read_hashes(annotations_of(secret).get(SEEDS_TAKEN)))

    @kopf.on.cleanup(registry=handlers)
    async def finish(**_: Any) -> None:
        await end()

    return handlers


def show(wiring: Wiring, ref: Ref, body: kopf.Body) -> None:
    """Exports an object at its first sight: alerts speak of one whose first run has not ended too."""
    if ref.kind not in KEYS or wiring.metrics.shows(*ref.labels):
        return
    status = body.get("status") or {}
    of_app = ref.kind not in TOKENS
    view = AppView.of(ref.kind.value[1], body, status) if of_app else TokenView.of(body, status)
    wiring.metrics.show(view)


def brought(wiring: Wiring, ref: Ref, body: JSON) -> None:
    """A watch brought the object, or a look found it: wakes whom that concerns."""
    concerned = wiring.known.note(ref, body)
    if keys := {*wiring.watched.deliver(ref, body), *concerned}:
        wake(wiring, ref, keys)


def found(wiring: Wiring, ref: Ref, secret: JSON | None) -> None:
    """What is known now of a Secret that has no label of ours and is named."""
    if secret is not None:
        brought(wiring, ref, secret)
    elif wiring.watched.is_delivered(ref):
        gone(wiring, ref)


def gone(wiring: Wiring, ref: Ref, version: str | None = None) -> None:
    """The object is there no more, since that version where it is known."""
    named = wiring.watched.named_by(ref)
    if not wiring.watched.forget(ref, version):
        return
    count(wiring, named, None)
    wiring.named.gone(ref)
    wiring.scheduler.expect(ref, None)
    if ref.kind is Kind.SECRET:
        wiring.seeds.forget((ref.namespace, ref.name))
        wiring.savings.gone((ref.namespace, ref.name))
        wiring.orphans.forget(ref)
    wake(wiring, ref, {*wiring.watched.concerned(ref), *wiring.known.gone(ref)})


def count(wiring: Wiring, before: Ref | None, after: Ref | None) -> None:
    """A GitHubToken that named one App names another, or none."""
    for app in {before, after} - {None} if before != after else ():
        if app is not None:
            wiring.apps.count_again(app)


def wake(wiring: Wiring, ref: Ref, keys: Iterable[Ref]) -> None:
    """Makes `keys` due, which the object concerns."""
    if ref.kind not in TOKENS:
        wiring.apps.forget(ref)
    for key in keys:
        wiring.scheduler.wake(key)
