"""How requests reach GitHub: httpx's requests and answers over aiohttp's connections, under one set of CAs.

For a refresh the difference between a connection that was never made and one that ended after GitHub had read the
request is the difference between "try again" and "the grant may be spent". So what aiohttp raises is told apart here:
`httpx.ConnectError` and `httpx.ConnectTimeout` leave this module only where not a byte of the request was written.

aiohttp itself repeats a request only for idempotent methods on a connection that went stale, never a POST. A request
with the header `connection: close` gets a new connection of its own and so never meets a stale one.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` mean what `domain.apps.proxies` says; a netrc file is not, since
it would add credentials to requests that carry their own. Neither library logs headers or bodies, and no secret is put
into an URL.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Final

import aiohttp
import httpx

from githubtoken_operator.adapters.network import client_certificate, tls, unanswered
from githubtoken_operator.adapters.network.ca_file import CAFile
from githubtoken_operator.domain.apps import proxies
from githubtoken_operator.domain.apps.hosts import is_enterprise_server
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.certificates import CABundle
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import ClientCertificate
from githubtoken_operator.domain.vocabulary.newest import Newest

CONNECTIONS_PER_HOST: Final = 100
"""As many concurrent requests as GitHub allows; the lanes let fewer go. A host that hangs takes those of no other."""
_KEEP_ALIVE: Final = 15.0
"""Seconds; well below any server's, so that a connection is hardly ever found stale."""

_MOST_ORIGINS: Final = 1024
_Origin = tuple[str, str, int | None]

_NOT_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_ENDED: Final = ("it closed the connection", "it reset the connection")
_RAISED: Final = (aiohttp.ClientError, OSError, ValueError)
"""By aiohttp: TimeoutError is an OSError, and a header with a control character a ValueError."""


def make_transport(
    ca_bundle: CABundle | None, shown: ClientCertificate | None = None, *, ca_file: CAFile | None = None
) -> httpx.AsyncBaseTransport:
    """A transport that trusts the given CAs, or the usual ones and those of `ca_file`.

    `shown` is the certificate for servers that demand one. Raises `Terminal(InvalidSpec)` where the bundle has none.
    """
    context = trust(ca_bundle)
    if shown is not None:
        client_certificate.show(context, shown)
    return GitHubTransport(context, ca_file=ca_file if ca_bundle is None else None, shows=shown is not None)


class GitHubTransport(httpx.AsyncBaseTransport):
    """Connections to any host under one set of trusted CAs."""

    def __init__(self, trust: ssl.SSLContext, *, ca_file: CAFile | None = None, shows: bool = False) -> None:
        self._trust = trust
        self._ca_file = ca_file
        self._shows = shows
        self._proxies: Newest[_Origin, httpx.Proxy | None] = Newest(_MOST_ORIGINS)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends; raises `httpx.TransportError`, as `ConnectError` or `ConnectTimeout` only before anything was sent."""
        if self._ca_file is not None:
            self._ca_file.renew(self._trust)
        try:
            answer = await self._send(request)
        except _RAISED as error:
            raise self._hinted(_meaning(error), request.url) from error
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Closes all connections."""
        while self._sessions:
            _, session = self._sessions.popitem()
            await session.close()

    async def _send(self, request: httpx.Request) -> aiohttp.ClientResponse:
        limits = request.extensions.get("timeout", {})
        proxy = self._proxy(request.url)
        headers = [(name.decode("latin-1"), text.decode("latin-1")) for name, text in request.headers.raw]
        known = {"Proxy-Authorization": aiohttp.encode_basic_auth(*proxy.auth)} if proxy and proxy.auth else None
        return await self._session(fresh=("connection", "close") in headers).request(
            request.method,
            str(request.url),
            headers=headers,
            data=request.content or None,
            allow_redirects=False,
            timeout=_timeout(limits.get("connect"), limits.get("read"), limits.get("pool")),
            proxy=str(proxy.url) if proxy else None,
            proxy_headers=known,
        )

    def _hinted(self, error: httpx.TransportError, url: httpx.URL) -> httpx.TransportError:
        """The same with what may be behind it: a server that wants a certificate often says no more than that."""
        if str(error) not in _ENDED or url.scheme != "https" or not is_enterprise_server(f"https://{url.host}"):
            return error
        # From TLS 1.3 on it says so after the handshake, in words that are often lost with the connection.
        if self._shows:
            return httpx.ReadError(f"{error}; our client certificate was perhaps refused")
        return httpx.ReadError(f"{error}; if it demands a client certificate, {client_certificate.SET}")

    def _proxy(self, url: httpx.URL) -> httpx.Proxy | None:
        """The proxy for that origin. The environment of a process does not change."""
        origin = (url.scheme, url.host, url.port)
        if origin not in self._proxies:
            named = _proxy(*origin)
            self._proxies[origin] = httpx.Proxy(named) if named else None
        return self._proxies[origin]

    def _session(self, *, fresh: bool) -> aiohttp.ClientSession:
        """The connections that are kept, or those that serve one request each."""
        if fresh not in self._sessions:
            kept = {"force_close": True} if fresh else {"keepalive_timeout": _KEEP_ALIVE}
            connector = aiohttp.TCPConnector(ssl=self._trust, limit=0, limit_per_host=CONNECTIONS_PER_HOST, **kept)
            self._sessions[fresh] = aiohttp.ClientSession(
                connector=connector,
                # GitHub's web host sets session cookies, which would tie requests of different Apps together.
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                # httpx does.
                auto_decompress=False,
            )
        return self._sessions[fresh]


class _Body(httpx.AsyncByteStream):
    """A body whose errors are httpx's."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except _RAISED as error:
            raise _meaning(error) from error

    async def aclose(self) -> None:
        # A connection with something left to read is closed, any other one kept.
        self._answer.release()


@lru_cache(maxsize=16)
def _timeout(connect: float | None, read: float | None, pool: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(sock_connect=connect, sock_read=read, connect=pool)


def _meaning(raised: BaseException) -> httpx.TransportError:
    words = unanswered.why(raised)
    if refused := tls.refusal(raised):
        words = f"{refused}, check `caBundle`"
    elif demand := client_certificate.demand(raised):
        words = demand
    if isinstance(raised, _NOT_SENT):
        return httpx.ConnectError(words)
    if isinstance(raised, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(words)
    if isinstance(raised, TimeoutError):
        return httpx.ReadTimeout(words)
    return httpx.ReadError(words)


def trust(ca_bundle: CABundle | None) -> ssl.SSLContext:
    """The CAs of a bundle, or the usual ones: those of `SSL_CERT_FILE` or `SSL_CERT_DIR`, else Mozilla's."""
    if ca_bundle is None:
        return tls.trusting(httpx.create_ssl_context(trust_env=True))
    try:
        return tls.trusting_only(ca_bundle)
    except ValueError as error:
        raise Terminal(reasons.INVALID_SPEC, f"`caBundle` {error}.") from error


def _proxy(scheme: str, host: str, port: int | None) -> str | None:
    try:
        return proxies.read(os.environ).of(scheme, host, port)
    except proxies.UnusableProxy as error:
        raise httpx.UnsupportedProtocol(str(error)) from error
