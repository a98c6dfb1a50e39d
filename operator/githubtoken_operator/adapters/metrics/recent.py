"""Series that are shown for as long as what they say is recent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SWEEP: Final = 256


class Recent(Collector):
    """A series for each set of labels, with its last value, as long as that is not older than `window` seconds.

    Dropping what is old keeps the series of Apps and hosts that are gone from staying for good, also where nobody
    scrapes.
    """

    def __init__(
        self, name: str, meaning: str, labels: tuple[str, ...], *, window: float, monotonic: Callable[[], float]
    ) -> None:
        self._family = name, meaning, labels
        self._window = window
        self._monotonic = monotonic
        self._values: dict[tuple[str, ...], tuple[float, float]] = {}
        self._lock = Lock()
        self._sweep_at = _SWEEP

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._values)

    def note(self, labels: tuple[str, ...], value: float) -> None:
        """Shows the value from now on."""
        with self._lock:
            if len(self._values) >= self._sweep_at:
                self._drop_old()
            self._values[labels] = (self._monotonic(), value)

    def collect(self) -> Iterator[Metric]:
        """What is recent."""
        with self._lock:
            self._drop_old()
            current = tuple(self._values.items())
        name, meaning, labels = self._family
        family = GaugeMetricFamily(name, meaning, labels=labels)
        for values, (_, value) in current:
            family.add_metric(values, value)
        yield family

    def _drop_old(self) -> None:
        oldest = self._monotonic() - self._window
        self._values = {labels: seen for labels, seen in self._values.items() if seen[0] > oldest}
        # Doubling keeps the cost constant for each that is noted.
        self._sweep_at = max(_SWEEP, 2 * len(self._values))
