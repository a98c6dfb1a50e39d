"""The operator's Prometheus metrics, in a registry of their own.

What belongs to one GitHubToken is not kept in gauges: a collector builds it at scrape time from the present views, so a
deleted object leaves no series, and a time that is unknown has none. Only the leader exports these series; a standby
would show what it last saw.

The loop writes, a scrape reads in another thread. A view is immutable and is replaced as a whole; the scrape copies the
references under a lock and builds its samples outside of it. The callables of `watch_scheduler` and `watch_journal` run
in the scrape's thread too.

docs/metrics.md lists every metric; a test holds that list against this module.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from operator import attrgetter
from threading import Lock
from typing import Final, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from githubtoken_operator.domain.view import Kind, TokenView

RefreshResult = Literal["success", "transient", "terminal"]
"""How a renewal ended: a new token, a failure that time heals, or one that needs a human."""

RevocationResult = Literal["success", "failed"]
"""How a revocation ended: the tokens are dead at GitHub, or the object went although they may be alive."""

NO_ANSWER: Final = "none"
"""The `code` label of a request that GitHub did not answer."""

_RENEWED_KINDS: Final = ("User", "Installation")
_RESULTS: Final = ("success", "transient", "terminal")
_REVOCATION_RESULTS: Final[tuple[RevocationResult, ...]] = ("success", "failed")
_CONDITION_STATUSES: Final = ("True", "False", "Unknown")
_REFRESH_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_OBJECT: Final = ("namespace", "name")

_RATE_LIMIT_WINDOW: Final = 3600.0
"""Seconds after which GitHub has reset a limit, so that what was read before says nothing any more.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""


class Metrics:
    """Everything that is exported, and the client's observer of requests.

    All methods may be called from any thread. `registry` is what a scrape renders.
    """

    def __init__(self, version: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`version` is the operator's own; `monotonic` gives seconds."""
        # Creation times as series of their own would double the number of counters and are used by nobody here.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client leaves it without types
        self.registry: Final = CollectorRegistry()
        self._tokens = _Tokens()
        self._rate_limits = _RateLimits(monotonic)
        self._sources = _Sources()

        for collector in (self._tokens, self._rate_limits, self._sources):
            self.registry.register(collector)
        ProcessCollector(registry=self.registry)

        self._refreshes = Counter(
            "githubtoken_refresh_total",
            "Renewals that were tried, by their result.",
            ("kind", "result"),
            registry=self.registry,
        )
        self._refresh_duration = Histogram(
            "githubtoken_refresh_duration_seconds",
            "How long a renewal took, from its start until its result was stored.",
            ("kind",),
            buckets=_REFRESH_BUCKETS,
            registry=self.registry,
        )
        self._repairs = Counter(
            "githubtoken_secret_repairs_total",
            "Secrets that were restored after somebody had deleted or edited them.",
            registry=self.registry,
        )
        self._revocations = Counter(
            "githubtoken_revocations_total",
            "GitHubTokens whose tokens were to be revoked with their deletion, by the result.",
            ("result",),
            registry=self.registry,
        )
        self._requests = Counter(
            "githubtoken_github_requests_total",
            "Requests to GitHub by host, operation and HTTP status code; the code is `none` where no answer came.",
            ("host", "operation", "code"),
            registry=self.registry,
        )
        self._request_duration = Histogram(
            "githubtoken_github_request_duration_seconds",
            "How long GitHub took to answer.",
            ("host", "operation"),
            registry=self.registry,
        )
        self._clock_skew = Gauge(
            "githubtoken_clock_skew_seconds",
            "The machine's clock minus the clock of the host; positive while the machine is ahead.",
            ("host",),
            registry=self.registry,
        )
        self._leader = Gauge(
            "githubtoken_leader",
            "1 while this replica holds the Lease and writes, else 0.",
            registry=self.registry,
        )
        build = Info("githubtoken_build", "The version of the operator and of its Python.", registry=self.registry)
        build.info({"version": version, "python": platform.python_version()})

        for outcome in _REVOCATION_RESULTS:
            self._revocations.labels(outcome)
        for kind in _RENEWED_KINDS:
            self._refresh_duration.labels(kind)
            for result in _RESULTS:
                self._refreshes.labels(kind, result)

    # --- GitHubTokens ---

    def show(self, view: TokenView) -> None:
        """Export this state of a GitHubToken in place of its earlier one."""
        self._tokens.show(view)

    def forget(self, namespace: str, name: str) -> None:
        """Drop the series of a GitHubToken that is gone; one that is not known is none the worse."""
        self._tokens.forget(namespace, name)

    def refreshed(self, kind: Kind, result: RefreshResult, seconds: float) -> None:
        """Count a renewal that was tried."""
        self._refreshes.labels(kind, result).inc()
        self._refresh_duration.labels(kind).observe(seconds)

    def repaired(self) -> None:
        """Count a Secret that was restored without a new token."""
        self._repairs.inc()

    def revoked(self, result: RevocationResult) -> None:
        """Count a deletion that was to revoke tokens; `failed` where it went on although they may be alive."""
        self._revocations.labels(result).inc()

    # --- The process ---

    def lead(self, leading: bool) -> None:  # noqa: FBT001 - the one thing that is set
        """Say whether this replica leads. Series of GitHubTokens are exported only while it does."""
        self._leader.set(leading)
        self._tokens.exported = leading

    def watch_scheduler(self, *, pending: Callable[[], int], overdue: Callable[[], int]) -> None:
        """Read the scheduler at each scrape: how many keys wait, and how many of them are due and not started."""
        self._sources.pending = pending
        self._sources.overdue = overdue

    def watch_journal(self, entries: Callable[[], int]) -> None:
        """Read the journal at each scrape: how many rotated pairs wait to be stored."""
        self._sources.journal_entries = entries

    # --- The GitHub client's observer ---

    def request(self, host: str, operation: str, code: int | None, seconds: float) -> None:
        """Count a request; `code` is the HTTP status, or None where no answer came."""
        self._requests.labels(host, operation, NO_ANSWER if code is None else str(code)).inc()
        self._request_duration.labels(host, operation).observe(seconds)

    def rate_limit(self, host: str, app: str, installation: str, remaining: int) -> None:
        """Note what GitHub says is left of a primary limit; `installation` is empty for a user token."""
        self._rate_limits.note(host, app, installation, remaining)

    def clock_skew(self, host: str, seconds: float) -> None:
        """Note by how much this machine's clock is ahead of the host's."""
        self._clock_skew.labels(host).set(seconds)


class _Tokens(Collector):
    """The series of all GitHubTokens, built from their views."""

    def __init__(self) -> None:
        self.exported = False
        self._views: dict[tuple[str, str], TokenView] = {}
        self._lock = Lock()

    def show(self, view: TokenView) -> None:
        with self._lock:
            self._views[view.namespace, view.name] = view

    def forget(self, namespace: str, name: str) -> None:
        with self._lock:
            self._views.pop((namespace, name), None)

    def collect(self) -> Iterator[Metric]:
        views: tuple[TokenView, ...] = ()
        if self.exported:
            with self._lock:
                views = tuple(self._views.values())
        # One family after the other: each is rendered and freed before the next, which matters at 10,000 objects.
        for name, meaning, moment in _TIMES:
            yield _times(name, meaning, moment, views)
        yield _ready(views)
        yield _stalled(views)
        yield _info(views)


_TIMES: Final[tuple[tuple[str, str, Callable[[TokenView], datetime | None]], ...]] = (
    (
        "githubtoken_issued_timestamp_seconds",
        "When the stored token was issued, in Unix seconds.",
        attrgetter("issued"),
    ),
    (
        "githubtoken_expiration_timestamp_seconds",
        "When the stored token expires, in Unix seconds.",
        attrgetter("expires"),
    ),
    (
        "githubtoken_renewal_timestamp_seconds",
        "When the stored token is due to be replaced, in Unix seconds.",
        attrgetter("renews"),
    ),
    (
        "githubtoken_refresh_token_expiration_timestamp_seconds",
        "When the stored refresh token expires, in Unix seconds.",
        attrgetter("refresh_token_expires"),
    ),
)


def _times(
    name: str, meaning: str, moment: Callable[[TokenView], datetime | None], views: Iterable[TokenView]
) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=_OBJECT)
    for view in views:
        if (known := moment(view)) is not None:
            family.add_metric((view.namespace, view.name), known.timestamp())
    return family


