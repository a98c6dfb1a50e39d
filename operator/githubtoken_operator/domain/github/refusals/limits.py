"""GitHub's limits: what is one, and for how long GitHub is left alone.

Sources: GitHub's pages "Rate limits for the REST API" and "Best practices for using the REST API".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus

from githubtoken_operator.domain.github.reply import Reply, http_date, says
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import RateLimited, TokenError

UNSTATED_PAUSE = 60.0
"""Seconds to wait where GitHub limits us without a usable number: what its best practices ask for."""
LONGEST_PAUSE = 3660.0
"""GitHub's longest window is an hour. A stated time beyond it is taken for a fault, and GitHub is asked again then."""

_LIMITED = (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
# Fifteen digits are exact as a float; more are nobody's time.
_DIGITS = re.compile(r"[0-9]{1,15}")


def app_is_limited(reply: Reply) -> TokenError | None:
    """403 and 429 with the marks of a limit; `retry_after` in GitHub's order of precedence.

    `retry-after` first; else, with nothing remaining, until a second after `x-ratelimit-reset`, counted from the
    answer's `Date`; else a minute.
    """
    if reply.status not in _LIMITED:
        return None
    text = f"{reply.message} {reply.documentation}".lower()
    marked = (
        reply.status == HTTPStatus.TOO_MANY_REQUESTS
        or "retry-after" in reply.headers
        or reply.headers.get("x-ratelimit-remaining", "").strip() == "0"
        or any(mark in text for mark in ("rate limit", "rate-limit", "login attempts exceeded", "abuse detection"))
    )
    if not marked:
        return None
    seconds = _stated_pause(reply)
    return RateLimited(
        reasons.RATE_LIMITED,
        f"GitHub limits the App's requests{says(reply)}. The next attempt is made when GitHub allows it, in "
        f"{seconds:.0f} s.",
        retry_after=seconds,
    )


def _stated_pause(reply: Reply) -> float:
    retry_after = reply.headers.get("retry-after", "").strip()
    if _DIGITS.fullmatch(retry_after):
        return _bounded(float(retry_after))
    if reply.date is None:
        return UNSTATED_PAUSE
    if (until := http_date(retry_after)) is not None:
        return _bounded((until - reply.date).total_seconds())
    reset = reply.headers.get("x-ratelimit-reset", "").strip()
    if reply.headers.get("x-ratelimit-remaining", "").strip() == "0" and _DIGITS.fullmatch(reset):
        return _bounded(float(reset) + 1.0 - (reply.date - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return UNSTATED_PAUSE


def _bounded(seconds: float) -> float:
    return min(max(seconds, 1.0), LONGEST_PAUSE)
