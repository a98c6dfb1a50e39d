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
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from io import StringIO
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Final, NamedTuple, TextIO
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from githubtoken_operator.settings import Address

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HEARTBEAT_LIMIT: Final = 30.0
"""Seconds without a beat after which the loop counts as stuck."""

_CLIENT_TIMEOUT: Final = 10.0
"""Seconds that a read or a write of a client's connection may take: as long as Prometheus waits for a scrape."""

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
    headers: Sequence[tuple[str, str]] = (("Content-Type", "text/plain; charset=utf-8"),)


Route = Callable[["WSGIEnvironment"], Page]


@contextmanager
def serving(
    *,
    metrics_address: Address,
    health_address: Address,
    registry: CollectorRegistry,
    last_beat: Callable[[], float],
    not_ready: Callable[[], str | None],
    runs: Callable[[], Mapping[str, object]] = dict,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Ports]:
    """Meanwhile both addresses, which may be the same, are listened on. Raises `CannotListen`.

    `last_beat` gives the event loop's last sign of life in seconds of `monotonic`. `not_ready` gives None once the
    operator is ready, else one line that says what it waits for. `runs` gives what `/debug/runs` shows, as JSON has it.
    All are called from other threads. At the end, requests that are being answered are left to their threads.
    """
    routes: dict[Address, dict[str, Route]] = {metrics_address: {}, health_address: {}}
    routes[metrics_address]["/metrics"] = lambda request: _metrics(registry, request)
    routes[health_address] |= {
        "/healthz": lambda _: _healthz(monotonic() - last_beat()),
        "/readyz": lambda _: _text(HTTPStatus.SERVICE_UNAVAILABLE if (why := not_ready()) else HTTPStatus.OK, why),
        "/debug/runs": lambda _: _json(runs()),
    }
    with ExitStack() as stack:
        servers = {}
        for address, served in routes.items():
            servers[address] = server = stack.enter_context(_Server(address, _application(served)))
            stack.callback(server.shutdown)
        yield Ports(servers[metrics_address].server_port, servers[health_address].server_port)


def _metrics(registry: CollectorRegistry, request: WSGIEnvironment) -> Page:
    encode, content_type = choose_encoder(request.get("HTTP_ACCEPT", ""))
    page, headers = encode(registry), [("Content-Type", content_type)]
    if "gzip" not in request.get("HTTP_ACCEPT_ENCODING", "").lower():
        return Page(HTTPStatus.OK, page, headers)
    # The fastest level: pages of 10,000 objects are 6 MB and shrink to a twentieth.
    return Page(HTTPStatus.OK, gzip.compress(page, compresslevel=1), [*headers, ("Content-Encoding", "gzip")])


def _healthz(silence: float) -> Page:
    if silence > HEARTBEAT_LIMIT:
        return _text(HTTPStatus.SERVICE_UNAVAILABLE, f"the event loop has not moved for {silence:.0f} s")
    return _text(HTTPStatus.OK)


def _json(value: Mapping[str, object]) -> Page:
    return Page(HTTPStatus.OK, f"{json.dumps(value, indent=1)}\n".encode(), [("Content-Type", "application/json")])


def _text(status: HTTPStatus, text: str | None = None) -> Page:
    return Page(status, f"{' '.join((text or 'ok').split())}\n".encode())


def _application(routes: Mapping[str, Route]) -> WSGIApplication:
    def answer(request: WSGIEnvironment) -> Page:
        if request["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            refusal = _text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are served")
            return refusal._replace(headers=[*refusal.headers, ("Allow", "GET, HEAD")])
        route = routes.get(request["PATH_INFO"])
        if route is None:
            return _text(HTTPStatus.NOT_FOUND, f"not found; there is {' and '.join(routes)}")
        try:
            return route(request)
        except Exception:  # noqa: BLE001 - whatever a source of metrics or of health raises
            # A probe needs an answer, and the log the cause.
            _log.exception("%s could not be answered", request["PATH_INFO"])
            return _text(HTTPStatus.INTERNAL_SERVER_ERROR, "an error inside; the log says which")

    def application(request: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        status, body, headers = answer(request)
        start(f"{status.value} {status.phrase}", [*headers, ("Content-Length", str(len(body)))])
        return [] if request["REQUEST_METHOD"] == "HEAD" else [body]

    return application


class _Server(ThreadingMixIn, WSGIServer):
    """One listening socket and the thread that accepts its connections."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: Address, application: WSGIApplication) -> None:
        # All addresses of the machine means those of both families, where it has both.
        self._dual_stack = not address.host and socket.has_dualstack_ipv6()
        self.address_family = socket.AF_INET6 if self._dual_stack or ":" in address.host else socket.AF_INET
        try:
            super().__init__((address.host, address.port), _Handler)
        except OSError as error:
            raise CannotListen(f"cannot listen on {address}: {error.strerror or error}") from error
        self.set_app(application)
        # It notices within a fifth of a second that it is to end.
        Thread(target=self.serve_forever, args=(0.2,), name=f"http {address}", daemon=True).start()

    def server_bind(self) -> None:
        """Binds the socket, to both families where that is asked for; asks no DNS for its name, as the base does."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not self._dual_stack)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's signature
        """Logs what a request's thread did not expect; a client that went away or is too slow is not worth a word."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            _log.exception("a request could not be answered")


class _Handler(WSGIRequestHandler):
    timeout = _CLIENT_TIMEOUT
    server_version = "githubtoken-operator"

    def get_stderr(self) -> TextIO:
        """Where wsgiref writes of a client that was too slow to read; what fails inside is logged before."""
        return StringIO()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Probes and scrapes are too many to be worth a line each."""
