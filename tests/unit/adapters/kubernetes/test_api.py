from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import client

from githubtoken_operator.adapters.kubernetes.api import Api, request_of
from githubtoken_operator.adapters.kubernetes.errors import ApiError


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/namespaces/team/secrets/ci", ("get", "secrets")),
        ("GET", "/api/v1/namespaces/team/secrets", ("list", "secrets")),
        ("GET", "/api/v1/secrets", ("list", "secrets")),
        ("GET", "/api/v1/namespaces/team", ("get", "namespaces")),
        ("GET", "/apis/githubtoken.dev/v1alpha1/clustergithubapps/acme", ("get", "clustergithubapps")),
        (
            "PATCH",
            "/apis/githubtoken.dev/v1alpha1/namespaces/a/githubtokens/b/status",
            ("patch", "githubtokens/status"),
        ),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/githubtoken-operator", ("update", "leases")),
        ("POST", "/api/v1/namespaces/default/events", ("create", "events")),
        ("DELETE", "/api/v1/namespaces/team/secrets/ci", ("delete", "secrets")),
        ("GET", "/apis/githubtoken.dev/v1alpha1", ("get", "discovery")),
        # Names that look like parts of a path.
        ("GET", "/api/v1/namespaces/namespaces/secrets/status", ("get", "secrets")),
    ],
)
def test_a_request_is_named_as_rbac_does(method: str, path: str, expected: tuple[str, str]) -> None:
    assert request_of(method, path) == expected


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"ssl_ca_cert": "garbage"}, id="a CA that is none"),
        pytest.param({"ssl_ca_cert": "missing"}, id="no CA"),
        pytest.param({"cert_file": "garbage", "key_file": "garbage"}, id="a client certificate that is none"),
        pytest.param({"cert_file": "missing", "key_file": "missing"}, id="no client certificate"),
    ],
)
async def test_files_that_tls_cannot_use_are_one_line_without_their_text(files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "garbage").write_text("-----BEGIN CERTIFICATE-----\nhush\n")
    configuration = client.Configuration(host="https://127.0.0.1:1")
    for field, name in files.items():
        setattr(configuration, field, str(tmp_path / name))
    with pytest.raises(ApiError, match="no access to a cluster: the CA, the client certificate or its key") as refused:
        Api(configuration)
    assert "hush" not in refused.value.message
    assert "\n" not in refused.value.message


class Pages(Api):
    """Answers with these pages, one after the other."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self._pages = iter(pages)
        self.asked: list[Mapping[str, str]] = []

    async def request(self, *_method_and_path: str, query: Mapping[str, str] | None = None, **_more: Any) -> Any:  # noqa: ANN401
        self.asked.append(dict(query or {}))
        return next(self._pages)


def page(items: Sequence[Any] | None, *, more: str | None = None) -> dict[str, Any]:
    return {"metadata": {"continue": more} if more else {}, "items": items}


async def test_a_list_is_read_until_its_end() -> None:
    api = Pages(page([{"n": 1}, {"n": 2}], more="there is more"), page([{"n": 3}]))
    assert await api.list_items("/api/v1/secrets") == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [asked.get("continue") for asked in api.asked] == [None, "there is more"]


@pytest.mark.parametrize("items", [[], None])
async def test_an_empty_list_is_one_however_it_is_written(items: list[Any] | None) -> None:
    """Where only metadata is asked for, the API server writes `"items": null`."""
    assert await Pages(page(items)).list_items("/api/v1/secrets") == []
