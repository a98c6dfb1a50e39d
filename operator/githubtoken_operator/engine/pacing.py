"""How fast requests may go, per App and host: the one seam for pacing.

GitHub's documented secondary limit is 900 points a minute, a POST costs five: 180 tokens a minute for one App. The
default stays below it. A limit that GitHub states (`pause`) holds up that App on that host and nobody else.

Pure: seconds of a monotonic clock are an argument, nothing blocks. The bucket is kept as the time at which it would be
full again (the generic cell rate algorithm), so an idle bucket equals a new one and can be forgotten.

A caller that is told to wait has no reservation, but waiters are told different times, one request apart: a thousand
of them do not come back at the same moment to find one slot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

REQUESTS_PER_MINUTE = 150.0
LONGEST_DELAY = 60.0
"""Seconds beyond GitHub's own pause that a waiter is told at most: an urgent one gets its chance every minute."""

_SWEEP = 256
# Times are sums of floats: whoever comes back at the very time that it was told must not be a rounding error early.
_EPSILON = 1e-6


@dataclass(slots=True)
class _Bucket:
    full_at: float = -math.inf
    promised: float = -math.inf
    paused_until: float = -math.inf


class Pacing:
    """Token buckets by (App, host), each of one minute's worth."""

    def __init__(self, requests_per_minute: float = REQUESTS_PER_MINUTE) -> None:
        """`requests_per_minute` is the rate and the burst; it must be greater than zero."""
        if not (requests_per_minute > 0 and math.isfinite(requests_per_minute)):
            raise ValueError("the requests per minute must be greater than zero")
        self._interval = 60.0 / requests_per_minute
        self._tolerance = max(60.0 - self._interval, 0.0)
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._sweep_at = _SWEEP

    def delay(self, app: str, host: str, now: float) -> float:
        """Seconds to wait: 0 means go now, and the slot is taken; otherwise ask again after that time."""
        bucket = self._bucket(app, host, now)
        free_at = max(bucket.full_at - self._tolerance, bucket.paused_until)
        if now + _EPSILON >= free_at:
            bucket.full_at = max(bucket.full_at, now) + self._interval
            return 0.0
        turn = max(bucket.promised, free_at)
        turn = min(turn, max(free_at, now + LONGEST_DELAY, bucket.paused_until + LONGEST_DELAY))
        bucket.promised = turn + self._interval
        return turn - now

    def before(self, delay: float) -> int:
        """How many go first, for one that was told to wait for `delay` seconds."""
        return round(delay / self._interval)

    def pause(self, app: str, host: str, until: float) -> None:
        """GitHub limits this App on this host: nothing goes before `until`, and then one at a time, without a burst.

        A shorter pause never cuts a longer one off.
        """
        bucket = self._buckets.setdefault((app, host), _Bucket())
        bucket.paused_until = max(bucket.paused_until, until)
        bucket.full_at = max(bucket.full_at, until + self._tolerance)

    def paused_until(self, app: str, host: str) -> float | None:
        """When the pause that GitHub stated ends, or None where none was stated lately; it may lie in the past."""
        bucket = self._buckets.get((app, host))
        return bucket.paused_until if bucket is not None and bucket.paused_until > -math.inf else None

    def _bucket(self, app: str, host: str, now: float) -> _Bucket:
        bucket = self._buckets.get((app, host))
        if bucket is None:
            if len(self._buckets) >= self._sweep_at:
                self._forget_idle(now)
            bucket = self._buckets[app, host] = _Bucket()
        return bucket

    def _forget_idle(self, now: float) -> None:
        # A bucket that is full and not paused behaves as a new one does.
        self._buckets = {key: b for key, b in self._buckets.items() if max(b.full_at, b.paused_until) > now}
        # Doubling keeps the cost of sweeping constant per bucket made.
        self._sweep_at = max(_SWEEP, 2 * len(self._buckets))
