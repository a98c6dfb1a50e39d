"""The time for which this process leads, and how it is handed over.

    begin   the Lease is held already; it is renewed from here on
    end     asked for, or the Lease is lost: nothing new begins, what was sent irrevocably is finished and saved, and
            only then is the Lease released

The end has a task of its own, begun before kopf: the successor waits for no watch, and for no pause of kopf's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from githubtoken_operator.adapters.clock import wall_now
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.commands.survey import Survey
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.adapters.kubernetes.lease import Leadership
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.domain.vocabulary.times import parse_time
from githubtoken_operator.process.background import Background

logger = logging.getLogger(__name__)


async def tell_of_a_leader(api: Api, namespace: str) -> None:
    """Says in the log who leads there, for a process that asks for no Lease and works beside it."""
    try:
        spec = (await Survey(api).lease(namespace)).get("spec") or {}
    except ApiError:
        # None is there, or it may not be read.
        return
    holder, renewed = spec.get("holderIdentity"), parse_time(spec.get("renewTime"))
    lasts = timedelta(seconds=spec.get("leaseDurationSeconds") or 0)
    if holder and renewed is not None and renewed + lasts > wall_now():
        logger.warning(
            "%s holds the Lease in %s, and with --no-leader-elect this process works beside it: both may spend the "
            "same refresh token, and a sign-in is lost; stop one of them, or give each its own --namespaces",
            holder,
            namespace,
        )


class LeaseLost(Exception):
    """Another replica leads now; what was in flight is finished."""


class Leading:
    """One term. Leaving the block ends it, and raises `LeaseLost` where it was over already."""

    def __init__(
        self,
        leadership: Leadership,
        *,
        drain: Callable[[], Awaitable[None]],
        background: Background,
        metrics: Metrics,
        stop: asyncio.Event,
    ) -> None:
        """`drain` returns once nothing runs any more; setting `stop` ends the term."""
        self._leadership = leadership
        self._drain = drain
        self._background = background
        self._metrics = metrics
        self._stop = stop
        self._lost = False
        self._handing_over: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._metrics.lead(True)
        renewing = self._background.start("lease", self._renew())
        self._handing_over = self._background.start("hand-over", self._hand_over(renewing), ends=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()
        if self._lost and error is None:
            raise LeaseLost(f"the Lease is lost: {self._leadership.why_lost}")

    async def end(self) -> None:
        """Returns when the Lease is released, or lost, and nothing is in flight."""
        self._stop.set()
        if self._handing_over is not None:
            await asyncio.wait({self._handing_over})

    async def _renew(self) -> None:
        try:
            await self._leadership.renew_until_lost()
        finally:
            # At once: what is in flight may take long to be saved, and another replica may lead meanwhile.
            self._metrics.lead(False)
            self._stop.set()

    async def _hand_over(self, renewing: asyncio.Task[None]) -> None:
        await self._stop.wait()
        await self._drain()
        self._metrics.lead(False)
        self._lost = not self._leadership.held()
        renewing.cancel()
        if not self._lost:
            await self._leadership.release()
