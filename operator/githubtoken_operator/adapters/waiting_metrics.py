"""Series of who waits for a turn at GitHub, read when a page is scraped, in the scrape's thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Waiting(NamedTuple):
    """One that waits for its turn at GitHub: the object, for how long, and the App that it waits for."""

    namespace: str
    name: str
    seconds: float
    host: str
    app_namespace: str
    app: str


class WaitingSeries(Collector):
    """Who waits for a turn at GitHub, and how many for each App."""

    def __init__(self) -> None:
        self.source: Callable[[], Iterable[Waiting]] = lambda: ()

    def collect(self) -> Iterator[Metric]:
        """One series for each object that waits, and one for each App."""
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
