"""What is asked of kopf, and what the event loop says of that which it leaves at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import islice
from typing import cast

import kopf
import pytest
from kopf._cogs.aiokits import aiotasks
from kubernetes.aio import client

from githubtoken_operator.adapters.kubernetes.access.access import Access
from githubtoken_operator.engine.cache.watched import WATCHED, served
from githubtoken_operator.watching import embedding
from githubtoken_operator.watching.watches import Listener


@pytest.fixture
async def stop() -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    embedding.pass_over_leftovers(stop)
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


NOBODY = Access(client.Configuration(), "")


async def never() -> None:
    """The end of a process that does not end here."""


def watched_kinds(*, clusterwide: bool) -> set[str]:
    registry = embedding.registry(served(clusterwide=clusterwide), access=NOBODY, end=never)
    selectors = [handler.selector for handler in registry._watching._handlers]
    return {str(selector.any_name) for selector in selectors if selector is not None}


def test_an_operator_of_some_namespaces_watches_nothing_of_the_cluster() -> None:
    everywhere, somewhere = watched_kinds(clusterwide=True), watched_kinds(clusterwide=False)
    assert somewhere == {"githubtokens", "githubapps", "secrets"}
    assert everywhere - somewhere == {"clustergithubtokens", "clustergithubapps", "namespaces"}


def test_nothing_that_writes_to_users_objects_is_registered() -> None:
    registry = embedding.registry(WATCHED, access=NOBODY, end=never)
    assert not registry._changing._handlers
    assert not registry._spawning._handlers
    assert not registry._indexing._handlers
    assert not registry._webhooks._handlers


def test_the_settings_need_no_peering_and_watch_our_secrets_only() -> None:
    settings = embedding.settings()
    assert settings.peering.standalone
    assert settings.scanning.disabled
    assert not settings.posting.enabled
    assert settings.watching.label_selectors["secrets"] == "githubtoken.dev/role"


def test_the_api_server_may_be_away_for_half_an_hour() -> None:
    backoffs = list(islice(embedding.Backoffs(), 1000))
    assert sum(backoffs) >= 30 * 60
    assert backoffs == sorted(backoffs)


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_kopf_that_does_not_end_after_the_hand_over_is_left(
    monkeypatch: pytest.MonkeyPatch, *, hangs: bool
) -> None:
    """It waits without end for a watch of its own that took no notice of being cancelled."""
    ended = asyncio.Event()
    monkeypatch.setattr(embedding, "ENDS_WITHIN", 0)
    monkeypatch.setattr(embedding, "registry", lambda *_, end, **__: end)

    async def operator(*, registry: Callable[[], Awaitable[None]], **_: object) -> None:
        await registry()
        if hangs:
            await asyncio.Event().wait()

    async def end() -> None:
        ended.set()

    monkeypatch.setattr(kopf, "operator", operator)
    listener = cast("Listener", None)
    watching = embedding.watch(listener, (), access=NOBODY, end=end, stop=asyncio.Event(), ready=asyncio.Event())
    if hangs:
        with pytest.raises(embedding.WatchesHang, match="did not end within"):
            await watching
    else:
        await watching
    assert ended.is_set()
