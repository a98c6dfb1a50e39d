"""The watch of one name, from answers that are made up here: what it brings, and each way in which it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.errors import Forbidden, Unavailable
from githubtoken_operator.adapters.kubernetes.one_secret import Expired, OneSecret
from tests.unit.builders import secret

Answer = Callable[[web.Request], web.StreamResponse]


def event(kind: str, version: str, **more: Any) -> bytes:  # noqa: ANN401
    body = secret("pat", {"token": "a-sentence"})
    body["metadata"] |= {"resourceVersion": version, "managedFields": [{}]}
    return json.dumps({"type": kind, "object": {**body, **more}}).encode() + b"\n"


FAILED = b'{"type": "ERROR", "object": {"kind": "Status", "code": %d, "message": "because"}}\n'


@asynccontextmanager
async def answering(*parts: bytes, status: int = 200) -> AsyncIterator[tuple[OneSecret, list[web.Request], list[Any]]]:
    """An API server that answers with these bytes; the requests that it got, and what was told of them."""
    requests: list[web.Request] = []
    told: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append(request)
        return web.Response(body=b"".join(parts), status=status)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        settings = client.Configuration(host=str(server.make_url("")).rstrip("/"))
        async with Api(settings, tell=lambda *args: told.append(args[:3])) as api:
            yield OneSecret(api, silence=5), requests, told


async def brought(source: OneSecret) -> list[tuple[Any, bool, str]]:
    return [change async for change in source.changes("team", "pat", "1")]


async def test_events_come_without_data_and_bookkeeping_and_a_bookmark_is_no_news() -> None:
    parts = [event("ADDED", "2"), event("BOOKMARK", "3"), event("DELETED", "4")]
    async with answering(*parts) as (source, requests, told):
        added, bookmark, deleted = await brought(source)
    assert added[1:] == (True, "2")
    assert added[0]["metadata"]["name"] == "pat"
    assert not {"data", "managedFields"} & {*added[0], *added[0]["metadata"]}
    assert bookmark[1:] == (False, "3")
    assert deleted == (None, True, "4")
    query = requests[0].query
    assert (query["fieldSelector"], query["resourceVersion"], query["watch"]) == ("metadata.name=pat", "1", "true")
    assert requests[0].path == "/api/v1/namespaces/team/secrets"
    assert told == [("watch", "secrets", 200)]


@pytest.mark.parametrize(
    ("parts", "status", "error"),
    [
        pytest.param([FAILED % 410], 200, Expired, id="too old, in an event"),
        pytest.param([b'{"message": "too old"}'], 410, Expired, id="too old, at once"),
        pytest.param([FAILED % 500], 200, Unavailable, id="a defect of its own"),
        pytest.param([b'{"message": "no right"}'], 403, Forbidden, id="no right"),
        pytest.param([b'{"message": "who are you"}'], 401, Unavailable, id="not known"),
        pytest.param([b'{"message": "busy"}'], 429, Unavailable, id="too many requests"),
        pytest.param([b"<html>"], 200, Unavailable, id="a page of somebody in between"),
        pytest.param([event("ADDED", "2")[:40]], 200, Unavailable, id="cut off in the middle"),
    ],
)
async def test_a_watch_that_fails(parts: Sequence[bytes], status: int, error: type[Exception]) -> None:
    async with answering(*parts, status=status) as (source, _, _told):
        with pytest.raises(error) as found:
            await brought(source)
    assert "a-sentence" not in str(found.value)


async def test_a_refused_credential_is_looked_for_again() -> None:
    looked: list[str] = []

    async def renew() -> None:
        looked.append("again")

    async with answering(b"{}", status=401) as (source, _, _told):
        source._api._renew = renew
        with pytest.raises(Unavailable):
            await brought(source)
    assert looked == ["again"]


async def test_an_api_server_that_is_away() -> None:
    # Nobody listens on the port that is kept for that.
    async with Api(client.Configuration(host="http://127.0.0.1:1")) as api:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await brought(OneSecret(api, silence=5))
