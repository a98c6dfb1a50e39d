"""One request and its answer, over one transport for each set of CAs.

What is raised says whether the request can have reached GitHub. Each answer's `Date` is compared with our clock, which
gives the skew of each host (`domain.github.skew`). "Our clock" is the process's own, which nobody sets; where no answer
of a host is known, the machine's clock is the better guess of its time.

- Nothing is repeated, and no redirect is followed, except once from a repository that was renamed, on the same host.
- Answers are read up to 1 MiB, those that may hold a pair up to 256 KiB.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import urljoin, urlsplit

import httpx

from githubtoken_operator.adapters.github.concerns import concern
from githubtoken_operator.adapters.github.transport import make_transport
from githubtoken_operator.adapters.github.transports import Make, Transports
from githubtoken_operator.domain.github.reply import http_date, quote
from githubtoken_operator.domain.github.skew import Skew
from githubtoken_operator.domain.user.entry import LARGEST_BODY
from githubtoken_operator.domain.vocabulary.errors import Concern, NotSent, OutcomeUnknown, TokenError
from githubtoken_operator.domain.vocabulary.model import Answer, Server
from githubtoken_operator.domain.vocabulary.newest import Newest

LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes; a token with 500 repositories of full description is well below."""
LARGEST_PAIR: Final = LARGEST_BODY
"""Bytes of an answer that may hold a pair: GitHub's has some 400, and what is kept of it must fit into a Secret."""

SEND_LIMIT: Final = 5.0
"""Seconds for name, connection and TLS, which is what sending takes: what the checks of the Lease reckon with.

Writing has no limit of its own, since aiohttp knows none: the few hundred bytes of an OAuth request always fit into the
buffer of a connection that was just made.
"""
READ_LIMIT: Final = 15.0
"""Seconds; GitHub itself cuts API calls off after 10."""
REFRESH_READ_LIMIT: Final = 60.0
"""Seconds; a late answer can be saved, one that we no longer wait for costs the grant."""

_LARGEST_SKEW: Final = timedelta(days=3650)
"""A `Date` further off than this is nobody's clock."""

_SMALL_PAGE: Final = "/robots.txt"
"""Every GitHub has one for humans' browsers, or a short answer that there is none; it counts for no limit."""
_MOST_HOSTS: Final = 1024
_MOST_URLS: Final = 1024
"""Of so many hosts the clocks are known; whose answer is the oldest goes first."""

