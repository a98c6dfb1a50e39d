"""Series of the process itself: its runs, its event loop, its Lease, its watches, and what it asks of the API server.

Labels are bounded by what there is in the code, but for pauses: those are as many as Apps that GitHub limits now. All
methods may be called from any thread. What is given to `watch` is read at each scrape, in the scrape's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from threading import Lock
from typing import Final, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from githubtoken_operator.adapters.metrics.waiting_metrics import Unanswered, WaitingObject, WaitingSeries

NO_ANSWER: Final = "none"
"""The `code` label of a request that was not answered."""

Reading = float | Mapping[str, int] | None
"""A number, or several by a label; None where it is not known."""

RunResult = Literal["done", "interrupted", "crashed"]
"""How a run ended: as it should, because somebody else wrote or the API server refused, or by a defect of ours."""

_RUN_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_API_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_LAG_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


_Metric = TypeVar("_Metric", Counter, Histogram)


def series(metric: _Metric) -> Callable[..., _Metric]:
    """The metric's `labels`, for what each request counts: the client takes a lock and compares texts at each call.

    Only where labels are bounded and no series is ever removed.
    """
    return lru_cache(maxsize=None)(metric.labels)


class ProcessMetrics:
    """What an on-call engineer asks of the process. `monotonic` gives seconds."""

    def __init__(self, registry: CollectorRegistry, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._sources = _Sources()
        self._watches = _Watches(monotonic)
        self._pauses = _Pauses(monotonic)
        self._waiting = WaitingSeries()
        for collector in (self._sources, self._watches, self._pauses, self._waiting):
            registry.register(collector)
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        self._runs = series(
            counter(
                "githubtoken_runs_total",
                "Runs of single objects by their kind, how they ended, and the cause of the next one.",
                ("kind", "result", "next"),
            )
        )
        self._run_duration = series(
            histogram(
                "githubtoken_run_duration_seconds", "How long a run held its place.", ("kind",), buckets=_RUN_BUCKETS
            )
        )
        self._requests = series(
            counter(
                "githubtoken_api_requests_total",
                "Requests to the API server; the code is `none` where no answer came.",
                ("verb", "resource", "code"),
            )
        )
        self._request_duration = series(
            histogram(
                "githubtoken_api_request_duration_seconds",
                "How long the API server took to answer.",
                ("verb", "resource"),
                buckets=_API_BUCKETS,
            )
        )
        self._renewals = counter(
            "githubtoken_lease_renewals_total", "Renewals of the Lease that were tried, by their result.", ("result",)
        )
        self._renewal_duration = histogram(
            "githubtoken_lease_renewal_duration_seconds", "How long a renewal of the Lease took.", buckets=_API_BUCKETS
        )
        self._lag = histogram(
            "githubtoken_event_loop_lag_seconds",
            "By how much the event loop was late, measured four times a second.",
            buckets=_LAG_BUCKETS,
        )
        for kind in ("GitHubToken", "GitHubApp", "ClusterGitHubApp"):
            self._runs(kind, "crashed", "crash")
        for result in ("success", "failed"):
            self._renewals.labels(result)

    def ran(self, kind: str, result: RunResult, following: str, seconds: float) -> None:
        """Count a run of an object of that kind; `following` is what it runs for next."""
        self._runs(kind, result, following).inc()
        self._run_duration(kind).observe(seconds)

    def asked(self, verb: str, resource: str, status: int, seconds: float) -> None:
        """Count a request to the API server; `status` is 0 where it was not answered."""
        self.answered(verb, resource, status)
        self._request_duration(verb, resource).observe(seconds)

    def answered(self, verb: str, resource: str, status: int) -> None:
        """The same of one that takes as long as somebody listens."""
        self._requests(verb, resource, str(status) if status else NO_ANSWER).inc()

    def renewed(self, succeeded: bool, seconds: float) -> None:  # noqa: FBT001 - the one thing that is told
        """Count an attempt to renew the Lease."""
        self._renewals.labels("success" if succeeded else "failed").inc()
        self._renewal_duration.observe(seconds)

    def lagged(self, seconds: float) -> None:
        """Note by how much the event loop was late."""
        self._lag.observe(seconds)

    def heard(self, resource: str, namespace: str | None) -> None:
        """Note a sign of life of the watch of that resource, in that namespace or in all (None)."""
        self._watches.note(resource, namespace or "")

    def paused(self, host: str, namespace: str, app: str, seconds: float) -> None:
        """Note that GitHub asked for a pause of so many seconds; without `app`, for the namespace's personal tokens."""
        self._pauses.note((host, namespace, app), self._monotonic() + seconds)

    def watch(self, name: str, source: Callable[[], Reading]) -> None:
        """Give `name`, one of `_SOURCES`, what the source says at each scrape."""
        self._sources.add(name, source)

    def watch_turns(
        self, waiting: Callable[[], Iterable[WaitingObject]], unanswered: Callable[[], Iterable[Unanswered]]
    ) -> None:
        """Who waits for a turn at GitHub, and who is not answered there."""
        self._waiting.source, self._waiting.unanswered = waiting, unanswered


_SOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "githubtoken_scheduler_pending": ("Objects that wait for their time or their turn.", ""),
    "githubtoken_scheduler_overdue": ("Objects whose time has come and that wait for a turn.", ""),
    "githubtoken_scheduler_waiting": ("Objects that wait, by what their next run is for.", "next"),
    "githubtoken_journal_entries": ("Rotated pairs that are not stored yet.", ""),
    "githubtoken_orphaned_credentials": ("Credential Secrets that no GitHubToken has any more.", ""),
    "githubtoken_unlabelled_secrets": (
        "Secrets without the label that objects name, by how their changes are noticed.",
        "noticed",
    ),
    "githubtoken_lease_seconds_left": ("For how long the Lease is held even if no renewal succeeds any more.", ""),
    "githubtoken_event_loop_silence_seconds": ("For how long the event loop has not moved.", ""),
}
"""What others keep: its meaning, and the label by which there are several of it, or ""."""


class _Sources(Collector):
    """Numbers that others keep, read at scrape time; a source that was not given, or knows none, has no series."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[str, str, Callable[[], Reading]]] = {}

    def add(self, name: str, source: Callable[[], Reading]) -> None:
        self._given[name] = (*_SOURCES[name], source)

    def collect(self) -> Iterator[Metric]:
        for name, (meaning, label, source) in self._given.items():
            found = source()
            if isinstance(found, Mapping):
                family = GaugeMetricFamily(name, meaning, labels=(label,))
                for each, count in sorted(found.items()):
                    family.add_metric((each,), count)
                yield family
            elif found is not None:
                yield GaugeMetricFamily(name, meaning, value=found)


class _Watches(Collector):
    """When each watch was last heard of. Of several of one resource the one that is silent longest counts."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._heard: dict[tuple[str, str], float] = {}

    def note(self, resource: str, namespace: str) -> None:
        self._heard[resource, namespace] = self._monotonic()

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "githubtoken_watch_age_seconds",
            "How long ago the watch of a resource last brought an event or a bookmark.",
            labels=("resource",),
        )
        oldest: dict[str, float] = {}
        for (resource, _), at in self._heard.copy().items():
            oldest[resource] = min(at, oldest.get(resource, at))
        for resource, at in oldest.items():
            family.add_metric((resource,), self._monotonic() - at)
        yield family


class _Pauses(Collector):
    """The pauses that GitHub asked for and that are not over."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until: dict[tuple[str, str, str], float] = {}
        self._lock = Lock()

    def note(self, whom: tuple[str, str, str], until: float) -> None:
        with self._lock:
            self._drop_ended()
            self._until[whom] = max(until, self._until.get(whom, until))

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "githubtoken_paused_seconds",
            "How long an App is still to leave a host alone, as GitHub asked.",
            labels=("host", "namespace", "app"),
        )
        with self._lock:
            self._drop_ended()
            current = tuple(self._until.items())
        for whom, until in current:
            family.add_metric(whom, until - self._monotonic())
        yield family

    def _drop_ended(self) -> None:
        now = self._monotonic()
        self._until = {whom: until for whom, until in self._until.items() if until > now}
