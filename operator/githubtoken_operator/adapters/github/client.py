"""GitHub's REST API and OAuth endpoint, as far as tokens need them.

One client serves all Apps on all hosts. It sends, and leaves the meaning of what comes back to `domain.answers`; it
raises what that module raises, `NotSent` where a request certainly did not reach GitHub, and `OutcomeUnknown` where it
may have.

- Nothing is repeated, except once a request whose JWT GitHub refused for its times, with a JWT for GitHub's time. A
  refresh never is: its caller decides, after it has read the store again.
- A refresh is sent over a connection of its own, so that one that went stale cannot make its outcome unknown.
- No redirect is followed, except once from a repository that was renamed, on the same host.
- Answers are read up to 1 MiB. Secrets are sent in headers and bodies only, never in a URL.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from githubtoken_operator.adapters.github.jwt import app_jwt
from githubtoken_operator.adapters.github.transport import make_transport
from githubtoken_operator.domain import answers, reasons
from githubtoken_operator.domain.errors import NotSent, OutcomeUnknown, Terminal
from githubtoken_operator.domain.model import (
    Answer,
    App,
    AppInfo,
    Installation,
    InstallationToken,
    Token,
)
from githubtoken_operator.domain.reply import http_date, quote

API_VERSION: Final = "2022-11-28"
"""The version that every GHES knows; what we use of it is the same in 2026-03-10."""
LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes; a token with 500 repositories of full description is well below."""

SEND_LIMIT: Final = 5.0
"""Seconds for name, connection, TLS and writing: what the checks of the Lease reckon with."""
READ_LIMIT: Final = 15.0
"""Seconds; GitHub itself cuts API calls off after 10."""
REFRESH_READ_LIMIT: Final = 60.0
"""Seconds; a late answer can be saved, one that we no longer wait for costs the grant."""

_LARGEST_SKEW: Final = timedelta(days=3650)
"""A `Date` further off than this is nobody's clock."""

_OWNER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MOVED: Final = frozenset({301, 302, 307, 308})
_BEFORE_SENDING: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_HEADER_VALUE: Final = re.compile(r"[!-~]+")

T = TypeVar("T")


class Observer(Protocol):
    """Who counts requests; the metrics implement it."""

    def request(self, host: str, operation: str, code: int | None, seconds: float) -> None:
        """One request is over; `code` is the status, or None where no answer came."""

    def rate_limit(self, host: str, app: str, installation: str, remaining: int) -> None:
        """Requests that GitHub still allows in this hour; `installation` is empty for a user token."""

    def clock_skew(self, host: str, seconds: float) -> None:
        """Our clock less GitHub's: positive while ours is ahead."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One request; `body` and `headers` may hold secrets."""

    app: App
    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    read_limit: float = READ_LIMIT
    pool_limit: float = READ_LIMIT


