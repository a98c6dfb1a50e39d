"""What the process asks of Python is what a TLS connection takes."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import sslproto

import pytest

from githubtoken_operator.process import footprint


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio's own again afterwards."""
    monkeypatch.setattr(sslproto.SSLProtocol, "max_size", sslproto.SSLProtocol.max_size)


async def buffer_of_a_new_connection() -> int:
    """Bytes that asyncio offers the socket to read into."""
    protocol = sslproto.SSLProtocol(
        asyncio.get_running_loop(),
        asyncio.Protocol(),
        ssl.create_default_context(),
        waiter=asyncio.get_running_loop().create_future(),
    )
    try:
        return len(protocol.get_buffer(-1))
    finally:
        protocol._get_app_transport().abort()  # type: ignore[attr-defined]


async def test_a_tls_connection_takes_an_eighth() -> None:
    before = await buffer_of_a_new_connection()
    footprint.small_buffers()
    assert await buffer_of_a_new_connection() == footprint.TLS_BUFFER == before // 8
