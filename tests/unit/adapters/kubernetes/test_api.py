from __future__ import annotations

import pytest

from githubtoken_operator.adapters.kubernetes.api import request_of


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
