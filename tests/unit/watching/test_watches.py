"""Signs of life of kopf's watches, from kopf's own generators over an API that is made up here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kopf._cogs.clients import api as requests
from kopf._cogs.clients import auth, errors, fetching, watching
from kopf._cogs.structs.references import Resource

from githubtoken_operator.watching import watches

TOKENS = Resource("githubtoken.dev", "v1alpha1", "githubtokens", "GitHubToken", namespaced=True)


def thing(version: str) -> dict[str, Any]:
    return {"metadata": {"name": "ci", "resourceVersion": version}}


STREAM = [
    {"type": "ADDED", "object": thing("2")},
    {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "3"}}},
    {"type": "ERROR", "object": {"code": 410}},
]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of one object, then a watch that brings an object and a bookmark, and is told that it is too old."""

    async def listed(**_: Any) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:  # noqa: ANN401 - kopf's
        yield [thing("1")], "1"

    async def stream(**_: Any) -> AsyncIterator[dict[str, Any]]:  # noqa: ANN401 - kopf's
        for event in STREAM:
            yield event

    monkeypatch.setattr(fetching, "fetch_objs", listed)
    monkeypatch.setattr(requests, "stream", stream)


async def watched(namespace: str | None) -> list[Any]:
    settings = kopf.OperatorSettings()
    settings.watching.reconnect_backoff = 0
    events = watching.infinite_watch(settings=settings, resource=TOKENS, namespace=namespace, _iterations=1)  # type: ignore[arg-type]
    return [event async for event in events]


@pytest.mark.parametrize("namespace", [None, "team"])
async def test_lists_objects_and_bookmarks_are_signs_of_life(api: None, namespace: str | None) -> None:
    heard: list[tuple[str, str | None]] = []
    with watches.listening(lambda resource, where: heard.append((resource, where))):
        events = await watched(namespace)
    # The object of the list, its end, an object and a bookmark.
    assert len(events) == 4
    assert heard == [("githubtokens", namespace)] * 4


async def test_what_comes_is_trimmed_before_kopf_keeps_it(api: None, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"metadata": {"name": "ci", "managedFields": [{}]}, "data": {"token": "Z2hz"}}
    monkeypatch.setitem(STREAM[0], "object", body)
    with watches.listening(lambda *_: None):
        events = await watched(None)
    assert [event["object"]["metadata"] for event in events if "ADDED" in str(event)] == [{"name": "ci"}]
    assert "Z2hz" not in str(events)


async def test_kopf_sees_the_same_with_and_without(api: None) -> None:
    without = await watched(None)
    with watches.listening(lambda *_: None):
        assert await watched(None) == without
    assert await watched(None) == without


async def test_a_watch_that_is_cancelled_ends(api: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(**_: Any) -> AsyncIterator[dict[str, Any]]:  # noqa: ANN401 - kopf's
        await asyncio.Event().wait()
        yield {}

    monkeypatch.setattr(requests, "stream", silent)
    with watches.listening(lambda *_: None):
        task = asyncio.create_task(watched(None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("before", ["", "/k8s/clusters/c-1"], ids=["plain", "behind a path"])
async def test_the_requests_of_the_watches_are_counted_by_what_was_answered(before: str) -> None:
    counted: list[tuple[str, str, int]] = []
    statuses = iter((200, 200, 410))

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"items": [], "metadata": {"resourceVersion": "1"}}, status=next(statuses))

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    settings = kopf.OperatorSettings()
    settings.networking.error_backoffs = []
    async with TestServer(app) as server:
        context = auth.APIContext(kopf.ConnectionInfo(server=f"{server.make_url(before)}"))
        collection = "/apis/githubtoken.dev/v1alpha1/namespaces/team/githubtokens"
        ours: dict[str, Any] = {"settings": settings, "context": context, "logger": logging.getLogger()}
        with watches.listening(lambda *_: None, lambda *answered: counted.append(answered)):
            for url in (collection, f"{collection}?watch=true", f"{collection}?watch=true"):
                with suppress(errors.APIError):
                    await requests.request("get", url, **ours)
        await context.close()
    assert counted == [("list", "githubtokens", 200), ("watch", "githubtokens", 200), ("watch", "githubtokens", 410)]
