"""A load balancer that forgets its connections: they stay open on both sides, and nothing comes through any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.integration.operator.loops import beside


@dataclass
class Balancer:
    """Leads each connection to the server."""

    url: str
    _generation: int = 0
    _remembered: int = 0
    _open: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=dict)

    def forget(self) -> int:
        """Carries nothing more of the present connections, and says how many those were. New ones are as before."""
        forgotten, self._remembered = self._remembered, 0
        self._generation += 1
        return forgotten

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
        """One connection, until one side ends it."""
        there, back = await asyncio.open_connection(host, port)
        task, born = asyncio.current_task(), self._generation
        assert task is not None
        self._open[task] = (writer, back)
        self._remembered += 1

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while data := await source.read(65536):
                    if born == self._generation:
                        target.write(data)
                        await target.drain()
            for each in (writer, back):
                each.transport.abort()

        await asyncio.gather(pump(reader, back), pump(there, writer))
        self._remembered -= born == self._generation
        del self._open[task]

    async def close(self) -> None:
        """Ends all connections."""
        tasks = list(self._open)
        for writers in self._open.values():
            for each in writers:
                each.transport.abort()
        await asyncio.gather(*tasks)


@contextmanager
def balancer(upstream: str) -> Iterator[Balancer]:
    """A balancer before `upstream`, whose TLS it does not touch."""
    parts = urlsplit(upstream)
    host, port = parts.hostname or "", parts.port or 443

    async def serve(tell: Callable[[Balancer], object], ended: asyncio.Event) -> None:
        made = Balancer("")
        server = await asyncio.start_server(lambda reader, writer: made.lead(reader, writer, host, port), "127.0.0.1")
        made.url = f"{parts.scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        tell(made)
        await ended.wait()
        server.close()
        await made.close()

    with beside(serve) as made:
        yield made
