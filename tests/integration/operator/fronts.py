"""A TLS front before a server: the same answers, under another certificate."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.integration.operator.loops import beside


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

    opened: list[asyncio.StreamWriter] = []

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, back = await asyncio.open_connection(parts.hostname, parts.port, ssl=behind)
            opened.append(back)
            await asyncio.gather(_pump(reader, back), _pump(there, writer))

    async def serve(tell: Callable[[str], object], ended: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as leading:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                opened.append(writer)
                tasks.append(leading.create_task(lead(reader, writer)))

            tasks: list[asyncio.Task[None]] = []
            server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
            tell(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await ended.wait()
            server.close()
            for task in tasks:
                task.cancel()
        # One that was accepted a moment ago was not even begun.
        for end in opened:
            end.transport.abort()
        await asyncio.sleep(0)

    # asyncio, because no two threads may use one TLS connection.
    with beside(serve) as address:
        yield address


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
    finally:
        target.transport.abort()
