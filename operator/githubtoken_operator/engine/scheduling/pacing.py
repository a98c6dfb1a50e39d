"""How fast requests of one sort may go, for each of those who make them; the budget of a minute may go at once.

Pure: seconds of a monotonic clock are an argument, nothing blocks. A bucket is kept as the time at which it would be
full again (the generic cell rate algorithm), so an idle bucket equals a new one and can be forgotten.

A caller that is told to wait has no reservation, but waiters are told different times, one request apart: a thousand
of them do not come back at the same moment to find one slot. Who needs one stands in a lane (`turns`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

LONGEST_DELAY: Final = 60.0
"""Seconds that a waiter is told at most: an urgent one gets its chance every minute."""

_SWEEP: Final = 256
# Times are sums of floats: whoever comes back at the very time that it was told must not be a rounding error early.
_EPSILON: Final = 1e-6


@dataclass(slots=True)
class _Bucket:
    full_at: float = -math.inf
    promised: float = -math.inf


class Pacing:
    """Token buckets by (who, host), each of one minute's worth."""

    def __init__(self, requests_per_minute: float) -> None:
        """`requests_per_minute` is the rate and the burst; it must be greater than zero."""
        if not (requests_per_minute > 0 and math.isfinite(requests_per_minute)):
            raise ValueError("the requests per minute must be greater than zero")
        self._interval = 60.0 / requests_per_minute
        self._tolerance = max(60.0 - self._interval, 0.0)
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._sweep_at = _SWEEP

    def delay(self, who: str, host: str, now: float) -> float:
        """Seconds to wait: 0 means go now, and the slot is taken; otherwise ask again after that time."""
        bucket = self._bucket(who, host, now)
        free_at = bucket.full_at - self._tolerance
        if now + _EPSILON >= free_at:
            bucket.full_at = max(bucket.full_at, now) + self._interval
            return 0.0
        turn = min(max(bucket.promised, free_at), max(free_at, now + LONGEST_DELAY))
        bucket.promised = turn + self._interval
        return turn - now

    def _bucket(self, who: str, host: str, now: float) -> _Bucket:
        bucket = self._buckets.get((who, host))
        if bucket is None:
            if len(self._buckets) >= self._sweep_at:
                self._forget_idle(now)
            bucket = self._buckets[who, host] = _Bucket()
        return bucket

    def _forget_idle(self, now: float) -> None:
        # A bucket that is full behaves as a new one does.
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if bucket.full_at > now}
        # Doubling keeps the cost of sweeping constant per bucket made.
        self._sweep_at = max(_SWEEP, 2 * len(self._buckets))
