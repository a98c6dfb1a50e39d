"""A load balancer that forgets its connections: they stay open on both sides, and nothing comes through any more."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Balancer:
    """Leads each connection to the server; `connections` counts those that carry what they are given."""

    url: str
    connections: int = 0
    _generation: int = 0

    def forget(self) -> int:
        """Carries nothing more of the present connections, and says how many those were. New ones are as before."""
        forgotten, self.connections = self.connections, 0
        self._generation += 1
        return forgotten

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
        """One connection, until one side ends it."""
        with suppress(OSError):
            there, back = await asyncio.open_connection(host, port)
            born = self._generation
            self.connections += 1

            async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
                with suppress(OSError):
                    while data := await source.read(65536):
                        if born == self._generation:
                            target.write(data)
                            await target.drain()

            done = [asyncio.ensure_future(pump(reader, back)), asyncio.ensure_future(pump(there, writer))]
            await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
            self.connections -= born == self._generation
            for each in done:
                each.cancel()
            back.transport.abort()
        writer.transport.abort()


@contextmanager
def balancer(upstream: str) -> Iterator[Balancer]:
    """A balancer before `upstream`, whose TLS it does not touch."""
    parts = urlsplit(upstream)
    host, port = parts.hostname or "", parts.port or 443
    told: queue.Queue[tuple[Balancer, Callable[[], object]]] = queue.Queue()

    async def serve() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        made = Balancer("")
        server = await asyncio.start_server(lambda reader, writer: made.lead(reader, writer, host, port), "127.0.0.1")
        made.url = f"{parts.scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        told.put((made, lambda: loop.call_soon_threadsafe(ended.set)))
        await ended.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    made, end = told.get(timeout=30)
    try:
        yield made
    finally:
        end()
        thread.join()
