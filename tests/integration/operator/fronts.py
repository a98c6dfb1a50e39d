"""A TLS front before a server: the same answers, under another certificate."""

from __future__ import annotations

import asyncio
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit


@contextmanager
def front(server_pem: Path, upstream: str) -> Iterator[str]:
    """The address of a front with that certificate and key; it leads to `upstream`, an `https` address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_pem)
    # The certificate behind is not what is tested.
    behind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    behind.check_hostname = False
    behind.verify_mode = ssl.CERT_NONE
    parts = urlsplit(upstream)
    told: queue.Queue[tuple[str, Callable[[], object]]] = queue.Queue()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, back = await asyncio.open_connection(parts.hostname, parts.port, ssl=behind)
            await asyncio.gather(_pump(reader, back), _pump(there, writer))

    async def serve() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(lead, "127.0.0.1", 0, ssl=context)
        address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        told.put((address, lambda: loop.call_soon_threadsafe(ended.set)))
        await ended.wait()
        server.close()

    # asyncio, because no two threads may use one TLS connection; what is under way is cancelled at the end.
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    address, end = told.get(timeout=30)
    try:
        yield address
    finally:
        end()
        thread.join()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
    finally:
        target.transport.abort()
