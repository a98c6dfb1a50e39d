"""The transport against servers that misbehave below HTTP, which the simulator cannot."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from githubtoken_operator.adapters.github.transport import make_transport
from githubtoken_operator.domain.vocabulary import certificates, reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal

pytestmark = pytest.mark.every_python

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """A socket with a behaviour, and what it saw."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.connections = 0
        self.requests: list[bytes] = []
        self.url = ""
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                await self._behaviour(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def end(self) -> None:
        """Closes what clients would keep for later; since Python 3.12 a server waits for them."""
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def server(behaviour: Behaviour) -> AsyncIterator[Server]:
    running = Server(behaviour)
    listening = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    running.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        try:
            yield running
        finally:
            running.end()


@pytest.fixture
async def transport() -> AsyncIterator[httpx.AsyncBaseTransport]:
    made = make_transport(None)
    yield made
    await made.aclose()


async def send(
    transport: httpx.AsyncBaseTransport, url: str, method: str = "POST", *, read: float = 10, **headers: str
) -> httpx.Response:
    timeout = httpx.Timeout(5, read=read).as_dict()
    request = httpx.Request(method, url, headers=headers, extensions={"timeout": timeout})
    response = await transport.handle_async_request(request)
    try:
        await response.aread()
    finally:
        await response.aclose()
    return response


async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
    raise ConnectionError


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    raise ConnectionError


async def gibberish(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"ghr_secret\r\n\r\n")
    await writer.drain()


async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok")
    await writer.drain()
    raise ConnectionError


async def bad_chunk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nghr_secret\r\n")
    await writer.drain()
    raise ConnectionError


async def silence(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(ANSWER)
    await writer.drain()


@pytest.mark.parametrize("behaviour", [close, reset, gibberish, half, bad_chunk], ids=lambda item: item.__name__)
async def test_a_connection_that_breaks_after_the_request_never_looks_as_if_nothing_was_sent(
    transport: httpx.AsyncBaseTransport, behaviour: Behaviour
) -> None:
    async with server(behaviour) as running:
        with pytest.raises(httpx.TransportError) as caught:
            await send(transport, running.url)
    assert type(caught.value) is httpx.ReadError
    assert "ghr_secret" not in str(caught.value)
    assert len(running.requests) == 1


async def test_an_answer_that_does_not_come_is_a_read_timeout(transport: httpx.AsyncBaseTransport) -> None:
    async with server(silence) as running:
        with pytest.raises(httpx.ReadTimeout):
            await send(transport, running.url, read=0.2)
    assert len(running.requests) == 1


async def test_nobody_listening_is_a_connect_error(transport: httpx.AsyncBaseTransport) -> None:
    async with server(serve) as running:
        pass
    with pytest.raises(httpx.ConnectError, match="accepts no connection"):
        await send(transport, running.url)


async def test_a_tls_handshake_that_never_ends_was_not_sent(transport: httpx.AsyncBaseTransport) -> None:
    async with server(silence) as running:
        request = httpx.Request(
            "POST", running.url.replace("http://", "https://"), extensions={"timeout": httpx.Timeout(0.2).as_dict()}
        )
        with pytest.raises(httpx.ConnectTimeout, match="in time"):
            await transport.handle_async_request(request)


async def test_connections_are_kept_except_where_the_request_asks_for_its_own(
    transport: httpx.AsyncBaseTransport,
) -> None:
    async with server(serve) as running:
        for _ in range(3):
            await send(transport, running.url)
        assert running.connections == 1
        for _ in range(3):
            await send(transport, running.url, connection="close")
        assert running.connections == 4
        await send(transport, running.url)
        assert running.connections == 4


async def test_a_post_is_not_repeated_on_a_stale_connection(transport: httpx.AsyncBaseTransport) -> None:
    served = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        await (serve if served == 1 else reset)(reader, writer)

    async with server(once) as running:
        await send(transport, running.url)
        with pytest.raises(httpx.ReadError):
            await send(transport, running.url)
    assert len(running.requests) == 2


async def test_cookies_are_not_sent_back(transport: httpx.AsyncBaseTransport) -> None:
    async def with_cookie(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ANSWER.replace(b"\r\n\r\n", b"\r\nset-cookie: _gh_sess=1; Path=/\r\n\r\n"))
        await writer.drain()

    async with server(with_cookie) as running:
        for _ in range(2):
            await send(transport, running.url)
    assert b"cookie" not in running.requests[1].lower()


async def test_a_proxy_is_used_for_other_hosts_and_never_for_loopback(
    transport: httpx.AsyncBaseTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async with server(refuse) as proxy, server(serve) as running:
        for variable in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
            monkeypatch.setenv(variable, proxy.url)
        monkeypatch.setenv("NO_PROXY", "spared.invalid")
        monkeypatch.setenv("no_proxy", "spared.invalid")
        assert (await send(transport, running.url)).content == b"ok"
        with pytest.raises(httpx.ConnectError, match="proxy refuses"):
            await send(transport, "https://github.invalid/login", authorization="Bearer ghs_secret")
        with pytest.raises(httpx.ConnectError, match="resolved"):
            await send(transport, "https://spared.invalid/login")
    assert [request.split(b"\r\n")[0] for request in proxy.requests] == [b"CONNECT github.invalid:443 HTTP/1.1"]
    assert b"ghs_secret" not in proxy.requests[0]


async def test_the_proxys_password_goes_to_the_proxy_and_nowhere_else(
    transport: httpx.AsyncBaseTransport, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    caplog.set_level("DEBUG")
    async with server(refuse) as proxy:
        for variable in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(variable, proxy.url.replace("://", "://user:s3cret%40x@"))
        monkeypatch.setenv("NO_PROXY", "")
        with pytest.raises(httpx.ConnectError, match="proxy refuses") as raised:
            await send(transport, "https://github.invalid/login")
    expected = b64encode(b"user:s3cret@x")
    assert b"proxy-authorization: basic " + expected.lower() in proxy.requests[0].lower()
    assert "s3cret" not in str(raised.value)
    assert "s3cret" not in caplog.text


async def test_a_netrc_file_adds_no_credentials(
    transport: httpx.AsyncBaseTransport, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with server(serve) as running:
        await send(transport, running.url)
    assert b"authorization" not in running.requests[0].lower()


@pytest.mark.parametrize("text", ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "é"])
def test_a_ca_bundle_without_a_certificate_is_refused(text: str) -> None:
    with pytest.raises(Terminal) as caught:
        make_transport(certificates.of_pem(text.encode()))
    assert caught.value.reason == reasons.INVALID_SPEC
    assert "`caBundle`" in caught.value.message


def test_certificates_are_verified() -> None:
    trust = make_transport(None)._trust  # type: ignore[attr-defined]
    assert trust.verify_mode is ssl.CERT_REQUIRED
    assert trust.check_hostname
    # The public CAs, and those of SSL_CERT_FILE, are asked for what Go and curl ask them for.
    assert not trust.verify_flags & ssl.VERIFY_X509_STRICT
