"""A proxy on loopback in front of the API server or of GitHub, where a request can be delayed, refused, lost or deadly.

It is plain HTTP towards the operator and whatever the server speaks behind it; watches are passed through as they come.
What happens is said by rules: the first that fits a request strikes. A request is known by `METHOD /path?query`.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, StreamReader, TCPConnector, web

_HOP_BY_HOP: Final = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
_START_WITHIN: Final = 10.0


@dataclass(slots=True)
class Rule:
    """What happens to the requests that `pattern` is found in.

    Attributes:
        pattern: A regular expression.
        skip: So many requests that fit pass first.
        times: How often it strikes; None until the rules are cleared.
        after: It strikes when the server has done what was asked, and the client does not know yet.
        delay: Seconds before anything else.
        act: Called when it strikes, for instance to kill the client.
        drop: The connection is closed without an answer.
        status: The answer instead of the server's, with `body`.
    """

    pattern: str
    skip: int = 0
    times: int | None = 1
    after: bool = False
    delay: float = 0.0
    act: Callable[[], object] | None = None
    drop: bool = False
    status: int | None = None
    body: bytes = b"{}"
    content_type: str = "application/json"
    struck: threading.Event = field(default_factory=threading.Event)


class FaultProxy:
    """Runs in a thread of its own for as long as the `with` block; `url` is where the operator is sent."""

    def __init__(self, upstream: str, *, ca_file: Path | None = None) -> None:
        self._upstream = upstream
        self._tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file else False
        self._rules: list[Rule] = []
        self._writes: list[tuple[float, str]] = []
        self._watching: set[asyncio.Transport] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_START_WITHIN)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_START_WITHIN)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def add(self, rule: Rule) -> Rule:
        """From now on."""
        self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """No rules, and no writes seen."""
        self._rules.clear()
        self._writes.clear()

    def writes(self) -> list[tuple[float, str]]:
        """The requests that are not reads since `clear`, with the monotonic time at which each came."""
        return list(self._writes)

    def cut_watches(self) -> None:
        """Closes the connections of all watches."""
        for transport in list(self._watching):
            self._loop.call_soon_threadsafe(transport.abort)

    async def _listen(self) -> None:
        self._session = ClientSession(
            connector=TCPConnector(ssl=self._tls, limit=0), timeout=ClientTimeout(total=None), auto_decompress=False
        )
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        what = f"{request.method} {request.path_qs}"
        if request.method != "GET":
            self._writes.append((time.monotonic(), what))
        rule = self._take(what)
        if rule is not None:
            await asyncio.sleep(rule.delay)
            if not rule.after and (answer := _strike(rule, request)) is not None:
                return answer
        try:
            return await self._forward(request, body, rule if rule and rule.after else None)
        except (ClientError, ConnectionError):
            if rule is not None and rule.after:
                _strike(rule, request)
            return _lost(request)

    def _take(self, what: str) -> Rule | None:
        for rule in self._rules:
            if not re.search(rule.pattern, what):
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
                if rule.times == 0:
                    self._rules.remove(rule)
            return rule
        return None

    async def _forward(self, request: web.Request, body: bytes, rule: Rule | None) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        url = self._upstream + request.raw_path
        async with self._session.request(
            request.method, url, headers=headers, data=body or None, allow_redirects=False
        ) as response:
            kept = {name: value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP}
            if "watch=" in request.query_string:
                return await self._stream(request, response.status, kept, response.content)
            content = await response.read()
        if rule is not None and (answer := _strike(rule, request)) is not None:
            return answer
        return web.Response(status=response.status, headers=kept, body=content)

    async def _stream(
        self, request: web.Request, status: int, headers: dict[str, str], content: StreamReader
    ) -> web.StreamResponse:
        answer = web.StreamResponse(status=status, headers=headers)
        await answer.prepare(request)
        transport = request.transport
        if not isinstance(transport, asyncio.Transport):
            return answer
        self._watching.add(transport)
        try:
            # Not line by line: a Secret of a MiB is a line that is longer than the client reads.
            async for chunk in content.iter_any():
                await answer.write(chunk)
        finally:
            self._watching.discard(transport)
        return answer


def _strike(rule: Rule, request: web.Request) -> web.StreamResponse | None:
    """The answer in place of the server's, or None where the rule has none."""
    if rule.act is not None:
        rule.act()
    rule.struck.set()
    if rule.drop:
        return _lost(request)
    if rule.status is None:
        return None
    return web.Response(status=rule.status, body=rule.body, content_type=rule.content_type)


def _lost(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        with suppress(OSError):
            request.transport.abort()
    return web.Response(status=502)
