"""Series of who waits for a turn at GitHub and of who does not get an answer there.

They are read when a page is scraped, in the scrape's thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class WaitingObject(NamedTuple):
    """One that waits for its turn at GitHub: the object, for how long, and the App that it waits for."""

    namespace: str
    name: str
    seconds: float
    host: str
    app_namespace: str
    app: str


class Unanswered(NamedTuple):
    """An App that GitHub does not answer, for how long; a whole host, where no App is named."""

    host: str
    app_namespace: str
    app: str
    seconds: float


class WaitingSeries(Collector):
    """Who waits for a turn at GitHub, and how many for each App; which Apps and hosts are not answered."""

    def __init__(self) -> None:
        self.source: Callable[[], Iterable[WaitingObject]] = lambda: ()
        self.unanswered: Callable[[], Iterable[Unanswered]] = lambda: ()

    def collect(self) -> Iterator[Metric]:
        """One series for each object that waits, and one for each App that is waited for, or is not answered."""
        objects = GaugeMetricFamily(
            "githubtoken_waiting_seconds",
            "For how long a GitHubToken waits for its turn at GitHub.",
            labels=("namespace", "name"),
        )
        lanes = GaugeMetricFamily(
            "githubtoken_lane_waiting",
            "How many GitHubTokens wait for the turn of their App.",
            labels=("host", "namespace", "app"),
        )
        counts: Counter[tuple[str, str, str]] = Counter()
        for each in self.source():
            objects.add_metric((each.namespace, each.name), each.seconds)
            counts[each.host, each.app_namespace, each.app] += 1
        for whose, count in counts.items():
            lanes.add_metric(whose, count)
        yield objects
        yield lanes
        yield self._unanswered()

    def _unanswered(self) -> Metric:
        family = GaugeMetricFamily(
            "githubtoken_unanswered_seconds",
            "For how long GitHub does not answer an App, or only with 5xx; of a whole host where no App is named.",
            labels=("host", "namespace", "app"),
        )
        longest: dict[tuple[str, str, str], float] = {}
        for each in self.unanswered():
            whose = each.host, each.app_namespace, each.app
            longest[whose] = max(each.seconds, longest.get(whose, 0.0))
        for whose, seconds in longest.items():
            family.add_metric(whose, seconds)
        return family
