"""Serves `/metrics`, and on the health port `/healthz`, `/readyz` and `/debug/runs`.

It runs in threads of its own: kopf cancels foreign tasks when it shuts down, and a probe must be answered while the
loop is busy, which is what `/healthz` is about. Each connection has a thread and carries one request (HTTP/1.0), so
that a slow client delays nobody else and no idle connection holds up the end of the process.
"""

from __future__ import annotations

import gzip
import json
import logging
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from githubtoken_operator.settings import Address

HEARTBEAT_LIMIT: Final = 30.0
"""Seconds without a sign of life after which the loop counts as stuck."""

_log = logging.getLogger(__name__)


class CannotListen(Exception):
    """An address cannot be listened on; the message says which and why."""


class Ports(NamedTuple):
    """The ports that are really served on."""

    metrics: int
    health: int


class Page(NamedTuple):
    """What a route answers."""

    status: HTTPStatus
    body: bytes
    headers: Mapping[str, str] = {"Content-Type": "text/plain; charset=utf-8"}


Route = Callable[[Message], Page]
"""Answers a request with these headers."""


@contextmanager
def serving(
    *,
    metrics_address: Address,
    health_address: Address,
    registry: CollectorRegistry,
    silence: Callable[[], float],
    not_ready: Callable[[], str | None],
    runs: Callable[[], Mapping[str, object]],
) -> Iterator[Ports]:
    """Meanwhile both addresses, which may be the same, are listened on. Raises `CannotListen`.

    `silence` gives the seconds since the event loop's last sign of life. `not_ready` gives None once the operator is
    ready, else one line that says what it waits for. `runs` gives what `/debug/runs` shows, as JSON has it. All are
    called from other threads. At the end, requests that are being answered are left to their threads.
    """
    routes: dict[Address, dict[str, Route]] = {metrics_address: {}, health_address: {}}
    routes[metrics_address]["/metrics"] = lambda headers: _metrics(registry, headers)
    routes[health_address] |= {
        "/healthz": lambda _: _healthz(silence()),
        "/readyz": lambda _: _text(HTTPStatus.SERVICE_UNAVAILABLE if (why := not_ready()) else HTTPStatus.OK, why),
        "/debug/runs": lambda _: _json(runs()),
    }
    with ExitStack() as stack:
        ports = {}
        for address, served in routes.items():
            server = stack.enter_context(_Server(address, served))
            # It notices within a fifth of a second that it is to end.
            Thread(target=server.serve_forever, args=(0.2,), name=f"http {address}", daemon=True).start()
            stack.callback(server.shutdown)
            ports[address] = server.server_address[1]
        yield Ports(ports[metrics_address], ports[health_address])


def _metrics(registry: CollectorRegistry, asked: Message) -> Page:
    encode, content_type = choose_encoder(asked.get("Accept", ""))
    page, headers = encode(registry), {"Content-Type": content_type}
    if "gzip" not in asked.get("Accept-Encoding", "").lower():
        return Page(HTTPStatus.OK, page, headers)
    # The fastest level: pages of 10,000 objects are 6 MB and shrink to a twentieth.
    return Page(HTTPStatus.OK, gzip.compress(page, compresslevel=1), headers | {"Content-Encoding": "gzip"})


def _healthz(silence: float) -> Page:
    if silence > HEARTBEAT_LIMIT:
        return _text(HTTPStatus.SERVICE_UNAVAILABLE, f"the event loop has not moved for {silence:.0f} s")
    return _text(HTTPStatus.OK)


def _json(value: Mapping[str, object]) -> Page:
    return Page(HTTPStatus.OK, f"{json.dumps(value, indent=1)}\n".encode(), {"Content-Type": "application/json"})


def _text(status: HTTPStatus, text: str | None = None) -> Page:
    return Page(status, f"{' '.join((text or 'ok').split())}\n".encode())


class _Server(ThreadingTCPServer):
    """One listening socket."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: Address, routes: Mapping[str, Route]) -> None:
        self.routes = routes
        # All addresses of the machine means those of both families, where it has both.
        self._dual_stack = not address.host and socket.has_dualstack_ipv6()
        self.address_family = socket.AF_INET6 if self._dual_stack or ":" in address.host else socket.AF_INET
        try:
            super().__init__((address.host, address.port), _Handler)
        except OSError as error:
            raise CannotListen(f"cannot listen on {address}: {error.strerror or error}") from error

    def server_bind(self) -> None:
        """Binds the socket, to both families where that is asked for."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not self._dual_stack)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's signature
        """Logs what a request's thread did not expect; a client that went away is not worth a word."""
        if not isinstance(sys.exception(), ConnectionError):
            _log.exception("a request could not be answered")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10.0
    """Seconds that a read or a write of a client's connection may take: as long as Prometheus waits for a scrape."""

    def do_GET(self) -> None:
        path, routes = self.path.partition("?")[0], self.server.routes
        if path not in routes:
            self._answer(_text(HTTPStatus.NOT_FOUND, f"not found; there is {' and '.join(routes)}"))
            return
        try:
            page = routes[path](self.headers)
        except Exception:  # noqa: BLE001 - whatever a source of metrics or of health raises
            # A probe needs an answer, and the log the cause.
            _log.exception("%s could not be answered", path)
            page = _text(HTTPStatus.INTERNAL_SERVER_ERROR, "an error inside; the log says which")
        self._answer(page)

    do_HEAD = do_GET  # noqa: N815 - http.server's names, here and below

    def do_POST(self) -> None:
        refusal = _text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are served")
        self._answer(refusal._replace(headers={**refusal.headers, "Allow": "GET, HEAD"}))

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST  # noqa: N815

    def _answer(self, page: Page) -> None:
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Probes and scrapes are too many to be worth a line each, and a client that is too slow is not worth one."""
