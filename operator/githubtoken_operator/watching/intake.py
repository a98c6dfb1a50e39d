"""What the watches bring is taken in, and whom it concerns is woken: nothing here waits, or asks anybody."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Sequence
from sys import intern
from typing import Final, Protocol

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.one_secret import DELETED
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.apps.runs import AppRuns
from githubtoken_operator.domain.objects.view import AppView, TokenView
from githubtoken_operator.domain.runs.due import urgency
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.first_lists import FirstLists
from githubtoken_operator.engine.cache.watched import KEYS, TOKENS, WATCHED, Ref, Watched
from githubtoken_operator.engine.scheduling.scheduler import Scheduler
from githubtoken_operator.watching.named_secrets import NamedSecrets

_BY_PLURAL: Final = {kind.plural: kind for kind in WATCHED}

logger = logging.getLogger(__name__)


class Notes(Protocol):
    """What is remembered of objects that nobody has read for a run."""

    def note(self, ref: Ref, body: JSON) -> Iterable[Ref]:
        """An object is there, or another than before; the keys that it concerns beside those that read it."""

    def gone(self, ref: Ref) -> Iterable[Ref]:
        """It is there no more; the keys that this concerns beside those that read it."""


class Intake:
    """Takes in what lists and watches bring (`watches.Listener`), and what `named` does."""

    def __init__(
        self,
        *,
        watched: Watched,
        notes: Sequence[Notes],
        app_runs: AppRuns,
        metrics: Metrics,
        scheduler: Scheduler[Ref],
        first_lists: FirstLists,
        named: NamedSecrets,
    ) -> None:
        self._watched = watched
        self._notes = notes
        self._app_runs = app_runs
        self._metrics = metrics
        self._scheduler = scheduler
        self._first_lists = first_lists
        self._named = named
        self.heard: Final = metrics.process.heard
        self.answered: Final = metrics.process.answered

    def brought(self, resource: str, change: str | None, body: JSON) -> None:
        """An object is there, or another than before, or there no more."""
        meta = body["metadata"]
        ref = Ref(_BY_PLURAL[resource], intern(meta.get("namespace", "")), intern(meta["name"]))
        if change == DELETED:
            self._gone(ref, meta.get("resourceVersion"))
            return
        if ref.kind is Kind.SECRET:
            self._named.labelled(ref)
        self._show(ref, body)
        if ref.kind in TOKENS and not self._watched.is_delivered(ref):
            self._scheduler.expect(ref, urgency.remembered(body))
        app = self._watched.named_by(ref)
        self._take(ref, body)
        self._count(app, self._watched.named_by(ref))
        if ref.kind in KEYS:
            self._named.names(ref, body.get("spec") or {})

    def listed(self, resource: str, namespace: str | None, present: Container[tuple[str, str]]) -> None:
        """What was known there and is not in the list has gone while no watch was looking."""
        kind = _BY_PLURAL[resource]
        for ref in self._watched.delivered(kind):
            gone_here = namespace in (None, ref.namespace) and (ref.namespace, ref.name) not in present
            if gone_here and not self._named.watches(ref):
                logger.info("%s was deleted while no watch was looking", ref)
                self._gone(ref)
        self._first_lists.listed(kind, namespace)

    def found(self, ref: Ref, secret: JSON | None) -> None:
        """What is known now of a Secret that has no label of ours and is named."""
        if secret is not None:
            self._take(ref, secret)
        elif self._watched.is_delivered(ref) or self._watched.is_seen(ref):
            # It may have gone after it was read, and before its watch began.
            self._gone(ref)

    def _show(self, ref: Ref, body: JSON) -> None:
        """Exports an object at its first sight: alerts speak of one whose first run has not ended too."""
        if ref.kind not in KEYS or self._metrics.shows(*ref.labels):
            return
        status = body.get("status") or {}
        of_app = ref.kind not in TOKENS
        self._metrics.show(AppView.of(str(ref.kind), body, status) if of_app else TokenView.of(body, status))

    def _take(self, ref: Ref, body: JSON) -> None:
        concerned = {key for each in self._notes for key in each.note(ref, body)}
        if keys := {*self._watched.deliver(ref, body), *concerned}:
            self._wake(ref, keys)

    def _gone(self, ref: Ref, version: str | None = None) -> None:
        """The object is there no more, since that version where it is known."""
        app = self._watched.named_by(ref)
        if not self._watched.forget(ref, version):
            return
        self._count(app, None)
        self._named.gone(ref)
        self._scheduler.expect(ref, None)
        concerned = {key for each in self._notes for key in each.gone(ref)}
        self._wake(ref, {*self._watched.concerned(ref), *concerned})

    def _count(self, before: Ref | None, after: Ref | None) -> None:
        """A GitHubToken that named one App names another, or none."""
        for app in {before, after} - {None} if before != after else ():
            if app is not None:
                self._app_runs.count_again(app)

    def _wake(self, ref: Ref, keys: Iterable[Ref]) -> None:
        """Makes `keys` due, which the object concerns."""
        if ref.kind not in TOKENS:
            self._app_runs.reads_anew(ref)
        for key in keys:
            self._scheduler.wake(key)
