"""Series of single objects, built from their views when a page is scraped.

A deleted object leaves no series, and a time that is unknown has none. Only the leader exports them: a standby would
show what it last saw.

The loop writes, a scrape reads in another thread. A view is immutable and is replaced as a whole; the scrape copies the
references under a lock and builds its samples outside of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from threading import Lock
from typing import Final

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from githubtoken_operator.domain.objects.view import AppView, TokenView

_CONDITION_STATUSES: Final = ("True", "False", "Unknown")
_OBJECT: Final = ("namespace", "name")
_APP: Final = ("kind", *_OBJECT)
_TIMES: Final = (
    ("githubtoken_issued_timestamp_seconds", "token was issued", "issued"),
    ("githubtoken_expiration_timestamp_seconds", "token expires", "expires"),
    ("githubtoken_renewal_timestamp_seconds", "token is due to be replaced", "renews"),
    ("githubtoken_refresh_token_expiration_timestamp_seconds", "refresh token expires", "refresh_token_expires"),
)
"""Name, what happens then, and the view's field."""

Labels = tuple[str, ...]
View = TokenView | AppView


class ObjectSeries(Collector):
    """The series of all GitHubTokens and Apps, by the labels that name each; of what is cluster-scoped one is empty."""

    def __init__(self) -> None:
        self.exported = False
        self._views: dict[Labels, View] = {}
        self._lock = Lock()

    def show(self, view: View) -> None:
        """Exports this state in place of the object's earlier one."""
        with self._lock:
            self._views[view.labels] = view

    def shows(self, *labels: str) -> bool:
        """Whether there is a view of a GitHubToken (its namespace and name) or an App (kind, namespace and name)."""
        return labels in self._views

    def forget(self, *labels: str) -> None:
        """Drops the series of an object that is gone, named as in `shows`; one that is not known is none the worse."""
        with self._lock:
            self._views.pop(labels, None)

    def collect(self) -> Iterator[Metric]:
        """One family after the other: each is rendered and freed before the next, which matters at 10,000 objects."""
        with self._lock:
            views = tuple(self._views.values()) if self.exported else ()
        tokens = [view for view in views if isinstance(view, TokenView)]
        apps = [view for view in views if isinstance(view, AppView)]
        for name, meaning, field in _TIMES:
            yield _times(name, meaning, field, tokens)
        yield _ready("githubtoken_ready_status", _OBJECT, tokens)
        yield _needs_human("githubtoken_needs_human", _OBJECT, tokens)
        yield _info(tokens)
        yield _namespaces(tokens)
        yield _ready("githubtoken_app_ready_status", _APP, apps)
        yield _needs_human("githubtoken_app_needs_human", _APP, apps)


def _times(name: str, meaning: str, field: str, views: Iterable[TokenView]) -> Metric:
    """The times that stand in one field of the views."""
    family = GaugeMetricFamily(name, f"When the stored {meaning}, in Unix seconds.", labels=_OBJECT)
    for view in views:
        time: datetime | None = getattr(view, field)
        if time is not None:
            family.add_metric((view.namespace, view.name), time.timestamp())
    return family


def _ready(name: str, labels: Labels, views: Iterable[View]) -> Metric:
    meaning = "1 for the status that the Ready condition has, else 0."
    family = GaugeMetricFamily(name, meaning, labels=(*labels, "condition"))
    for view in views:
        for status in _CONDITION_STATUSES:
            family.add_metric((*view.labels, status), float(view.ready == status))
    return family


def _needs_human(name: str, labels: Labels, views: Iterable[View]) -> Metric:
    family = GaugeMetricFamily(name, "1 while a human must act; the reason says why.", labels=(*labels, "reason"))
    for view in views:
        if view.needs_human is not None:
            family.add_metric((*view.labels, view.needs_human), 1)
    return family


def _info(views: Iterable[TokenView]) -> Metric:
    family = InfoMetricFamily(
        "githubtoken", "What a GitHubToken is, to be joined with the others.", labels=(*_OBJECT, "kind")
    )
    for view in views:
        about = {"app": view.app, "secret": view.secret}
        family.add_metric((view.namespace, view.name, view.kind or ""), about)
    return family


def _namespaces(views: Iterable[TokenView]) -> Metric:
    """Three series for each ClusterGitHubToken, however many namespaces it has."""
    meaning = "Namespaces of a ClusterGitHubToken: wanted, with the present token (current), and failed."
    family = GaugeMetricFamily("githubtoken_namespaces", meaning, labels=("name", "state"))
    for view in views:
        for state, count in view.namespaces.items():
            family.add_metric((view.name, state), count)
    return family
