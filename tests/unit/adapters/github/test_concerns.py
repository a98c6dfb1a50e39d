"""Of whom it speaks that no answer came: of the host, or of the App that asked alone."""

from __future__ import annotations

import socket
import ssl
from itertools import pairwise

import aiohttp
import httpx
import pytest
from aiohttp.client_reqrep import ConnectionKey

from githubtoken_operator.adapters.github.concerns import concern
from githubtoken_operator.domain.vocabulary.errors import Concern
from githubtoken_operator.domain.vocabulary.model import ClientCertificate, Server

SERVER = Server("https://ghe.example.com/api/v3", "https://ghe.example.com")
SHOWING = Server(SERVER.api_url, SERVER.web_url, client_certificate=ClientCertificate("digest", b"pem"))
KEY = ConnectionKey("ghe.example.com", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


def alert(name: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {name}]")
    error.reason = name
    return error


def caused(outer: Exception, *inner: BaseException) -> Exception:
    """The outermost, each raised from the next."""
    chain: list[BaseException] = [outer, *inner]
    for above, below in pairwise(chain):
        above.__cause__ = below
    return outer


UNKNOWN_CA = ssl.SSLCertVerificationError(1, "unknown CA")
UNKNOWN_CA.verify_message = "unknown CA"
REFUSED_CERTIFICATE = aiohttp.ClientConnectorCertificateError(KEY, UNKNOWN_CA)
NO_NAME = aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Name or service not known"))
NO_CONNECTION = aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused"))
NO_TLS = aiohttp.ClientConnectorSSLError(KEY, alert("WRONG_VERSION_NUMBER"))
NO_PROXY = aiohttp.ClientProxyConnectionError(KEY, ConnectionRefusedError(111, "refused"))
DEMANDED = aiohttp.ClientOSError(1, "alert")
DEMANDED.__cause__ = alert("TLSV13_ALERT_CERTIFICATE_REQUIRED")


@pytest.mark.parametrize(
    ("error", "server", "expected"),
    [
        pytest.param(caused(httpx.ConnectError("x"), REFUSED_CERTIFICATE), SERVER, Concern.LANE, id="its certificate"),
        pytest.param(caused(httpx.ReadError("x"), DEMANDED), SERVER, Concern.LANE, id="ours is demanded"),
        pytest.param(caused(httpx.ConnectError("x"), NO_TLS), SERVER, Concern.HOST, id="no TLS at all"),
        pytest.param(caused(httpx.ConnectError("x"), NO_TLS), SHOWING, Concern.LANE, id="no TLS, ours shown"),
        pytest.param(httpx.ReadError("it reset the connection"), SERVER, Concern.HOST, id="a reset"),
        pytest.param(httpx.ReadError("it reset the connection"), SHOWING, Concern.LANE, id="a reset, ours shown"),
        pytest.param(httpx.InvalidURL("x"), SERVER, Concern.LANE, id="a URL that cannot be asked"),
        pytest.param(caused(httpx.ConnectError("x"), NO_NAME), SERVER, Concern.HOST, id="no such name"),
        pytest.param(caused(httpx.ConnectError("x"), NO_CONNECTION), SHOWING, Concern.HOST, id="no connection"),
        pytest.param(caused(httpx.ConnectError("x"), NO_PROXY), SERVER, Concern.HOST, id="no proxy"),
        pytest.param(httpx.UnsupportedProtocol("x"), SERVER, Concern.HOST, id="a proxy that cannot be used"),
        pytest.param(httpx.ConnectTimeout("x"), SERVER, Concern.HOST, id="no connection in time"),
        pytest.param(httpx.ReadTimeout("x"), SERVER, Concern.HOST, id="no answer in time"),
        pytest.param(TimeoutError(), SERVER, Concern.HOST, id="no answer in all the time"),
    ],
)
def test_each_way_in_which_no_answer_comes_speaks_of_somebody(
    error: Exception, server: Server, expected: Concern
) -> None:
    assert concern(error, server, begun=False) is expected


@pytest.mark.parametrize("error", [httpx.ReadError("x"), httpx.ReadTimeout("x"), TimeoutError()])
def test_once_an_answer_has_begun_the_host_is_there(error: Exception) -> None:
    assert concern(error, SERVER, begun=True) is Concern.LANE