def _ready(views: Iterable[TokenView]) -> Metric:
    family = GaugeMetricFamily(
        "githubtoken_ready_status",
        "1 for the status that the Ready condition has, else 0.",
        labels=(*_OBJECT, "condition"),
    )
    for view in views:
        for status in _CONDITION_STATUSES:
            family.add_metric((view.namespace, view.name, status), float(view.ready == status))
    return family


def _stalled(views: Iterable[TokenView]) -> Metric:
    family = GaugeMetricFamily(
        "githubtoken_stalled", "1 while a human is needed; the reason says why.", labels=(*_OBJECT, "reason")
    )
    for view in views:
        if view.stalled_reason is not None:
            family.add_metric((view.namespace, view.name, view.stalled_reason), 1)
    return family


def _info(views: Iterable[TokenView]) -> Metric:
    family = InfoMetricFamily(
        "githubtoken", "What a GitHubToken is, to be joined with the others.", labels=(*_OBJECT, "kind")
    )
    for view in views:
        about = {"app": view.app, "secret": view.secret}
        family.add_metric((view.namespace, view.name, view.kind or ""), about)
    return family


class _RateLimits(Collector):
    """What is left of primary rate limits, as long as it says anything."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._remaining: dict[tuple[str, str, str], tuple[float, int]] = {}
        self._lock = Lock()

    def note(self, host: str, app: str, installation: str, remaining: int) -> None:
        with self._lock:
            self._remaining[host, app, installation] = (self._monotonic(), remaining)

    def collect(self) -> Iterator[Metric]:
        oldest = self._monotonic() - _RATE_LIMIT_WINDOW
        family = GaugeMetricFamily(
            "githubtoken_github_rate_limit_remaining",
            "Requests left of the primary rate limit, as GitHub said within the last hour.",
            labels=("host", "app", "installation"),
        )
        with self._lock:
            # Dropping what is old keeps the series of Apps that are gone from staying for good.
            self._remaining = {key: seen for key, seen in self._remaining.items() if seen[0] > oldest}
            current = tuple(self._remaining.items())
        for key, (_, remaining) in current:
            family.add_metric(key, remaining)
        yield family


class _Sources(Collector):
    """Numbers that others keep, read at scrape time; a source that was not given has no series."""

    def __init__(self) -> None:
        self.pending: Callable[[], int] | None = None
        self.overdue: Callable[[], int] | None = None
        self.journal_entries: Callable[[], int] | None = None

    def collect(self) -> Iterator[Metric]:
        for name, meaning, source in (
            ("githubtoken_scheduler_pending", "GitHubTokens that wait for their time or their turn.", self.pending),
            (
                "githubtoken_scheduler_overdue",
                "GitHubTokens whose time has come and that wait for a turn.",
                self.overdue,
            ),
            ("githubtoken_journal_entries", "Rotated pairs that are not stored yet.", self.journal_entries),
        ):
            if source is not None:
                yield GaugeMetricFamily(name, meaning, value=source())
