"""What kopf's lists and watches bring, from kopf's own generators over an API that is made up here."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kopf._cogs.clients import api as requests
from kopf._cogs.clients import auth, errors, fetching, watching
from kopf._cogs.structs.references import Resource

from githubtoken_operator.adapters.kubernetes.api import LARGE_PAGE
from githubtoken_operator.watching import watches

pytestmark = pytest.mark.every_python

TOKENS = Resource("githubtoken.dev", "v1alpha1", "githubtokens", "GitHubToken", namespaced=True)


def thing(version: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "team", "name": "ci", "resourceVersion": version}}


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


async def watched(namespace: str | None, resource: Resource = TOKENS, *, times: int = 1) -> list[Any]:
    settings = kopf.OperatorSettings()
    settings.watching.reconnect_backoff = 0
    settings.watching.chunk_size = LARGE_PAGE
    events = watching.infinite_watch(settings=settings, resource=resource, namespace=namespace, _iterations=times)  # type: ignore[arg-type]
    return [event async for event in events]


class Told:
    """Notes what is told, and fails at what has `refused` for a name."""

    def __init__(self, refused: str = "") -> None:
        self.heards: list[tuple[str, str | None]] = []
        self.answers: list[tuple[str, str, int]] = []
        self.events: list[tuple[str, str | None, Any]] = []
        self._refused = refused

    def heard(self, resource: str, namespace: str | None) -> None:
        self.heards.append((resource, namespace))

    def answered(self, verb: str, resource: str, status: int) -> None:
        self.answers.append((verb, resource, status))

    def brought(self, resource: str, change: str | None, body: Any) -> None:  # noqa: ANN401 - any JSON
        if body["metadata"]["name"] == self._refused:
            raise ValueError("no such thing")
        self.events.append((resource, change, body))

    def listed(self, resource: str, namespace: str | None, present: Any) -> None:  # noqa: ANN401 - a set
        self.events.append((resource, f"listed in {namespace}", present))


@pytest.mark.parametrize("namespace", [None, "team"])
async def test_lists_objects_and_bookmarks_are_signs_of_life(api: None, namespace: str | None) -> None:
    told = Told()
    with watches.listening(told):
        await watched(namespace)
    # The object of the list, its end, an object and a bookmark.
    assert told.heards == [("githubtokens", namespace)] * 4


async def test_objects_are_told_in_their_order_and_what_the_list_had_at_its_end(api: None) -> None:
    told = Told()
    with watches.listening(told):
        await watched("team")
    assert told.events == [
        ("githubtokens", None, thing("1")),
        ("githubtokens", "listed in team", {("team", "ci")}),
        ("githubtokens", "ADDED", thing("2")),
    ]


async def test_kopf_gets_the_end_of_the_list_and_bookmarks_and_no_object(api: None) -> None:
    without = await watched(None)
    with watches.listening(Told()):
        assert await watched(None) == [without[1], without[3]] == [watching.Bookmark.LISTED, STREAM[1]]
    assert await watched(None) == without


async def test_what_comes_is_trimmed(api: None, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"metadata": {"name": "ci", "managedFields": [{}]}, "data": {"token": "Z2hz"}}
    monkeypatch.setitem(STREAM[0], "object", body)
    told = Told()
    with watches.listening(told):
        await watched(None)
    assert [body["metadata"] for _, change, body in told.events if change == "ADDED"] == [{"name": "ci"}]
    assert "Z2hz" not in str(told.events)


async def test_an_object_that_cannot_be_taken_in_ends_nothing_and_is_named(
    api: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {"metadata": {"name": "odd", "namespace": "team", "resourceVersion": "2"}}
    monkeypatch.setitem(STREAM[0], "object", odd)
    told = Told(refused="odd")
    with watches.listening(told):
        assert len(await watched(None)) == 2
    assert [record.message for record in caplog.records] == ["githubtokens team/odd could not be taken in"]


async def test_others_have_their_turn_while_much_comes(api: None, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [{"type": "ADDED", "object": thing(str(at))} for at in range(100)]
    monkeypatch.setattr(f"{__name__}.STREAM", [*many, STREAM[-1]])
    told, between = Told(), set()

    async def others() -> None:
        while True:
            between.add(len(told.events))
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    with watches.listening(told):
        await watched(None)
    task.cancel()
    assert len(between) > 100 // watches.AT_ONCE


async def test_a_watch_that_is_cancelled_ends(api: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(**_: Any) -> AsyncIterator[dict[str, Any]]:  # noqa: ANN401 - kopf's
        await asyncio.Event().wait()
        yield {}

    monkeypatch.setattr(requests, "stream", silent)
    with watches.listening(Told()):
        task = asyncio.create_task(watched(None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def refused(status: int, kind: type[errors.APIError] = errors.APIClientError) -> errors.APIError:
    said: Any = {"kind": "Status", "code": status, "message": "not any more"}
    return kind(said, status=status, headers={})


FAILURES = [
    pytest.param(refused(410), "410: not any more", id="the rest of a list is not remembered any more"),
    pytest.param(refused(404, errors.APINotFoundError), "404: not any more", id="the kind is not served"),
    pytest.param(refused(403, errors.APIForbiddenError), "403: not any more", id="no right, for long"),
    pytest.param(refused(500, errors.APIServerError), "500: not any more", id="an API server that fails for long"),
    pytest.param(json.JSONDecodeError("Expecting value", "<html>ghs_canary", 0), "JSONDecodeError", id="a page"),
    pytest.param(RecursionError("too deep"), "too deep", id="what is nested without end"),
    pytest.param(RuntimeError("Connection closed."), "Connection closed.", id="the session of all was closed"),
]


@pytest.mark.parametrize(("error", "said"), FAILURES)
async def test_a_list_that_fails_in_the_middle_begins_anew_and_tells_of_no_end(
    api: None, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole, pages = fetching.fetch_objs, iter([error])

    async def listed(**options: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - kopf's
        async for page in whole(**options):
            yield page
        for failure in pages:
            raise failure

    monkeypatch.setattr(fetching, "fetch_objs", listed)
    monkeypatch.setattr(watches, "AGAIN", 0)
    told = Told()
    with watches.listening(told):
        await watched("team", times=2)
    assert [change for _, change, _ in told.events] == [None, None, "listed in team", "ADDED"]
    assert [record.message for record in caplog.records] == [f"the list of githubtokens in team begins anew: {said}"]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        pytest.param({"code": 500, "message": "no leader"}, "no leader", id="etcd has no leader"),
        pytest.param({"code": 403, "message": "no right"}, "no right", id="no right"),
    ],
)
async def test_a_watch_that_is_told_of_a_failure_begins_anew_by_a_list(
    api: None,
    event: dict[str, Any],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(f"{__name__}.STREAM", [{"type": "ERROR", "object": event}])
    monkeypatch.setattr(watches, "AGAIN", 0)
    told = Told()
    with watches.listening(told):
        await watched(None, times=2)
    assert [change for _, change, _ in told.events] == [None, "listed in None"] * 2
    messages = [record.message for record in caplog.records]
    assert len(messages) == 2
    assert all(each.startswith("the watch of githubtokens begins anew: ") and said in each for each in messages)


@pytest.mark.parametrize("before", ["", "/k8s/clusters/c-1"], ids=["plain", "behind a path"])
async def test_the_requests_of_the_watches_are_counted_by_what_was_answered(before: str) -> None:
    told = Told()
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
        with watches.listening(told):
            for url in (collection, f"{collection}?watch=true", f"{collection}?watch=true"):
                with suppress(errors.APIError):
                    await requests.request("get", url, **ours)
        await context.close()
    assert told.answers == [
        ("list", "githubtokens", 200),
        ("watch", "githubtokens", 200),
        ("watch", "githubtokens", 410),
    ]


@pytest.mark.parametrize(
    ("resource", "size"),
    [
        pytest.param(TOKENS, watches.OWN_PAGE, id="of our own"),
        pytest.param(Resource("", "v1", "secrets", "Secret", namespaced=True), LARGE_PAGE, id="of Secrets"),
    ],
)
async def test_a_page_is_as_long_as_its_objects_allow(
    resource: Resource, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def get(*, url: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401 - kopf's
        asked.append(url)
        return {"metadata": {"resourceVersion": "1"}, "items": []}

    async def stream(**_: Any) -> AsyncIterator[dict[str, Any]]:  # noqa: ANN401 - kopf's
        for event in STREAM[-1:]:
            yield event

    monkeypatch.setattr(requests, "get", get)
    monkeypatch.setattr(requests, "stream", stream)
    with watches.listening(Told()):
        await watched(None, resource)
    assert [parse_qs(urlsplit(url).query)["limit"] for url in asked] == [[str(size)]]
