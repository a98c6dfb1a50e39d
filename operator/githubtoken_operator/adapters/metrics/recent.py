"""Values that are shown for as long as what they say is recent."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final

_SWEEP: Final = 256


class Recent:
    """The last value for each set of labels, as long as that is not older than `window` seconds.

    Dropping what is old keeps the series of Apps and hosts that are gone from staying for good, also where nobody
    scrapes.
    """

    def __init__(self, window: float, monotonic: Callable[[], float]) -> None:
        self._window = window
        self._monotonic = monotonic
        self._values: dict[tuple[str, ...], tuple[float, float]] = {}
        self._lock = Lock()
        self._sweep_at = _SWEEP

    def note(self, labels: tuple[str, ...], value: float) -> None:
        """Shows the value from now on."""
        with self._lock:
            if len(self._values) >= self._sweep_at:
                self._drop_old()
            self._values[labels] = (self._monotonic(), value)

    def current(self) -> dict[tuple[str, ...], float]:
        """What is recent."""
        with self._lock:
            self._drop_old()
            return {labels: value for labels, (_, value) in self._values.items()}

    def _drop_old(self) -> None:
        oldest = self._monotonic() - self._window
        self._values = {labels: seen for labels, seen in self._values.items() if seen[0] > oldest}
        # Doubling keeps the cost constant for each that is noted.
        self._sweep_at = max(_SWEEP, 2 * len(self._values))
