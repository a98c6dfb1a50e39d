"""GitHub's limits: of requests in an hour, and of points in a minute.

The primary limit is a bucket per principal, refilled at the end of a window of an hour. Calls with an App's JWT have no
bucket and no `x-ratelimit-*` headers; of them a setting counts the documented points, in each span of a minute. Other
secondary limits are made with faults.
Source: docs.github.com, "Rate limits for the REST API".
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from github_simulator.errors import ApiError
from github_simulator.faults import SECONDARY_LIMIT

WINDOW = 3600.0
MINUTE = 60.0
ANONYMOUS_LIMIT = 60
DOCUMENTATION = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"


@dataclass(slots=True)
class Bucket:
    """The budget of one principal in the running window."""

    limit: int
    used: int
    reset_at: float

    @property
    def remaining(self) -> int:
        """Requests left until `reset_at`."""
        return max(0, self.limit - self.used)

    def headers(self) -> dict[str, str]:
        """The `x-ratelimit-*` headers."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Reset": str(math.ceil(self.reset_at)),
            "X-RateLimit-Resource": "core",
        }

    def document(self) -> dict[str, Any]:
        """The bucket as `GET /rate_limit` shows it."""
        return {
            "limit": self.limit,
            "used": self.used,
            "remaining": self.remaining,
            "reset": math.ceil(self.reset_at),
        }


class Points:
    """The secondary limit of 900 points a minute, by App; `limit` 0 is none."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._spent: defaultdict[int, deque[tuple[float, int]]] = defaultdict(deque)

    def take(self, app_id: int, method: str, *, now: float) -> None:
        """Count one request. Raises `ApiError`: 403 with the time until there are points again."""
        if not self.limit:
            return
        spent, cost = self._spent[app_id], 1 if method == "GET" else 5
        while spent and spent[0][0] <= now - MINUTE:
            spent.popleft()
        if sum(points for _, points in spent) + cost > self.limit:
            message, documentation = SECONDARY_LIMIT
            raise ApiError(403, message, documentation_url=documentation, headers={"Retry-After": "60"})
        spent.append((now, cost))


class RateLimits:
    """Buckets by principal: `user 7`, `installation 3`, `client Iv23...` or `ip 127.0.0.1`.

    Attributes:
        limit: Requests per hour of a new bucket; an anonymous one has 60.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buckets: dict[str, Bucket] = {}

    def bucket(self, principal: str, *, now: float) -> Bucket:
        """The principal's bucket of the running window, without taking from it."""
        bucket = self._buckets.get(principal)
        if bucket is None or now >= bucket.reset_at:
            limit = ANONYMOUS_LIMIT if principal.startswith("ip ") else self.limit
            bucket = self._buckets[principal] = Bucket(limit, 0, now + WINDOW)
        return bucket

    def take(self, principal: str, *, now: float) -> Bucket:
        """Count one request.

        Raises `ApiError`: 403 where the budget is used up, with the headers that say until when.
        """
        bucket = self.bucket(principal, now=now)
        if bucket.remaining == 0:
            kind, _, number = principal.partition(" ")
            whose = f"installation ID {number}" if kind == "installation" else f"{kind} ID {number}"
            raise ApiError(
                403,
                f"API rate limit exceeded for {whose}.",
                documentation_url=DOCUMENTATION,
                headers=bucket.headers(),
            )
        bucket.used += 1
        return bucket

    def exhaust(self, principal: str, *, now: float, reset_in: float) -> None:
        """Use the principal's budget up until `reset_in` seconds from now."""
        bucket = self.bucket(principal, now=now)
        bucket.used, bucket.reset_at = bucket.limit, now + reset_in

    def reset(self) -> None:
        """Fill all buckets."""
        self._buckets.clear()
