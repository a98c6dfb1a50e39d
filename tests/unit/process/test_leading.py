"""The order of the end: what must be finished is, then the Lease goes. A term that ends badly is over all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from githubtoken_operator.adapters.kubernetes.lease import Leadership
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.process.background import Background, TaskEnded
from githubtoken_operator.process.leading import Leading, LeaseLost


class Scene:
    """A Lease whose renewal ends as the test says, and runs that end when it says so."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.held_now = True
        self.why_lost = "it was not renewed in time"
        self.stop = asyncio.Event()
        self.metrics = Metrics("1")
        self.drained = asyncio.Event()
        self.renewal: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def leads(self) -> float | None:
        return self.metrics.registry.get_sample_value("githubtoken_leader")

    def held(self) -> bool:
        return self.held_now

    async def renew_until_lost(self) -> None:
        await self.renewal

    async def release(self) -> None:
        self.done.append("released")

    async def drain(self) -> None:
        self.done.append("draining")
        await self.drained.wait()
        self.done.append("drained")

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[Leading]:
        with Background(self.stop) as background:
            async with Leading(
                cast("Leadership", self),
                drain=self.drain,
                background=background,
                metrics=self.metrics,
                stop=self.stop,
            ) as leading:
                yield leading

    async def lead(self, until: Callable[[Leading], None] = lambda _: None) -> None:
        async with self.leading() as leading:
            assert self.leads == 1.0
            until(leading)
            await self.stop.wait()


async def rounds() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_lease_is_released_after_the_drain_and_not_before() -> None:
    scene = Scene()
    led = asyncio.create_task(scene.lead())
    await rounds()
    scene.stop.set()
    await rounds()
    assert scene.done == ["draining"]
    scene.drained.set()
    await led
    assert scene.done == ["draining", "drained", "released"]
    assert scene.leads == 0.0


async def test_the_lease_is_released_although_the_watches_go_on() -> None:
    scene = Scene()
    scene.drained.set()
    async with scene.leading():
        scene.stop.set()
        await rounds()
        assert scene.done[-1] == "released"


async def test_a_lost_lease_ends_the_term_and_is_not_released() -> None:
    scene = Scene()
    led = asyncio.create_task(scene.lead())
    await rounds()
    scene.held_now = False
    scene.renewal.set_result(None)
    await rounds()
    assert scene.stop.is_set()
    assert scene.leads == 0.0
    scene.drained.set()
    with pytest.raises(LeaseLost, match=r"^the Lease is lost: it was not renewed in time$"):
        await led
    assert scene.done == ["draining", "drained"]


async def test_a_renewal_that_fails_ends_the_term_at_once() -> None:
    scene = Scene()
    led = asyncio.create_task(scene.lead())
    await rounds()
    scene.renewal.set_exception(FileNotFoundError("/var/run/secrets/token"))
    await rounds()
    assert scene.stop.is_set()
    assert scene.leads == 0.0
    scene.drained.set()
    with pytest.raises(TaskEnded, match="`lease` failed with FileNotFoundError"):
        await led


async def test_a_drain_that_fails_does_not_hold_the_end() -> None:
    scene = Scene()

    async def fails() -> None:
        raise ZeroDivisionError

    scene.drain = fails  # type: ignore[method-assign]
    scene.stop.set()
    with pytest.raises(TaskEnded, match="`hand-over` failed"):
        await scene.lead()
    assert scene.done == []
