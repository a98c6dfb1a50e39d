"""The simulator on the network: API host, web host (or one listener for both) and control API.

All of them are on loopback, unless `Options.bind` puts the two hosts elsewhere; the control API never leaves it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from aiohttp import web

from github_simulator import api, endpoints, web_host
from github_simulator.control import application as control_api
from github_simulator.documents import Documents
from github_simulator.exchange import Exchange
from github_simulator.simulation import Simulation
from github_simulator.tls import given_context, server_context

if TYPE_CHECKING:
    from pathlib import Path

    from github_simulator.exchange import Route

HOST = "127.0.0.1"
GHES_PREFIX = "/api/v3"
_SHUTDOWN_SECONDS = 1.0
_BACKLOG = 512


@dataclass(frozen=True, slots=True)
class Options:
    """How the simulator listens.

    Attributes:
        api_port: 0 for any free port; so the others.
        combined: One listener serves the API and the web host (clients that derive one address from the other need it).
        ghes: A GitHub Enterprise Server: always combined, the API below `/api/v3`, classic tokens, no rate limit.
        client_ca: Demand a certificate of this CA (a PEM file) of clients of both hosts.
        tls: Serve the API and the web host with a certificate of a CA of the simulator's own.
        host_name: The name in the addresses; it must resolve to where the simulator listens.
        bind: The address to listen on; the control API is on loopback in any case.
        certificate: A PEM file with the certificate and its key, instead of one by a CA of the simulator's own.
    """

    api_port: int = 0
    web_port: int = 0
    control_port: int = 0
    combined: bool = False
    ghes: bool = False
    tls: bool = False
    client_ca: Path | None = None
    host_name: str = HOST
    bind: str = HOST
    certificate: Path | None = None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the simulator listens; `ca` is the PEM of its own CA, None where it has none."""

    api_url: str
    web_url: str
    control_url: str
    ca: str | None = None


class Server:
    """A running simulator; use it as an async context manager.

    Attributes:
        simulation: What is served; a test in the same process may look inside.
        addresses: Known after the start.
    """

    addresses: Addresses

    def __init__(self, options: Options | None = None, simulation: Simulation | None = None) -> None:
        self._options = options or Options()
        self.simulation = simulation or Simulation(ghes=self._options.ghes)
        self._runners: list[web.AppRunner] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; a failure closes what is open already."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close all listeners and connections."""
        runners, self._runners = self._runners, []
        await asyncio.gather(*(runner.cleanup() for runner in runners))

    async def _start(self) -> None:
        options = self._options
        tls, ca = _tls(options)
        if tls is not None and options.client_ca is not None:
            tls.verify_mode = ssl.CERT_REQUIRED
            tls.load_verify_locations(options.client_ca)
        api_routes = [api.route(endpoint) for endpoint in endpoints.endpoints()]
        prefix = GHES_PREFIX if options.ghes else ""
        combined = options.combined or options.ghes
        application = self._application(api_routes, prefix, web_host.routes() if combined else [])
        api_origin = await self._listen(application, options.api_port, tls)
        web_origin = api_origin
        if not combined:
            web_application = self._application([], "", web_host.routes())
            web_origin = await self._listen(web_application, options.web_port, tls)
        api_url = api_origin + prefix
        self.simulation.documents = Documents(api_url, web_origin)
        told: dict[str, str | None] = {}
        control = control_api.application(self.simulation, told)
        control_url = await self._listen(control, options.control_port, None, outside=False)
        self.addresses = Addresses(api_url, web_origin, control_url, ca)
        told |= asdict(self.addresses)

    def _application(self, api_routes: list[Route], prefix: str, web_routes: list[Route]) -> web.Application:
        exchange = Exchange(self.simulation)
        application = web.Application(client_max_size=16 * 1024**2)
        for route in api_routes:
            application.router.add_route(route.method, prefix + route.path, exchange.handler(route))
        for route in web_routes:
            application.router.add_route(route.method, route.path, exchange.handler(route))
        application.router.add_route("*", "/{path:.*}", exchange.handler(api.unknown_route()))
        return application

    async def _listen(
        self, application: web.Application, port: int, tls: ssl.SSLContext | None, *, outside: bool = True
    ) -> str:
        """Serve the application, on loopback unless it may be seen from outside; returns `scheme://host:port`."""
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        self._runners.append(runner)
        await runner.setup()
        listener = socket.create_server((self._options.bind if outside else HOST, port), backlog=_BACKLOG)
        await web.SockSite(runner, listener, ssl_context=tls, backlog=_BACKLOG).start()
        bound: int = listener.getsockname()[1]
        return f"{'https' if tls else 'http'}://{self._options.host_name if outside else HOST}:{bound}"


def _tls(options: Options) -> tuple[ssl.SSLContext | None, str | None]:
    if options.certificate is not None:
        return given_context(options.certificate), None
    return server_context((options.host_name, HOST, "localhost")) if options.tls else (None, None)
