from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.api import Api, request_of


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
