"""As whom a kubeconfig says that requests are made."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.access.kubeconfig import impersonation
from githubtoken_operator.adapters.kubernetes.errors import ApiError


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        pytest.param({"token": "t"}, [], id="oneself"),
        pytest.param({"as": "viewer"}, [("Impersonate-User", "viewer")], id="a user"),
        pytest.param(
            {"as": "v", "as-uid": 7, "as-groups": ["a", "b"], "as-user-extra": {"example.com/x": ["1", "2"]}},
            [
                ("Impersonate-User", "v"),
                ("Impersonate-Uid", "7"),
                ("Impersonate-Group", "a"),
                ("Impersonate-Group", "b"),
                ("Impersonate-Extra-example.com%2Fx", "1"),
                ("Impersonate-Extra-example.com%2Fx", "2"),
            ],
            id="all that there is",
        ),
    ],
)
def test_whoever_is_impersonated_is_named_in_headers(user: dict[str, Any], headers: list[tuple[str, str]]) -> None:
    assert impersonation(user) == headers


@pytest.mark.parametrize("user", [{"as-uid": "7"}, {"as-groups": ["a"]}, {"as-user-extra": {"a": ["b"]}}])
def test_groups_of_nobody_are_refused(user: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="without `as`"):
        impersonation(user)
