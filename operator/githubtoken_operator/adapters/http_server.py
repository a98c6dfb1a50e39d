"""Serves `/metrics`, `/healthz` and `/readyz`.

It runs in threads of its own: kopf cancels foreign tasks when it shuts down, and a probe must be answered while the
loop is busy, which is what `/healthz` is about. Each connection has a thread and carries one request (HTTP/1.0), so
that a slow client delays nobody else and no idle connection holds up the end of the process.
"""

from __future__ import annotations

import gzip
import logging
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from githubtoken_operator.settings import Address

HEARTBEAT_LIMIT: Final = 30.0
"""Seconds without a beat after which the loop counts as stuck."""

_CLIENT_TIMEOUT: Final = 10.0
"""Seconds that a read or a write of a client's connection may take: as long as Prometheus waits for a scrape."""

_POLL: Final = 0.2
"""Seconds until a server notices that it was closed."""

_PLAIN_TEXT: Final = "text/plain; charset=utf-8"

_log = logging.getLogger(__name__)


class CannotListen(Exception):
    """An address cannot be listened on; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a route answers."""

    status: HTTPStatus
    body: bytes
    content_type: str = _PLAIN_TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


Route = Callable[[Message], Reply]
"""From the request's headers to the reply."""


class HttpServer:
    """The listening sockets and their threads, from construction to `close`; also a context manager.

    Raises:
        CannotListen: where an address is taken or is not this machine's.
    """

    def __init__(
        self,
        *,
        metrics_address: Address,
        health_address: Address,
        registry: CollectorRegistry,
        last_beat: Callable[[], float],
        not_ready: Callable[[], str | None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Both addresses may be the same.

        `last_beat` gives the event loop's last sign of life in seconds of `monotonic`. `not_ready` gives None once the
        operator is ready, else one line that says what it waits for. All are called from other threads.
        """
        metrics: dict[str, Route] = {"/metrics": partial(_metrics, registry)}
        health: dict[str, Route] = {
            "/healthz": lambda _headers: _healthz(monotonic() - last_beat()),
            "/readyz": lambda _headers: _readyz(not_ready()),
        }
        self._servers: list[_Server] = []
        try:
            if metrics_address == health_address:
                self._servers.append(_Server(metrics_address, metrics | health))
            else:
                self._servers.append(_Server(metrics_address, metrics))
                self._servers.append(_Server(health_address, health))
        except CannotListen:
            self.close()
            raise

    @property
    def metrics_port(self) -> int:
        """The port that `/metrics` is really served on."""
        return self._servers[0].port

    @property
    def health_port(self) -> int:
        """The port that `/healthz` and `/readyz` are really served on."""
        return self._servers[-1].port

    def close(self) -> None:
        """Stop listening and free the ports; requests that are being answered are left to their threads."""
        for server in self._servers:
            server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _metrics(registry: CollectorRegistry, headers: Message) -> Reply:
    encode, content_type = choose_encoder(headers.get("Accept", ""))
    page = encode(registry)
    if "gzip" not in headers.get("Accept-Encoding", "").lower():
        return Reply(HTTPStatus.OK, page, content_type)
    # The fastest level: pages of 10,000 objects are 6 MB and shrink to a twentieth.
    return Reply(HTTPStatus.OK, gzip.compress(page, compresslevel=1), content_type, {"Content-Encoding": "gzip"})


def _healthz(silence: float) -> Reply:
    if silence > HEARTBEAT_LIMIT:
        return _line(HTTPStatus.SERVICE_UNAVAILABLE, f"the event loop has not moved for {silence:.0f} s")
    return _line(HTTPStatus.OK, "ok")


def _readyz(not_ready: str | None) -> Reply:
    return _line(HTTPStatus.OK, "ok") if not_ready is None else _line(HTTPStatus.SERVICE_UNAVAILABLE, not_ready)


def _line(status: HTTPStatus, text: str) -> Reply:
    return Reply(status, f"{' '.join(text.split())}\n".encode())


class _Server(ThreadingTCPServer):
    """One listening socket and the thread that accepts its connections."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: Address, routes: Mapping[str, Route]) -> None:
        # All addresses of the machine means those of both families, where it has both.
        self._dual_stack = not address.host and socket.has_dualstack_ipv6()
        self.address_family = socket.AF_INET6 if self._dual_stack or ":" in address.host else socket.AF_INET
        self.routes = routes
        try:
            super().__init__((address.host, address.port), _Handler)
        except OSError as error:
            raise CannotListen(f"cannot listen on {address}: {error.strerror or error}") from error
        self._thread = Thread(target=self.serve_forever, args=(_POLL,), name=f"http {address}", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port of the socket, also where the system chose it."""
        return int(self.server_address[1])

    def server_bind(self) -> None:
        """Bind the socket, to both families where that is asked for."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not self._dual_stack)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's signature
        """Log what a request's thread did not expect; a client that went away or is too slow is not worth a word."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            _log.exception("a request could not be answered")

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers one GET or HEAD from the server's routes."""

    timeout = _CLIENT_TIMEOUT
    server_version = "githubtoken-operator"
    sys_version = ""

    def do_GET(self) -> None:
        self._reply(self._routed())

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def do_POST(self) -> None:
        reply = _line(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are served")
        self._reply(Reply(reply.status, reply.body, headers={"Allow": "GET, HEAD"}))

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST  # noqa: N815 - the same

    def _routed(self) -> Reply:
        # The server is always the one above; socketserver's types do not know.
        routes: Mapping[str, Route] = self.server.routes  # type: ignore[attr-defined]
        route = routes.get(urlsplit(self.path).path)
        if route is None:
            return _line(HTTPStatus.NOT_FOUND, f"not found; there is {' and '.join(routes)}")
        try:
            return route(self.headers)
        except Exception:  # noqa: BLE001 - whatever a source of metrics or of health raises
            # A probe needs an answer, and the log the cause.
            _log.exception("%s could not be answered", self.path)
            return _line(HTTPStatus.INTERNAL_SERVER_ERROR, "an error inside; the log says which")

    def _reply(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Probes and scrapes are too many to be worth a line each."""