class GitHub:
    """GitHub for all Apps. Close it with `aclose`, or use it as an asynchronous context manager."""

    def __init__(
        self,
        *,
        transport_for: Callable[[str | None], httpx.AsyncBaseTransport] | None = None,
        now: Callable[[], datetime],
        observer: Observer,
        user_agent: str,
    ) -> None:
        """`transport_for` makes the transport for a CA bundle (PEM, or None); `now` is the local clock, aware."""
        self._transport_for = transport_for or make_transport
        self._transports: dict[str | None, httpx.AsyncBaseTransport] = {}
        self._now = now
        self._observer = observer
        self._user_agent = user_agent
        self._skews: dict[str, timedelta] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes all connections; what is under way fails."""
        while self._transports:
            _, transport = self._transports.popitem()
            await transport.aclose()

    def skew(self, host: str) -> timedelta:
        """How far that host's clock is ahead of ours, by its last answer; zero where none came yet."""
        return self._skews.get(host, timedelta())

    async def get_app(self, app: App) -> AppInfo:
        """`GET /app`: whether GitHub accepts the App's id and key, and what it says of the App."""
        return await self._as_app(app, "get_app", "/app", answers.app_info)

    async def find_installation(
        self,
        app: App,
        *,
        id: int | None = None,  # noqa: A002 -- the field's name in the spec
        owner: str | None = None,
        repository: str | None = None,
    ) -> Installation:
        """The installation of that id, of that account (user or organisation), or that covers that `owner/name`."""
        path, where = _installation_path(id, owner, repository)

        def parse(answer: Answer) -> Installation:
            return answers.installation(answer, where=where)

        return await self._as_app(app, "find_installation", path, parse)

    async def create_installation_token(
        self,
        app: App,
        installation_id: int,
        *,
        repositories: Sequence[str] = (),
        repository_ids: Sequence[int] = (),
        permissions: Mapping[str, str] | None = None,
    ) -> InstallationToken:
        """`POST /app/installations/{id}/access_tokens`; what is empty is not sent, and means all that was granted.

        `repositories` are names without the owner. An `OutcomeUnknown` may be tried again: a token that nobody knows
        harms nobody.
        """
        for name in repositories:
            _check(_REPOSITORY, name, "`spec.installation.repositories` must be names without owner")
        wanted = {
            "repositories": list(repositories),
            "repository_ids": list(repository_ids),
            "permissions": dict(permissions or {}),
        }
        body = json.dumps({key: value for key, value in wanted.items() if value}).encode()
        where = f"with the id {installation_id}"

        def parse(answer: Answer) -> InstallationToken:
            return answers.installation_token(answer, where=where, permissions=permissions)

        path = f"/app/installations/{int(installation_id)}/access_tokens"
        return await self._as_app(app, "create_installation_token", path, parse, post=body)

    async def probe(self, app: App, token: Token, *, installation_id: int | None = None) -> bool:
        """Whether GitHub accepts a new installation token yet: `GET /rate_limit`, which counts against no limit.

        Replicas that lag behind answer 401. Every other answer is True, also the 404 of a GHES without limits. Where no
        answer came it is False: nothing is known, and the probe may be repeated.
        """
        try:
            answer = await self._with_token(app, "probe", "/rate_limit", token)
        except (NotSent, OutcomeUnknown):
            return False
        self._observe_limit(app, answer, "" if installation_id is None else str(installation_id))
        return answer.status != HTTPStatus.UNAUTHORIZED

    async def get_login(self, app: App, token: Token) -> str:
        """`GET /user`: the login of the account that a user token belongs to."""
        answer = await self._with_token(app, "get_login", "/user", token)
        self._observe_limit(app, answer, "")
        return answers.login(answer)

    async def refresh(self, app: App, refresh_token: Token) -> Answer:
        """Spends the refresh token: `POST /login/oauth/access_token`, once.

        The answer is returned as it came (with a `Date` in any case), so that it can be made durable before
        `answers.refreshed_token` reads it. `NotSent` means that the token is certainly not spent, `OutcomeUnknown` that
        it may be. Cancelling it while it runs throws away the answer: shield it.
        """
        if app.client_id is None:
            raise Terminal(
                reasons.APP_NOT_READY, "User tokens need the App's client id: set `spec.clientID` of the App."
            )
        form = {"client_id": app.client_id, "grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
        if app.client_secret is not None:
            form["client_secret"] = app.client_secret.reveal()
        call = _Call(
            app=app,
            operation="refresh",
            method="POST",
            url=f"{app.web_url}/login/oauth/access_token",
            headers={
                "accept": "application/json",
                "connection": "close",
                "content-type": "application/x-www-form-urlencoded",
            },
            body=urlencode(form).encode(),
            read_limit=REFRESH_READ_LIMIT,
            pool_limit=SEND_LIMIT,
        )
        return await self._send(call)

    async def _as_app(
        self, app: App, operation: str, path: str, parse: Callable[[Answer], T], *, post: bytes | None = None
    ) -> T:
        call = _Call(
            app=app,
            operation=operation,
            method="GET" if post is None else "POST",
            url=app.api_url + path,
            headers=_headers(app_jwt(app, self._time_at(app.api_host))),
            body=post or b"",
        )
        answer = await self._send_following(call)
        try:
            return parse(answer)
        except answers.ClockSkewed:
            # The answer's own `Date` has just become the skew.
            bearer = app_jwt(app, self._time_at(app.api_host), renew=True)
        return parse(await self._send_following(replace(call, headers=_headers(bearer))))

    async def _with_token(self, app: App, operation: str, path: str, token: Token) -> Answer:
        if not _HEADER_VALUE.fullmatch(token.reveal()):
            raise Terminal(reasons.CREDENTIAL_MISSING, "The token must be text without spaces or line breaks.")
        return await self._send(_Call(app, operation, "GET", app.api_url + path, _headers(token.reveal())))

    async def _send_following(self, call: _Call) -> Answer:
        answer = await self._send(call)
        target = _moved_to(call, answer)
        return answer if target is None else await self._send(replace(call, url=target))

    async def _send(self, call: _Call) -> Answer:
        host = urlsplit(call.url).netloc
        started = time.monotonic()
        code = None
        try:
            answer = await self._exchange(call)
            code = answer.status
        finally:
            self._observer.request(host, call.operation, code, time.monotonic() - started)
        return self._dated(host, answer)

    async def _exchange(self, call: _Call) -> Answer:
        transport = self._transport(call.app.ca_bundle)
        timeout = httpx.Timeout(call.read_limit, connect=SEND_LIMIT, write=SEND_LIMIT, pool=call.pool_limit)
        host = urlsplit(call.url).netloc
        try:
            request = httpx.Request(
                call.method,
                call.url,
                headers={"user-agent": self._user_agent, "accept-encoding": "identity", **call.headers},
                content=call.body,
                extensions={"timeout": timeout.as_dict()},
            )
            # The transport's limits are for each read; this one is for an answer that trickles in.
            async with asyncio.timeout(call.pool_limit + call.read_limit):
                response = await transport.handle_async_request(request)
                return await _read(response)
        except _BEFORE_SENDING as error:
            raise NotSent(reasons.GITHUB_UNAVAILABLE, f"{host} cannot be reached: {_words(error)}.") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise OutcomeUnknown(reasons.GITHUB_UNAVAILABLE, f"{host} did not answer in time.") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise OutcomeUnknown(
                reasons.GITHUB_UNAVAILABLE,
                f"The connection to {host} broke before the answer was complete ({_words(error)}).",
            ) from error

    def _transport(self, ca_bundle: str | None) -> httpx.AsyncBaseTransport:
        transport = self._transports.get(ca_bundle)
        if transport is None:
            transport = self._transports[ca_bundle] = self._transport_for(ca_bundle)
        return transport

    def _dated(self, host: str, answer: Answer) -> Answer:
        """The answer with a usable `Date`, after the skew of the host's clock was taken from it."""
        now = self._now()
        date = http_date(answer.headers.get("date", ""))
        if date is None or abs(date - now) > _LARGEST_SKEW:
            # Without one a good pair could not be stored; the host's time as it was last known is next best.
            said = format_datetime(self._time_at(host).astimezone(UTC), usegmt=True)
            return replace(answer, headers={**answer.headers, "date": said})
        self._skews[host] = date - now
        self._observer.clock_skew(host, (now - date).total_seconds())
        return answer

    def _time_at(self, host: str) -> datetime:
        return self._now() + self.skew(host)

    def _observe_limit(self, app: App, answer: Answer, installation: str) -> None:
        remaining = answer.headers.get("x-ratelimit-remaining", "")
        if remaining.isascii() and remaining.isdigit():
            self._observer.rate_limit(app.api_host, app.identity, installation, int(remaining))


async def _read(response: httpx.Response) -> Answer:
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise OutcomeUnknown(reasons.GITHUB_UNAVAILABLE, "GitHub's answer is larger than 1 MiB.")
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise httpx.ReadError(_words(error)) from error
    finally:
        # What was read is whole; an error while the connection is put away takes nothing from it.
        with suppress(httpx.HTTPError):
            await response.aclose()
    return Answer(status=response.status_code, headers=dict(response.headers.items()), body=bytes(body))


def _headers(bearer: str) -> dict[str, str]:
    return {
        "accept": "application/vnd.github+json",
        "authorization": f"Bearer {bearer}",
        "x-github-api-version": API_VERSION,
    }


def _installation_path(number: int | None, owner: str | None, repository: str | None) -> tuple[str, str]:
    """The path that finds the installation, and the words for where it was looked for."""
    if number is not None:
        return f"/app/installations/{int(number)}", f"with the id {int(number)}"
    if repository is not None:
        account, _, name = repository.partition("/")
        _check(_OWNER, account, "`spec.installation.repository` must be `owner/name`")
        _check(_REPOSITORY, name, "`spec.installation.repository` must be `owner/name`")
        return f"/repos/{account}/{name}/installation", f"on {repository}"
    if owner is not None:
        _check(_OWNER, owner, "`spec.installation.owner` must be the name of a user or an organisation")
        # Of organisations too: GitHub's users and organisations share one namespace.
        return f"/users/{owner}/installation", f"on {owner}"
    raise Terminal(reasons.INVALID_SPEC, "`spec.installation` must have one of `id`, `owner` and `repository`.")


def _check(pattern: re.Pattern[str], name: str, must: str) -> None:
    if not pattern.fullmatch(name) or name in {".", ".."}:
        raise Terminal(
            reasons.INVALID_SPEC, f"{must}, of letters, digits, `-`, `_` and, in a repository's name, `.`, not `..`."
        )


def _moved_to(call: _Call, answer: Answer) -> str | None:
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
