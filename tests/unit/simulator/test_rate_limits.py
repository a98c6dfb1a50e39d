from __future__ import annotations

import pytest

from github_simulator.errors import ApiError
from github_simulator.rate_limits import RateLimits


def test_a_bucket_is_refilled_after_an_hour() -> None:
    limits = RateLimits(limit=2)
    assert [limits.take("user 1", now=second).remaining for second in (0, 1)] == [1, 0]
    with pytest.raises(ApiError):
        limits.take("user 1", now=3599)
    assert limits.take("user 1", now=3600).remaining == 1


def test_principals_have_buckets_of_their_own() -> None:
    limits = RateLimits(limit=1)
    limits.take("user 1", now=0)
    assert limits.take("user 2", now=0).remaining == 0


def test_an_anonymous_caller_has_sixty() -> None:
    assert RateLimits(limit=5000).bucket("ip 127.0.0.1", now=0).limit == 60


def test_a_used_up_bucket_says_until_when() -> None:
    limits = RateLimits(limit=5000)
    limits.exhaust("installation 7", now=100, reset_in=30.5)
    with pytest.raises(ApiError) as caught:
        limits.take("installation 7", now=101)
    assert caught.value.status == 403
    assert caught.value.message == "API rate limit exceeded for installation ID 7."
    assert caught.value.headers["X-RateLimit-Remaining"] == "0"
    assert caught.value.headers["X-RateLimit-Reset"] == "131"


def test_looking_takes_nothing() -> None:
    limits = RateLimits(limit=1)
    limits.bucket("user 1", now=0)
    assert limits.take("user 1", now=0).used == 1
