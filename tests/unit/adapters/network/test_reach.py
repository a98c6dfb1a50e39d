"""Whether a GitHub can be reached, asked of servers on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from githubtoken_operator.adapters.network.reach import Reached, reach
from tests.unit.builders import NOW

THEIRS = "Sun, 01 Mar 2026 12:03:00 GMT"
"""Three minutes after NOW."""


@asynccontextmanager
async def github(status: int = 200, **headers: str) -> AsyncIterator[str]:
    """A server that answers `/rate_limit` so, and knows nothing else."""

    async def answer(request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers
        return web.Response(status=status, headers=headers)

    app = web.Application()
    app.router.add_get("/rate_limit", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


async def asked(url: str, environment: Mapping[str, str] | None = None) -> Reached:
    return await reach(url, None, environment or {}, lambda: NOW)


@pytest.mark.parametrize("status", [200, 401, 503])
async def test_any_answer_reaches_it_and_tells_its_time(status: int) -> None:
    async with github(status, Date=THEIRS) as url:
        assert await asked(url) == Reached(url, status, 0.0, timedelta(minutes=3, seconds=0.5))


async def test_a_redirect_is_not_followed() -> None:
    async with github(302, Location="http://127.0.0.1:9/elsewhere") as url:
        assert (await asked(url)).status == 302


@pytest.mark.parametrize("date", ["yesterday", "", "Sun, 01 Mar 2026 12:03:00 -0000"])
async def test_a_date_that_cannot_be_read_is_none(date: str) -> None:
    async with github(Date=date) as url:
        assert (await asked(url)).ahead is None


async def test_a_server_that_is_not_there_is_a_problem_in_words() -> None:
    found = await asked("http://127.0.0.1:9")
    assert (found.status, found.ahead) == (0, None)
    assert found.problem == "it accepts no connection (Connection refused)"


async def test_a_proxy_is_used_and_its_password_is_not_told() -> None:
    proxy = {"HTTPS_PROXY": "http://alice:s3cret@127.0.0.1:9"}
    found = await asked("https://github.example.com", proxy)
    assert found.problem.startswith("the proxy does not answer (")
    assert "s3cret" not in found.problem
    refused = await asked("https://github.example.com", {"HTTPS_PROXY": "socks5://alice:s3cret@proxy"})
    assert "HTTPS_PROXY must begin with http://" in refused.problem
    assert "s3cret" not in refused.problem
