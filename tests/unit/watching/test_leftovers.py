"""Complaints of the event loop about what kopf leaves at the end, and about anything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from kopf._cogs.aiokits import aiotasks

from githubtoken_operator.watching import leftovers


@pytest.fixture
async def stop() -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    leftovers.pass_over(stop)
    yield stop
    asyncio.get_running_loop().set_exception_handler(None)


async def failed(*, of_kopf: bool) -> asyncio.Task[None]:
    """A task that has failed, whose coroutine is a function of kopf's or of ours."""

    async def fail() -> None:
        raise ConnectionError("closed")

    coroutine = aiotasks.guard(fail(), name="x", finishable=True) if of_kopf else fail()
    task = asyncio.create_task(coroutine)
    await asyncio.wait({task})
    return task


def complain(task: asyncio.Task[None]) -> None:
    """What the loop does when a task is collected whose failure nobody has looked at."""
    context = {"message": "Task exception was never retrieved", "future": task, "exception": task.exception()}
    asyncio.get_running_loop().call_exception_handler(context)


@pytest.mark.parametrize(
    ("of_kopf", "ending", "complains"),
    [
        pytest.param(True, True, False, id="what kopf leaves at the end is passed over"),
        pytest.param(True, False, True, id="what kopf leaves before it is told"),
        pytest.param(False, True, True, id="what is ours is told at the end as well"),
    ],
)
async def test_a_task_that_failed_is_complained_of(
    stop: asyncio.Event, caplog: pytest.LogCaptureFixture, *, of_kopf: bool, ending: bool, complains: bool
) -> None:
    if ending:
        stop.set()
    task = await failed(of_kopf=of_kopf)
    with caplog.at_level(logging.ERROR):
        complain(task)
    assert bool(caplog.records) is complains
