"""A background task that ends before its time ends the process, with one clear line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

import pytest

from githubtoken_operator.process.background import Background, TaskEnded


async def forever() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    """Returns."""


async def fails() -> None:
    raise FileNotFoundError("/var/run/secrets/token")


async def ended_by(**tasks: Coroutine[None, None, None]) -> str:
    """Why a process with these tasks ends."""
    stop = asyncio.Event()

    async def process() -> None:
        with Background(stop) as background:
            for name, coroutine in tasks.items():
                background.start(name, coroutine, ends=name == "recovery")
            await stop.wait()

    with pytest.raises(TaskEnded) as ended:
        await process()
    return str(ended.value)


async def test_a_task_that_fails_ends_the_process_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    assert await ended_by(sweep=fails()) == (
        "the task `sweep` failed with FileNotFoundError (see the log): the operator cannot go on, and ends"
    )
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "the task `sweep` failed")
    assert record.exc_info is not None


async def test_a_task_that_returns_too_early_ends_the_process() -> None:
    why = await ended_by(scheduler=at_once())
    assert why == "the task `scheduler` ended by itself: the operator cannot go on, and ends"


async def test_of_several_that_end_the_first_is_told() -> None:
    assert "`sweep` ended by itself" in await ended_by(sweep=at_once(), lease=fails())


async def test_a_task_that_may_end_must_not_fail() -> None:
    assert "`recovery` failed" in await ended_by(recovery=fails())


async def test_a_task_that_may_end_ends_nothing() -> None:
    stop = asyncio.Event()
    with Background(stop) as background:
        await background.start("recovery", at_once(), ends=True)
        await asyncio.sleep(0)
    assert not stop.is_set()


async def test_a_task_that_ends_because_the_process_does_is_in_order() -> None:
    stop = asyncio.Event()
    with Background(stop) as background:
        stop.set()
        await background.start("scheduler", at_once())
        await asyncio.sleep(0)


async def test_they_are_over_before_what_they_ask_by_is_closed() -> None:
    is_open, asked = True, []

    async def asks() -> None:
        while True:
            asked.append(is_open)
            await asyncio.sleep(0)

    with Background(stop := asyncio.Event()) as background:
        background.start("looks", asks())
        await asyncio.sleep(0)
        await background.end()
        is_open = False
        for _ in range(3):
            await asyncio.sleep(0)
    assert set(asked) == {True}
    assert not stop.is_set()


async def test_at_the_end_the_tasks_are_cancelled() -> None:
    with Background(asyncio.Event()) as background:
        task = background.start("heartbeat", forever())
        await asyncio.sleep(0)
    await asyncio.wait({task})
    assert task.cancelled()
