"""The operator's Prometheus metrics, in a registry of their own.

Here are those of the work and of GitHub; `object_metrics` has those of single objects, which only the leader exports,
and `process_metrics` those of the process.

docs/metrics.md lists every metric; a test holds that list against this module.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final, Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from githubtoken_operator.adapters.metrics.object_metrics import ObjectSeries
from githubtoken_operator.adapters.metrics.process_metrics import NO_ANSWER, ProcessMetrics, series
from githubtoken_operator.adapters.metrics.recent import Recent
from githubtoken_operator.domain.consumer.rollout import RESTARTED
from githubtoken_operator.domain.objects.specs.sources import KindName

RefreshResult = Literal["success", "transient", "terminal"]
"""How a renewal ended: a new token, a failure that time heals, or one that needs a human."""

RevocationResult = Literal["success", "failed"]
"""How a revocation ended: the tokens are dead at GitHub, or the object went although they may be alive."""

_RENEWED_KINDS: Final = tuple(kind for kind in get_args(KindName) if kind != "Personal")
_REFRESH_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_MOST_HOSTS: Final = 1024
"""Of so many hosts the name is remembered: it is asked for three times with each request."""
_RATE_LIMIT_WINDOW: Final = 3600.0
"""Seconds after which GitHub has reset a limit, so that what was read before says nothing any more.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

_CLOCK_SKEW_WINDOW: Final = 86_400.0
"""Seconds without an answer after which a host is nobody's any more: a user token is refreshed each five hours."""


class Metrics:
    """Everything that is exported, and the client's observer of requests.

    All methods may be called from any thread. `registry` is what a scrape renders.
    """

    def __init__(
        self,
        version: str,
        *,
        host_label: Callable[[str], str] = str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`version` is the operator's own; `monotonic` gives seconds.

        `host_label` names a host in the series: many hosts that tenants may think of must come out as few names.
        """
        self.host_label: Final = lru_cache(_MOST_HOSTS)(host_label)
        # Creation times as series of their own would double the number of counters and are used by nobody here.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client leaves it without types
        self.registry: Final = CollectorRegistry()
        self._objects = ObjectSeries()
        self.show: Final = self._objects.show
        self.shows: Final = self._objects.shows
        self.forget: Final = self._objects.forget
        self.registry.register(self._objects)
        self.process: Final = ProcessMetrics(self.registry, monotonic=monotonic)
        self._rate_limits = Recent(_RATE_LIMIT_WINDOW, monotonic)
        self._clock_skews = Recent(_CLOCK_SKEW_WINDOW, monotonic)
        self.process.watch("githubtoken_github_rate_limit_remaining", self._rate_limits.current)
        self.process.watch("githubtoken_clock_skew_seconds", self._clock_skews.current)
        ProcessCollector(registry=self.registry)

        counter, histogram = partial(Counter, registry=self.registry), partial(Histogram, registry=self.registry)
        self._refreshes = counter(
            "githubtoken_refresh_total", "Renewals that were tried, by their result.", ("kind", "result")
        )
        self._refresh_duration = histogram(
            "githubtoken_refresh_duration_seconds",
            "How long a renewal took, from its start until it failed or the Secret held its token.",
            ("kind",),
            buckets=_REFRESH_BUCKETS,
        )
        self._repairs = counter(
            "githubtoken_secret_repairs_total", "Secrets that were restored after somebody had deleted or edited them."
        )
        self._revocations = counter(
            "githubtoken_revocations_total",
            "GitHubTokens whose tokens were to be revoked with their deletion, by the result.",
            ("result",),
        )
        self._restarts = counter(
            "githubtoken_restarts_total",
            "Workloads of `spec.restartTargets` that were restarted for a new token, by their kind.",
            ("kind",),
        )
        self._requests = series(
            counter(
                "githubtoken_github_requests_total",
                "Requests to GitHub by host, operation and HTTP status code; the code is `none` where no answer came.",
                ("host", "operation", "code"),
            )
        )
        self._request_duration = series(
            histogram(
                "githubtoken_github_request_duration_seconds", "How long GitHub took to answer.", ("host", "operation")
            )
        )
        self._signer_requests = counter(
            "githubtoken_signer_requests_total",
            "Calls of the services that sign for Apps, by the field of `spec.signer` and how they ended.",
            ("backend", "code"),
        )
        self._signer_duration = histogram(
            "githubtoken_signer_request_duration_seconds",
            "How long a service that signs for Apps took to answer.",
            ("backend",),
        )
        self._leader = Gauge(
            "githubtoken_leader", "1 while this replica holds the Lease and writes, else 0.", registry=self.registry
        )
        build = Info("githubtoken_build", "The version of the operator and of its Python.", registry=self.registry)
        build.info({"version": version, "python": platform.python_version()})

        for kind in RESTARTED:
            self._restarts.labels(kind)
        for outcome in get_args(RevocationResult):
            self._revocations.labels(outcome)
        for kind in _RENEWED_KINDS:
            self._refresh_duration.labels(kind)
            for result in get_args(RefreshResult):
                self._refreshes.labels(kind, result)

    # --- The work ---

    def refreshed(self, kind: KindName, result: RefreshResult) -> None:
        """Count a renewal that was tried."""
        self._refreshes.labels(kind, result).inc()

    def took(self, kind: KindName, seconds: float) -> None:
        """Note how long a renewal took, until it failed or the consumer's Secret held its token."""
        self._refresh_duration.labels(kind).observe(seconds)

    def repaired(self) -> None:
        """Count a Secret that was restored without a new token."""
        self._repairs.inc()

    def revoked(self, result: RevocationResult) -> None:
        """Count a deletion that was to revoke tokens; `failed` where it went on although they may be alive."""
        self._revocations.labels(result).inc()

    def restarted(self, kind: str) -> None:
        """Count a workload that was restarted; `kind` is one that the schema knows."""
        self._restarts.labels(kind).inc()

    def lead(self, leading: bool) -> None:  # noqa: FBT001 - the one thing that is set
        """Say whether this replica leads. Series of single objects are exported only while it does."""
        self._leader.set(leading)
        self._objects.exported = leading

    # --- The signers' observer ---

    def signer_request(self, backend: str, code: str, seconds: float) -> None:
        """Count a call of a service that signs; `code` is `ok` or what went wrong, of a handful of words."""
        self._signer_requests.labels(backend, code).inc()
        self._signer_duration.labels(backend).observe(seconds)

    # --- The GitHub client's observer ---

    def request(self, host: str, operation: str, code: int | None, seconds: float) -> None:
        """Count a request; `code` is the HTTP status, or None where no answer came."""
        label = self.host_label(host)
        self._requests(label, operation, NO_ANSWER if code is None else str(code)).inc()
        self._request_duration(label, operation).observe(seconds)

    def rate_limit(self, host: str, app: str, installation: str, remaining: int) -> None:
        """Note what GitHub says is left of a primary limit; `installation` is empty for a user token."""
        self._rate_limits.note((self.host_label(host), app, installation), remaining)

    def clock_skew(self, host: str, seconds: float) -> None:
        """Note by how much this machine's clock is ahead of the host's."""
        self._clock_skews.note((self.host_label(host),), seconds)
