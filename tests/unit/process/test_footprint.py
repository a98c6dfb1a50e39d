"""What the process asks of Python: less for a TLS connection, and no look at what stays."""

from __future__ import annotations

import asyncio
import gc
import ssl
import weakref
from asyncio import sslproto
from collections.abc import Iterator

import pytest

from githubtoken_operator.process import footprint

pytestmark = pytest.mark.every_python


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything as it was again afterwards."""
    monkeypatch.setattr(sslproto.SSLProtocol, "max_size", sslproto.SSLProtocol.max_size)
    looks = gc.get_threshold()
    yield
    gc.set_threshold(*looks)
    gc.unfreeze()


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
    footprint.small()
    assert await buffer_of_a_new_connection() == footprint.TLS_BUFFER == before // 8


def test_what_was_there_before_is_not_looked_at_for_garbage() -> None:
    footprint.small()
    assert gc.get_freeze_count() > 10_000
    made = [[number] for number in range(1000)]
    frozen = gc.get_freeze_count()
    footprint.settled()
    assert gc.get_freeze_count() >= frozen + len(made)


class Knot:
    """Garbage that only a look finds: it holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_is_looked_for_seldom_and_found_all_the_same() -> None:
    footprint.small()
    gc.collect()
    gone = weakref.ref(Knot())
    kept = [[number] for number in range(footprint.LOOKS[0] // 2)]
    assert gone() is not None
    kept += [[number] for number in range(footprint.LOOKS[0])]
    assert gone() is None
