"""The token for the API server: one that cannot be read is no crash, and one that is refused is looked for anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from kubernetes.aio import client
from kubernetes.aio.config import ConfigException

from githubtoken_operator.adapters.kubernetes.access import renewal
from githubtoken_operator.adapters.kubernetes.access.renewal import read_again
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.errors import Unavailable

SERVER = "https://127.0.0.1:1"


class Server:
    """Takes the token `good` and no other; what each request had is remembered."""

    def __init__(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        self.good = "Bearer new"
        self.seen: list[str] = []
        monkeypatch.setattr(api._rest, "request", self._call)

    async def _call(self, _method: str, _url: str, headers: dict[str, str], **_: object) -> SimpleNamespace:
        self.seen.append(headers["authorization"])

        async def read() -> bytes:
            return b"{}"

        return SimpleNamespace(status=200 if self.seen[-1] == self.good else 401, headers={}, read=read)


def configuration(token: str = "Bearer old") -> client.Configuration:
    made = client.Configuration()
    made.host = SERVER
    made.api_key = {"BearerToken": token}
    return made


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"], ids=["not there", "empty", "not text"])
async def test_a_token_that_cannot_be_read_is_an_api_server_that_cannot_be_asked(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)

    def read_anew(of: client.Configuration) -> None:
        text = path.read_text("utf-8")
        if not text:
            raise ConfigException("Token file exists but empty.")
        of.api_key["BearerToken"] = text

    settings = configuration()
    settings.refresh_api_key_hook = read_anew  # type: ignore[assignment]
    async with Api(settings) as api:
        with pytest.raises(Unavailable, match="the token for the API server cannot be read"):
            await api.request("GET", "/x")
        path.write_text("Bearer new")
        with pytest.raises(Unavailable, match="cannot be reached"):
            await api.request("GET", "/x")


def loading(of: client.Configuration, *tokens: str) -> tuple[Callable[[], Awaitable[None]], list[str]]:
    """Finds a token at each look, one after the other; and those that were not found yet."""
    left = list(tokens)

    async def load() -> None:
        of.api_key["BearerToken"] = left.pop(0)

    return load, left


async def test_after_a_refusal_the_token_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "READ_AGAIN", -1.0)
    settings = configuration()
    load, left = loading(settings, "Bearer other", "Bearer new")
    async with Api(settings, renew=read_again(load)) as api:
        server = Server(api, monkeypatch)
        with pytest.raises(Unavailable):
            await api.request("GET", "/x")
        for _ in range(2):
            await api.request("GET", "/x")
    assert server.seen == ["Bearer old", "Bearer other", "Bearer other", "Bearer new", "Bearer new"]
    assert left == []


async def test_refusals_in_a_row_are_not_a_look_each(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = configuration()
    load, left = loading(settings, "Bearer new")
    async with Api(settings, renew=read_again(load)) as api:
        server = Server(api, monkeypatch)
        with pytest.raises(Unavailable):
            await api.request("GET", "/x")
    assert server.seen == ["Bearer old"] * 2
    assert left == ["Bearer new"]


async def test_connections_of_one_access_have_one_token_and_each_its_own_limits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = configuration()
    async with Api(settings, connections=1) as one, Api(settings, connections=7) as other:
        assert one._configuration.connection_pool_maxsize == 1
        servers = [Server(api, monkeypatch) for api in (one, other)]
        settings.api_key["BearerToken"] = "Bearer new"
        for api in (one, other):
            await api.request("GET", "/x")
    assert [server.seen for server in servers] == [["Bearer new"]] * 2
