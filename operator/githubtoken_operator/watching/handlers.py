"""What the watches bring goes into what is known, and wakes whom it concerns: nothing here waits, or asks anybody.

kopf watches (`registry`, `settings`), `watches` tells what came. There are no handlers of changes, timers, daemons,
indexes or peering: each of them writes to users' objects or keeps a task per object. kopf ends when the hand-over has:
it ends tasks that it does not know, and the runs are such tasks.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from sys import intern
from typing import Any, Final

import kopf

from githubtoken_operator.adapters.kubernetes.api import LARGE_PAGE
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.apps.resolving import Apps
from githubtoken_operator.apps.runs import AppRuns
from githubtoken_operator.domain.objects.secrets import ROLE, ROLE_CREDENTIAL, annotations_of, labels_of
from githubtoken_operator.domain.objects.view import AppView, TokenView
from githubtoken_operator.domain.runs.due import urgency
from githubtoken_operator.domain.user.credentials.credential import SEEDS_TAKEN, read_hashes
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.first_lists import FirstLists
from githubtoken_operator.engine.cache.watched import KEYS, TOKENS, WATCHED, Ref, Watched
from githubtoken_operator.engine.scheduling.scheduler import Scheduler
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.user.seeds import Seeds
from githubtoken_operator.tokens.user.storing.saving import Savings
from githubtoken_operator.watching import connection
from githubtoken_operator.watching.named_secrets import NamedSecrets
from githubtoken_operator.watching.orphan_count import OrphanCount

DELETED: Final = "DELETED"
SILENCE: Final = 70.0
"""Seconds without an event or a bookmark, of which one comes each minute, after which a watch is begun anew."""

_BY_PLURAL: Final = {kind.plural: kind for kind in WATCHED}

logger = logging.getLogger(__name__)


class Backoffs:
    """Seconds between attempts to reach the API server: 1, 1, 2, 3, 5 … 15, then 15 for half an hour.

    Once they are used up, the list or the watch begins anew (`watches`).
    """

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((1, 1, 2, 3, 5, 8, 13), itertools.repeat(15.0, 120))


@dataclass(frozen=True, slots=True)
class Wiring:
    """Who is told of what is seen."""

    watched: Watched
    apps: Apps
    app_runs: AppRuns
    seeds: Seeds
    savings: Savings
    orphans: OrphanCount
    known: Known
    metrics: Metrics
    scheduler: Scheduler[Ref]
    first_lists: FirstLists
    named: NamedSecrets


def settings() -> kopf.OperatorSettings:
    """Settings of kopf that keep it small and patient; the reasons are measured ones."""
    chosen = kopf.OperatorSettings()
    chosen.peering.standalone = True
    # No watch of CRDs and namespaces; whether ours are there is checked at the start.
    chosen.scanning.disabled = True
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
    return chosen


def registry(kinds: Iterable[Kind], *, end: Callable[[], Awaitable[None]]) -> kopf.OperatorRegistry:
    """What kopf is to watch; it waits for `end` before it ends."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**kwargs: Any) -> connection.Access | None:
        found = connection.login(**kwargs)
        return connection.Access.opened(found) if found else None

    def watched_elsewhere(**_: Any) -> None:
        """Is never called: kopf watches what has a handler, and what comes is taken before it gets here."""

    for kind in kinds:
        group, _, version = kind.value[0].rpartition("/")
        kopf.on.event(group, version, kind.plural, registry=handlers)(watched_elsewhere)

    @kopf.on.cleanup(registry=handlers)
    async def finish(**_: Any) -> None:
        await end()

    return handlers


class Seen:
    """Takes in what lists and watches bring (`watches.Listener`)."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._process = wiring.metrics.process
        self.heard: Final = self._process.heard
        self.answered: Final = self._process.answered

    def brought(self, resource: str, change: str | None, body: JSON) -> None:
        """An object is there, or another than before, or there no more."""
        wiring, meta = self._wiring, body["metadata"]
        ref = Ref(_BY_PLURAL[resource], intern(meta.get("namespace", "")), intern(meta["name"]))
        if change == DELETED:
            gone(wiring, ref, meta.get("resourceVersion"))
            return
        if ref.kind is Kind.SECRET:
            note_seeds(wiring, ref, body)
            wiring.orphans.note(ref, body)
            wiring.named.labelled(ref)
        show(wiring, ref, body)
        if ref.kind in TOKENS and not wiring.watched.is_delivered(ref):
            wiring.scheduler.expect(ref, urgency.remembered(body))
        named = wiring.watched.named_by(ref)
        brought(wiring, ref, body)
        count(wiring, named, wiring.watched.named_by(ref))
        if ref.kind in KEYS:
            wiring.named.names(ref, body.get("spec") or {})

    def listed(self, resource: str, namespace: str | None, present: Container[tuple[str, str]]) -> None:
        """What was known there and is not in the list has gone while no watch was looking."""
        wiring, kind = self._wiring, _BY_PLURAL[resource]
        for ref in wiring.watched.delivered(kind):
            gone_here = namespace in (None, ref.namespace) and (ref.namespace, ref.name) not in present
            if gone_here and not wiring.named.watches(ref):
                logger.info("%s was deleted while no watch was looking", ref)
                gone(wiring, ref)
        wiring.first_lists.listed(kind, namespace)


def note_seeds(wiring: Wiring, ref: Ref, secret: JSON) -> None:
    """Remembers which seeds a credential has taken."""
    if labels_of(secret).get(ROLE) == ROLE_CREDENTIAL:
        wiring.seeds.note((ref.namespace, ref.name), read_hashes(annotations_of(secret).get(SEEDS_TAKEN)))


def show(wiring: Wiring, ref: Ref, body: JSON) -> None:
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
            wiring.app_runs.count_again(app)


def wake(wiring: Wiring, ref: Ref, keys: Iterable[Ref]) -> None:
    """Makes `keys` due, which the object concerns."""
    if ref.kind not in TOKENS:
        wiring.apps.forget(ref)
    for key in keys:
        wiring.scheduler.wake(key)
