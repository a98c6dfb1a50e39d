from __future__ import annotations

import json
import ssl
from base64 import b64encode
from dataclasses import replace

import aiohttp
import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from githubtoken_operator.watching import connection
from tests.cas import made


@pytest.mark.parametrize(
    ("environ", "server"),
    [
        ({"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}, "https://10.96.0.1:443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}, "https://[fd00::1]:6443"),
        ({"KUBERNETES_SERVICE_PORT": "443"}, "https://kubernetes.default.svc"),
        ({}, "https://kubernetes.default.svc"),
    ],
    ids=["IPv4", "IPv6", "no host", "outside a pod"],
)
def test_in_a_pod_the_api_server_is_reached_without_dns(environ: dict[str, str], server: str) -> None:
    found = kopf.ConnectionInfo(server="https://kubernetes.default.svc", token="made-up", ca_path="ca.crt")
    chosen = connection.at_service_address(found, environ)
    assert chosen == replace(found, server=server)


@pytest.mark.every_python
@pytest.mark.parametrize("comment", ["", "# Société Générale\n"], ids=["plain", "with a comment in UTF-8"])
def test_kopf_trusts_the_clusters_ca_as_our_own_client_does(comment: str) -> None:
    found = kopf.ConnectionInfo(server="https://cluster", ca_data=b64encode(comment.encode() + made().ca_pem).decode())
    context = connection.Connection.like(found).as_ssl_context()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.get_ca_certs(binary_form=True) == [ssl.PEM_cert_to_DER_cert(made().ca_pem.decode())]


def test_a_ca_that_is_none_is_left_to_kopfs_own_complaint() -> None:
    found = kopf.ConnectionInfo(server="https://cluster", ca_data=b64encode(b"no certificate").decode())
    assert connection.Connection.like(found).ca_data == found.ca_data


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
        found = kopf.ConnectionInfo(server=str(server.make_url("/")), token="made-up")
        access = connection.Access.opened(connection.Connection.like(found))
        async with access.aiohttp_session as session, session.get(access.server) as answer:
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
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = iter(("first", "first", "first", "second", "third"))
    pauses: list[float] = []
    opened: list[connection.Access] = []

    def found(**_: object) -> connection.Connection:
        return connection.Connection(server="https://cluster", token=next(tokens))

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(connection, "login", found)
    login = connection.Login(sleep=sleep)
    for paused in (0, 1, 1, 1):
        access = await login()
        assert access is not None
        # kopf shuns what equals anything that was refused.
        assert access not in opened
        opened.append(access)
        assert len(pauses) == paused
        await access.aiohttp_session.close()
    assert len(caplog.records) == 1
    assert "first" not in caplog.text


async def test_who_is_nobody_has_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "login", lambda **_: None)
    login = connection.Login()
    assert await login() is None
    assert await login() is None
