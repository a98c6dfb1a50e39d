from __future__ import annotations

import json
import ssl
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from githubtoken_operator.adapters.kubernetes.access.access import Access
from githubtoken_operator.watching import connection
from tests.cas import made


def access(token: str = "Bearer made-up", **fields: object) -> Access:
    configuration = client.Configuration(host="https://cluster", api_key={"BearerToken": token})
    for name, value in fields.items():
        setattr(configuration, name, value)
    return Access(configuration, "team")


def test_kopf_connects_as_our_own_client_does() -> None:
    found = connection.Connection.of(
        access(ssl_ca_cert="ca", cert_file="c", key_file="k", verify_ssl=False, proxy="http://p")
    )
    assert (found.server, found.scheme, found.token) == ("https://cluster", "Bearer", "made-up")
    assert (found.ca_path, found.certificate_path, found.private_key_path) == ("ca", "c", "k")
    assert (found.insecure, found.proxy_url) == (True, "http://p")


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("bearer of-a-pod", {"Authorization": "bearer of-a-pod"}),
        ("Basic bWU6cGFzcw==", {"Authorization": "Basic bWU6cGFzcw=="}),
        ("", {}),
    ],
    ids=["of a pod", "name and password", "a client certificate alone"],
)
def test_kopf_has_the_credential_of_our_own_client(token: str, headers: dict[str, str]) -> None:
    assert connection.Connection.of(access(token)).as_http_headers() == headers


@pytest.mark.every_python
@pytest.mark.parametrize("comment", ["", "# Société Générale\n"], ids=["plain", "with a comment in UTF-8"])
def test_kopf_trusts_the_clusters_ca_as_our_own_client_does(comment: str, tmp_path: Path) -> None:
    (tmp_path / "ca").write_bytes(comment.encode() + made().ca_pem)
    context = connection.Connection.of(access(ssl_ca_cert=str(tmp_path / "ca"))).as_ssl_context()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.get_ca_certs(binary_form=True) == [ssl.PEM_cert_to_DER_cert(made().ca_pem.decode())]


LIST = {"kind": "SecretList", "items": [{"metadata": {"name": "ci", "managedFields": [{}]}, "data": {"token": "Z2hz"}}]}
STATUS = {"kind": "Status", "code": 403, "message": "secrets is forbidden"}


async def answered(body: object, *, status: int = 200, content_type: str = "application/json") -> object:
    """What kopf gets of an API server's answer, through its session."""

    async def handle(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer made-up"
        return web.Response(text=json.dumps(body), status=status, content_type=content_type)

    app = web.Application()
    app.router.add_get("/", handle)
    async with TestServer(app) as server:
        opened = connection.TrimmingSession.opened(connection.Connection.of(access(host=str(server.make_url("/")))))
        async with opened.aiohttp_session as session, session.get(opened.server) as answer:
            return await answer.json()


async def test_kopf_gets_the_objects_of_a_list_trimmed() -> None:
    listed = await answered(LIST)
    assert isinstance(listed, dict)
    assert [(item["metadata"], "data" in item) for item in listed["items"]] == [({"name": "ci"}, False)]


async def test_kopf_gets_a_refusal_as_it_is() -> None:
    assert await answered(STATUS, status=403) == STATUS
    with pytest.raises(aiohttp.ContentTypeError):
        await answered("bad gateway", status=502, content_type="text/html")


async def test_refused_credentials_are_tried_again_after_a_pause_and_new_ones_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found, tokens = access("Bearer first"), iter(("first", "first", "second", "third"))
    pauses: list[float] = []
    opened: list[connection.TrimmingSession] = []

    async def renew() -> None:
        found.configuration.api_key["BearerToken"] = f"Bearer {next(tokens)}"

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    login = connection.Login(replace(found, renew=renew), sleep=sleep)
    for paused in (0, 1, 1, 1):
        session = await login()
        # kopf shuns what equals anything that was refused.
        assert session not in opened
        opened.append(session)
        assert len(pauses) == paused
        await session.aiohttp_session.close()
    assert next(tokens, None) is None
    assert len(caplog.records) == 1
    assert "first" not in caplog.text
