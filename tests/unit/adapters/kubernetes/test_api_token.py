"""The token for the API server: one that cannot be read is no crash, and one that is refused is looked for anew."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from kubernetes.aio import client
from kubernetes.aio.config import ConfigException

from githubtoken_operator.adapters.kubernetes import api as module
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


def loading(monkeypatch: pytest.MonkeyPatch, *tokens: str) -> list[str]:
    """What a look for a token finds, one after the other; the list of what was not found yet."""
    left = list(tokens)

    async def load(of: client.Configuration) -> None:
        of.api_key["BearerToken"] = left.pop(0)

    monkeypatch.setattr(module, "_load_default", load)
    return left


@pytest.fixture
def settings() -> client.Configuration:
    return configuration()


async def test_after_a_refusal_the_token_is_read_anew(
    settings: client.Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_AGAIN", -1.0)
    left = loading(monkeypatch, "Bearer other", "Bearer new")
    async with Api(settings, renew=module._looking_again(settings)) as api:
        server = Server(api, monkeypatch)
        with pytest.raises(Unavailable):
            await api.request("GET", "/x")
        for _ in range(2):
            await api.request("GET", "/x")
    assert server.seen == ["Bearer old", "Bearer other", "Bearer other", "Bearer new", "Bearer new"]
    assert left == []


async def test_refusals_in_a_row_are_not_a_look_each(
    settings: client.Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = loading(monkeypatch, "Bearer new")
    async with Api(settings, renew=module._looking_again(settings)) as api:
        server = Server(api, monkeypatch)
        with pytest.raises(Unavailable):
            await api.request("GET", "/x")
    assert server.seen == ["Bearer old"] * 2
    assert left == ["Bearer new"]
