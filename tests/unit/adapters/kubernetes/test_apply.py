"""What is applied is read as YAML: whatever text users bring has to come through it as it is."""

from __future__ import annotations

import json

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio import client

from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.apply import as_yaml
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from tests.unit.builders import secret


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f680 team",
        "caf\u00e9",
        "a\\ud83d\\ude80b",
        "\u2028 and \u0085",
        "\ufeff",
        "\x7f\x00\x1b",
        "\u202e",
        "a: 'b' \"c\" # d\n- e",
    ],
    ids=ascii,
)
def test_text_comes_through_json_and_yaml_alike(text: str) -> None:
    written = as_yaml({"annotations": {"a": text}})
    assert yaml.safe_load(written) == json.loads(written) == {"annotations": {"a": text}}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_does(text: str) -> None:
    written = as_yaml({"a": text})
    assert yaml.safe_load(written) == json.loads(written) == {"a": text}


async def test_an_apply_has_its_characters_as_they_are() -> None:
    bodies: list[bytes] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.json_response(secret("ci", {}))

    app = web.Application()
    app.router.add_patch("/{path:.*}", answer)
    async with TestServer(app) as server, Api(client.Configuration(host=f"{server.make_url('')}".rstrip("/"))) as api:
        await Cluster(api).apply(Kind.SECRET, secret("ci", {}, annotations={"a": "\U0001f680"}))
    assert "\U0001f680" in bodies[0].decode()
