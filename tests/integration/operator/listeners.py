"""Small HTTP servers on loopback that stand between a program and the GitHub that it means."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Listener(ThreadingHTTPServer):
    """An HTTP server on loopback, and what it was asked for."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.asked: list[str] = []
        self.authorizations: set[str | None] = set()
        self.routes: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One request; subclasses answer it."""

    server: Listener

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


class Proxy(Handler):
    """A forward proxy: CONNECT to a name leads to the port on loopback that `routes` has for it."""

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.path)
        self.server.authorizations.add(self.headers.get("Proxy-Authorization"))
        port = self.server.routes.get(self.path)
        if port is None:
            self.send_error(502)
            return
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            self.send_response(200)
            self.end_headers()
            there = threading.Thread(target=pump, args=(self.connection, upstream))
            there.start()
            pump(upstream, self.connection)
            there.join()
        self.close_connection = True


class Stranger(Handler):
    """A server that nothing should be sent to."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_error(404)


class Collector(Handler):
    """A server that says yes to everything, and keeps what it is sent."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"{self.command} {self.path} {self.headers} {body.decode()}")
        self.send_response(202)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()


class Echo(Handler):
    """A proxy that refuses, and shows in each part of its answer what it was sent."""

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.headers.get("Proxy-Authorization", ""))
        sent = f"{self.path} {'; '.join(f'{name}: {text}' for name, text in self.headers.items())}"
        self.send_response((407, 502, 200)[len(self.server.asked) % 3], sent)
        self.send_header("Proxy-Authenticate", f'Basic realm="{sent}"')
        self.end_headers()
        self.wfile.write(sent.encode())
        self.close_connection = True


def pump(source: socket.socket, target: socket.socket) -> None:
    """Passes on what comes, until one side ends."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[Listener]:
    with Listener(handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield listener
        listener.shutdown()
        thread.join()