_MOVED: Final = frozenset({301, 302, 307, 308})
_BEFORE_SENDING: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class Observer(Protocol):
    """Who counts requests; the metrics implement it."""

    def request(self, host: str, operation: str, code: int | None, seconds: float) -> None:
        """One request is over; `code` is the status, or None where no answer came."""

    def rate_limit(self, host: str, app: str, installation: str, remaining: int) -> None:
        """Requests that GitHub still allows in this hour; `installation` is empty for a user token."""

    def clock_skew(self, host: str, seconds: float) -> None:
        """Our clock less GitHub's: positive while ours is ahead."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `body` and `headers` may hold secrets. Without `pool_limit` it is sent in time, or not at all."""

    server: Server
    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    read_limit: float = READ_LIMIT
    pool_limit: float | None = READ_LIMIT
    largest: int = LARGEST_ANSWER


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the answers of a host showed: how far its clock is ahead of ours. `url` is the last that it answered."""

    server: Server
    url: str
    skew: Skew


class Sender:
    """The connections to all hosts, and what their answers show of their clocks."""

    def __init__(
        self,
        *,
        transport_for: Make = make_transport,
        now: Callable[[], datetime],
        set_by: Callable[[], timedelta] = timedelta,
        observer: Observer,
        user_agent: str,
        send_limit: float = SEND_LIMIT,
    ) -> None:
        """`transport_for` makes the transport for a set of CAs, or the usual ones; `now` is the local clock, aware.

        `set_by` is how far the machine's clock was set since, `send_limit` the seconds until what works only once is
        on its way.
        """
        self.observer: Final = observer
        self._transports = Transports(transport_for)
        self._now = now
        self._set_by = set_by
        self._user_agent = user_agent
        self._send_limit = send_limit
        self._heard: Newest[str, _Heard] = Newest(_MOST_HOSTS)

    async def aclose(self) -> None:
        """Closes all connections; what is under way fails."""
        await self._transports.aclose()

    def skew(self, host: str) -> timedelta:
        """How far that host's clock is ahead of ours, by its answers; where none came yet, as the machine's is."""
        heard = self._heard.get(host)
        return heard.skew.value if heard else self._set_by()

    async def measure_clocks(self) -> None:
        """Asks each host that has answered before for its time; of one that does not answer, nothing is known.

        It stands in no lane: no App asks, it counts for no limit, and who waits for it is a task that takes no place.
        """
        await asyncio.gather(*(self._measure(host, heard) for host, heard in self._heard.items()))

    async def _measure(self, host: str, heard: _Heard) -> None:
        self._heard.pop(host, None)
        with suppress(TokenError):
            await self.send(Call(heard.server, "clock", "GET", urljoin(heard.url, _SMALL_PAGE), {}))

    async def send_following(self, call: Call) -> Answer:
        """Sends it, and once more where the answer is a redirect on the same host."""
        answer = await self.send(call)
        target = _moved_to(call, answer)
        if target is None:
            return answer
        return replace(await self.send(replace(call, url=target)), path=urlsplit(target).path)

    async def send(self, call: Call) -> Answer:
        """Sends it once. Raises `NotSent` or `OutcomeUnknown` where no whole answer came."""
        host = urlsplit(call.url).netloc
        started = time.monotonic()
        code = None
        try:
            answer = await self._exchange(call)
            code = answer.status
        finally:
            self.observer.request(host, call.operation, code, time.monotonic() - started)
        return self._dated(host, call, answer)

    async def _exchange(self, call: Call) -> Answer:
        pool = call.pool_limit or self._send_limit
        timeout = {"connect": self._send_limit, "read": call.read_limit, "write": None, "pool": pool}
        host = urlsplit(call.url).netloc
        begun = False
        try:
            request = httpx.Request(
                call.method,
                _url(call.url),
                headers={"user-agent": self._user_agent, "accept-encoding": "identity", **call.headers},
                content=call.body,
                extensions={"timeout": timeout},
            )
            # The transport's limits are for each read; this one is for an answer that trickles in.
            async with (
                self._transports.trusting(call.server.ca_bundle, call.server.client_certificate) as transport,
                asyncio.timeout(pool + call.read_limit),
            ):
                response = await transport.handle_async_request(request)
                begun = True
                return await _read(response, call.largest)
        except _BEFORE_SENDING as error:
            whose = concern(error, call.server, begun=begun)
            message = f"{host} cannot be reached: {_words(error)}."
            raise NotSent(message, concern=whose) from error
        except (TimeoutError, httpx.HTTPError, httpx.StreamError) as error:
            whose = concern(error, call.server, begun=begun)
            message = f"The connection to {host} broke before the answer was complete ({_words(error)})."
            if isinstance(error, TimeoutError | httpx.TimeoutException):
                message = f"{host} did not answer in time."
            raise OutcomeUnknown(message, concern=whose) from error

    def _dated(self, host: str, call: Call, answer: Answer) -> Answer:
        """The answer with a usable `Date`, after the skew of the host's clock was taken from it."""
        now = self._now()
        date = http_date(answer.headers.get("date", ""))
        if date is None or abs(date - now) > _LARGEST_SKEW:
            # Without one a good pair could not be stored; the host's time as it was last known is next best.
            said = format_datetime(self.time_at(host).astimezone(UTC), usegmt=True)
            return replace(answer, headers={**answer.headers, "date": said})
        before = self._heard.get(host)
        skew = (before.skew if before else Skew()).read(date - now)
        self._heard[host] = _Heard(call.server, call.url, skew)
        self.observer.clock_skew(host, (self._set_by() - skew.value).total_seconds())
        return answer

    def time_at(self, host: str) -> datetime:
        """What that host's clock shows now, as far as is known."""
        return self._now() + self.skew(host)


@lru_cache(maxsize=_MOST_URLS)
def _url(text: str) -> httpx.URL:
    """Reading one costs a tenth of a request, and the same few are asked again and again."""
    return httpx.URL(text)


async def _read(response: httpx.Response, largest: int) -> Answer:
    body = bytearray()
    try:
        async for chunk in _chunks(response):
            body += chunk
            if len(body) > largest:
                size = "1 MiB" if largest == LARGEST_ANSWER else f"{largest // 1024} KiB"
                message = f"GitHub's answer is larger than {size}."
                raise OutcomeUnknown(message, concern=Concern.LANE)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise httpx.ReadError(_words(error)) from error
    finally:
        # What was read is whole; an error while the connection is put away takes nothing from it.
        with suppress(httpx.HTTPError):
            await response.aclose()
    return Answer(status=response.status_code, headers=_single(response.headers.raw), body=bytes(body))


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes. Nobody asked for a compressed answer, which httpx would have to read."""
    if isinstance(response.stream, httpx.AsyncByteStream) and "content-encoding" not in response.headers:
        return aiter(response.stream)
    return response.aiter_bytes()


def _single(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """One value for each name: what stands there twice is a middlebox's doing, and its first that says something."""
    found: dict[str, str] = {}
    for raw, value in headers:
        name = raw.decode("latin-1").lower()
        found[name] = found.get(name) or value.decode("latin-1")
    return found


def _moved_to(call: Call, answer: Answer) -> str | None:
    """Where a GET is sent on to, if that is on the same host: credentials never follow to another."""
    if call.method != "GET" or answer.status not in _MOVED:
        return None
    try:
        target = urljoin(call.url, answer.headers.get("location", ""))
        return target if target != call.url and _origin(target) == _origin(call.url) else None
    except ValueError:
        return None


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _words(error: Exception) -> str:
    return quote(str(error)) or type(error).__name__
