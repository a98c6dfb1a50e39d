"""Whether a GitHub can be reached from here, and what its clock says: one request without a token.

`/rate_limit` costs nothing of a limit; an Enterprise Server in private mode answers it with 401, which reaches it too.
Nothing is followed, and of the answer only the status and the header `Date` are looked at.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from githubtoken_operator.adapters.network import tls, unanswered
from githubtoken_operator.domain.apps import proxies
from githubtoken_operator.domain.vocabulary.certificates import CABundle

WITHIN: Final = 10.0
"""Seconds for connection and answer."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How one API URL answered: status, seconds, how far its clock is ahead; or why it did not, as `problem`."""

    url: str
    status: int = 0
    seconds: float = 0.0
    ahead: timedelta | None = None
    problem: str = ""


async def reach(
    url: str, ca_bundle: CABundle | None, environment: Mapping[str, str], now: Callable[[], datetime]
) -> Reached:
    """Asks the API URL of a GitHub, through the proxy that the environment names for it."""
    parts = urlsplit(url)
    try:
        proxy = proxies.read(environment).of(parts.scheme, parts.hostname or "", parts.port)
        context = tls.trusting_only(ca_bundle) if ca_bundle else tls.trusting(ssl.create_default_context())
    except ValueError as error:
        return Reached(url, problem=str(error))
    began = now()
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(WITHIN), trust_env=False) as session,
            session.get(f"{url}/rate_limit", ssl=context, proxy=proxy, allow_redirects=False) as answer,
        ):
            ended = now()
            return Reached(url, answer.status, (ended - began).total_seconds(), _ahead(answer, began, ended))
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return Reached(url, problem=tls.refusal(error) or _words(error))


def _ahead(answer: aiohttp.ClientResponse, began: datetime, ended: datetime) -> timedelta | None:
    try:
        told = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return None
    # It has whole seconds: on average it is half a second more.
    return told + timedelta(seconds=0.5) - (began + (ended - began) / 2) if told.tzinfo else None


def _words(error: Exception) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return f"no answer within {WITHIN:.0f} s"
    return unanswered.why_exactly(error)
