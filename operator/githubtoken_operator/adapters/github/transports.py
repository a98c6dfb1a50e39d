"""One transport for each set of CAs, kept while it is of use: what tenants write decides how many there could be.

Sets are told apart by their certificates, so another comment or another order is not another transport. The one that
was not used for longest is closed when there are too many, but never while a request is under way on it; the one with
the usual CAs stays. A context with many certificates takes milliseconds to make, so it is made beside the event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from githubtoken_operator.domain.vocabulary.certificates import CABundle
from githubtoken_operator.domain.vocabulary.model import ClientCertificate

Make = Callable[[CABundle | None, ClientCertificate | None], httpx.AsyncBaseTransport]

MOST: Final = 32
"""Sets of CAs beside the usual ones; each costs up to a megabyte, and its connections."""
_USUAL: Final = ""


@dataclass(slots=True)
class _Kept:
    transport: httpx.AsyncBaseTransport
    users: int = 0
    dropped: bool = False


class Transports:
    """The transports of one process; `make` makes one, and may raise `Terminal`."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._making = asyncio.Lock()

    @asynccontextmanager
    async def trusting(
        self, ca_bundle: CABundle | None, shown: ClientCertificate | None = None
    ) -> AsyncIterator[httpx.AsyncBaseTransport]:
        """The transport that trusts these CAs, or the usual ones, and shows that certificate; open inside the block."""
        key = (ca_bundle.digest if ca_bundle else _USUAL) + (f"/{shown.digest}" if shown else "")
        kept = self._kept.get(key) or await self._open(key, ca_bundle, shown)
        self._kept.move_to_end(key)
        kept.users += 1
        try:
            yield kept.transport
        finally:
            kept.users -= 1
            if kept.dropped and not kept.users:
                await kept.transport.aclose()

    async def aclose(self) -> None:
        """Closes all connections; what is under way fails."""
        while self._kept:
            _, kept = self._kept.popitem()
            await kept.transport.aclose()

    async def _open(self, key: str, ca_bundle: CABundle | None, shown: ClientCertificate | None) -> _Kept:
        async with self._making:
            if (made := self._kept.get(key)) is None:
                made = self._kept[key] = _Kept(await asyncio.to_thread(self._make, ca_bundle, shown))
        surplus = next((other for other in self._kept if other not in (_USUAL, key)), None)
        if surplus is not None and len(self._kept) - (_USUAL in self._kept) > MOST:
            dropped = self._kept.pop(surplus)
            dropped.dropped = True
            if not dropped.users:
                await dropped.transport.aclose()
        return made
