"""When an answer counts as delivered, in the case that cannot be timed from outside: the client leaves just before."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import httpx
from aiohttp import web

from github_simulator import oauth
from github_simulator.clock import VirtualClock
from github_simulator.exchange import client_waits
from github_simulator.server import Server
from github_simulator.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from github_simulator.model import App


class Clockwork:
    """The machine's time; the next look at it after `arm` first does something else."""

    def __init__(self) -> None:
        self._deeds: list[Callable[[], None]] = []

    def arm(self, *deeds: Callable[[], None]) -> None:
        self._deeds = list(deeds)

    def __call__(self) -> float:
        if self._deeds:
            self._deeds.pop(0)()
        return time.time()


def nothing() -> None:
    """What happens at the look for the time of arrival."""


def leave(client: socket.socket, gone: asyncio.Event) -> None:
    client.close()
    gone.set()


def fields(app: App, refresh_token: str | None) -> dict[str, str]:
    return {
        "client_id": app.client_id,
        "client_secret": app.client_secrets[0],
        "grant_type": "refresh_token",
        "refresh_token": refresh_token or "",
    }


async def test_a_client_that_leaves_in_the_moment_of_the_effect_was_not_served() -> None:
    clockwork = Clockwork()
    simulation = Simulation(clock=VirtualClock(clockwork))
    now = simulation.clock.now()
    alice = simulation.state.account("alice", now=now, type_="User")
    app = simulation.state.create_app("acme-bot", owner=alice, now=now, keys={})
    pair = oauth.sign_in(simulation.state, app, alice, flow="web", scopes=(), now=now)
    body = urlencode(fields(app, pair.refresh_token)).encode()
    async with Server(simulation=simulation) as server:
        where = urlsplit(server.addresses.web_url)
        client = socket.create_connection((where.hostname or "", where.port or 0))
        client.sendall(
            b"POST /login/oauth/access_token HTTP/1.1\r\nHost: github\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        # The second look is the moment of the effect. The loop has no turn between it and the first byte of the answer,
        # so only the kernel knows by then that the client has gone.
        gone = asyncio.Event()
        clockwork.arm(nothing, lambda: leave(client, gone))
        await gone.wait()
        async with httpx.AsyncClient(trust_env=False) as again:
            await again.post(
                f"{server.addresses.web_url}/login/oauth/access_token", data=fields(app, pair.refresh_token)
            )
    assert [request.delivered for request in simulation.ledger.requests] == [False, True]
    assert (len(simulation.spends.double_spends), len(simulation.spends.replays)) == (0, 1)


async def test_the_kernel_knows_first_that_a_client_has_gone() -> None:
    seen: list[bool] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(client_waits(request))
        client.close()
        seen.append(client_waits(request))
        answered.set()
        return web.Response()

    answered = asyncio.Event()
    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    client = socket.create_connection(listener.getsockname())
    client.sendall(b"GET / HTTP/1.1\r\nHost: github\r\n\r\n")
    await answered.wait()
    await runner.cleanup()
    assert seen == [True, False]
