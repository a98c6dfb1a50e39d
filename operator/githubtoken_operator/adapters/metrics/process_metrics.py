"""Series of the process itself: its runs, its event loop, its Lease, its watches, and what it asks of the API server.

Labels are bounded by what there is in the code, but for who waits for GitHub: that is as much as there is now. All
methods may be called from any thread. What is given to `watch` is read at each scrape, in the scrape's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from threading import Lock
from typing import Final, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

NO_ANSWER: Final = "none"
"""The `code` label of a request that was not answered."""

Reading = float | Mapping[str, float] | Mapping[tuple[str, ...], float] | None
"""A number, or several by their labels' values; None where it is not known."""

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
        self._heard: dict[tuple[str, str], float] = {}
        self._paused_until: dict[tuple[str, ...], float] = {}
        self._lock = Lock()
        self._sources = _Sources()
        registry.register(self._sources)
        self.watch("githubtoken_watch_age_seconds", self._ages)
        self.watch("githubtoken_paused_seconds", self._pauses)
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
        self._heard[resource, namespace or ""] = self._monotonic()

    def paused(self, host: str, namespace: str, app: str, seconds: float) -> None:
        """Note that GitHub asked for a pause of so many seconds; without `app`, for the namespace's personal tokens."""
        whom, until = (host, namespace, app), self._monotonic() + seconds
        # Also where nobody scrapes, what is over is forgotten.
        self._pauses()
        with self._lock:
            self._paused_until[whom] = max(until, self._paused_until.get(whom, until))

    def watch(self, name: str, source: Callable[[], Reading]) -> None:
        """Give `name`, one of `SOURCES`, what the source says at each scrape."""
        self._sources.given[name] = source

    def _ages(self) -> dict[str, float]:
        """How long ago each resource was heard of; of its watches in several namespaces the most silent one counts."""
        now, ages = self._monotonic(), dict[str, float]()
        for (resource, _), at in self._heard.copy().items():
            ages[resource] = max(now - at, ages.get(resource, 0.0))
        return ages

    def _pauses(self) -> dict[tuple[str, ...], float]:
        """What is left of each pause; those that are over are forgotten."""
        with self._lock:
            now = self._monotonic()
            self._paused_until = {whom: until for whom, until in self._paused_until.items() if until > now}
            return {whom: until - now for whom, until in self._paused_until.items()}


_APP: Final = ("host", "namespace", "app")
SOURCES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "githubtoken_scheduler_pending": ("Objects that wait for their time or their turn.", ()),
    "githubtoken_scheduler_overdue": ("Objects whose time has come and that wait for a turn.", ()),
    "githubtoken_scheduler_waiting": ("Objects that wait, by what their next run is for.", ("next",)),
    "githubtoken_journal_entries": ("Rotated pairs that are not stored yet.", ()),
    "githubtoken_orphaned_credentials": ("Credential Secrets that no GitHubToken has any more.", ()),
    "githubtoken_unlabelled_secrets": (
        "Secrets without the label that objects name, by how their changes are noticed.",
        ("noticed",),
    ),
    "githubtoken_lease_seconds_left": ("For how long the Lease is held even if no renewal succeeds any more.", ()),
    "githubtoken_event_loop_silence_seconds": ("For how long the event loop has not moved.", ()),
    "githubtoken_watch_age_seconds": (
        "How long ago the watch of a resource last brought an event or a bookmark.",
        ("resource",),
    ),
    "githubtoken_paused_seconds": ("How long an App is still to leave a host alone, as GitHub asked.", _APP),
    "githubtoken_github_rate_limit_remaining": (
        "Requests left of the primary rate limit, as GitHub said within the last hour.",
        ("host", "app", "installation"),
    ),
    "githubtoken_clock_skew_seconds": (
        "The machine's clock minus the clock of the host; positive while the machine is ahead.",
        ("host",),
    ),
    "githubtoken_waiting_seconds": (
        "For how long a GitHubToken waits for its turn at GitHub.",
        ("namespace", "name"),
    ),
    "githubtoken_lane_waiting": ("How many GitHubTokens wait for the turn of their App.", _APP),
    "githubtoken_unanswered_seconds": (
        "For how long GitHub does not answer an App, or only with 5xx; of a whole host where no App is named.",
        _APP,
    ),
}
"""What is read when a page is scraped: its meaning, and the labels by which there are several of it."""


class _Sources(Collector):
    """Numbers that others keep, read at scrape time; a source that was not given, or knows none, has no series."""

    def __init__(self) -> None:
        self.given: dict[str, Callable[[], Reading]] = {}

    def collect(self) -> Iterator[Metric]:
        # More may be given while a scrape is answered.
        for name, source in tuple(self.given.items()):
            (meaning, labels), found = SOURCES[name], source()
            if isinstance(found, Mapping):
                family = GaugeMetricFamily(name, meaning, labels=labels)
                for whose, value in found.items():
                    family.add_metric((whose,) if isinstance(whose, str) else whose, value)
                yield family
            elif found is not None:
                yield GaugeMetricFamily(name, meaning, value=found)
