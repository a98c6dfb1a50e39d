"""How requests reach GitHub: httpx over aiohttp, under one set of CAs.

httpx-aiohttp maps aiohttp's errors by their base classes, so a connection that GitHub reset after it had read the
request comes out as `ConnectTimeout`. For a refresh that difference is the difference between "try again" and "the
grant may be spent", so the errors are told apart here by what aiohttp raised: `httpx.ConnectError` and
`httpx.ConnectTimeout` leave this module only where not a byte of the request was written.

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
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from githubtoken_operator.adapters import client_certificate, tls
from githubtoken_operator.adapters.ca_file import CAFile
from githubtoken_operator.domain.apps import proxies
from githubtoken_operator.domain.apps.hosts import is_enterprise_server
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.certificates import CABundle
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import ClientCertificate

if TYPE_CHECKING:
    from collections.abc import Iterator

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
# The first that fits; the more special ones stand first.
_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved"),
    (aiohttp.ClientConnectorSSLError, "TLS cannot be agreed on"),
    (aiohttp.ClientProxyConnectionError, "the proxy does not answer"),
    (aiohttp.ClientHttpProxyError, "the proxy refuses the connection"),
    (aiohttp.ClientConnectorError, "it accepts no connection"),
    (aiohttp.ConnectionTimeoutError, "no connection was made in time"),
    (aiohttp.ServerDisconnectedError, "it closed the connection"),
    (ConnectionResetError, "it reset the connection"),
    (aiohttp.ClientOSError, "it reset the connection"),
    (aiohttp.ClientPayloadError, "the answer is cut off"),
)
_ENDED: Final = ("it closed the connection", "it reset the connection")


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
        self._proxies: dict[_Origin, str | None] = {}
        self._inner: dict[tuple[bool, str | None], AiohttpTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends; raises `httpx.TransportError`, as `ConnectError` or `ConnectTimeout` only before anything was sent."""
        if self._ca_file is not None:
            self._ca_file.renew(self._trust)
        fresh = request.headers.get("connection", "").lower() == "close"
        key = (fresh, self._proxy(request.url))
        inner = self._inner.get(key)
        if inner is None:
            inner = self._inner[key] = self._open(fresh=fresh, proxy=key[1])
        try:
            with _told_apart():
                response = await inner.handle_async_request(request)
        except httpx.ReadError as error:
            if (
                str(error) in _ENDED
                and request.url.scheme == "https"
                and is_enterprise_server(f"https://{request.url.host}")
            ):
                # From TLS 1.3 on it says so after the handshake, in words that are often lost with the connection.
                about = "our client certificate was perhaps refused" if self._shows else "a client certificate"
                hint = (
                    f"{error}; {about}" if self._shows else f"{error}; if it demands {about}, {client_certificate.SET}"
                )
                raise httpx.ReadError(hint) from error
            raise
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Body(response.stream)
        return response

    async def aclose(self) -> None:
        """Closes all connections."""
        while self._inner:
            _, inner = self._inner.popitem()
            await inner.aclose()

    def _proxy(self, url: httpx.URL) -> str | None:
        """The proxy for that origin. The environment of a process does not change."""
        origin = (url.scheme, url.host, url.port)
        if origin not in self._proxies:
            if len(self._proxies) >= _MOST_ORIGINS:
                self._proxies.clear()
            self._proxies[origin] = _proxy(*origin)
        return self._proxies[origin]

    def _open(self, *, fresh: bool, proxy: str | None) -> AiohttpTransport:
        def session() -> aiohttp.ClientSession:
            connector = (
                aiohttp.TCPConnector(ssl=self._trust, limit=0, limit_per_host=CONNECTIONS_PER_HOST, force_close=True)
                if fresh
                else aiohttp.TCPConnector(
                    ssl=self._trust, limit=0, limit_per_host=CONNECTIONS_PER_HOST, keepalive_timeout=_KEEP_ALIVE
                )
            )
            # GitHub's web host sets session cookies; sending them back would tie requests of different Apps together.
            return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

        return AiohttpTransport(
            verify=self._trust, trust_env=False, proxy=httpx.Proxy(proxy) if proxy else None, client=session
        )


class _Body(httpx.AsyncByteStream):
    """A body whose errors are httpx's."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _told_apart():
            async for chunk in self._stream:
                yield chunk

    async def aclose(self) -> None:
        with _told_apart():
            await self._stream.aclose()


@contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except (httpx.TransportError, aiohttp.ClientError, OSError, ValueError) as error:
        raised = error.__cause__ if isinstance(error, httpx.TransportError) and error.__cause__ else error
        raise _meaning(raised) from raised


def _meaning(raised: BaseException) -> httpx.TransportError:
    # The words are ours: aiohttp's text may repeat what the server sent.
    words = next((words for kind, words in _WORDS if isinstance(raised, kind)), type(raised).__name__)
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
