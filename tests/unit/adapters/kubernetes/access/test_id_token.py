"""The login of a kubeconfig's owner is used, and left to kubectl to renew."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from githubtoken_operator.adapters.kubernetes.access import id_token
from githubtoken_operator.adapters.kubernetes.errors import ApiError


def made(**claims: object) -> str:
    return jwt.encode(claims, "of-nobody-at-all-but-long-enough", algorithm="HS256")


@pytest.mark.parametrize("claims", [{"exp": int(time.time()) + 3600}, {}], ids=["it lives", "it says no end"])
def test_a_login_that_lives_is_used(claims: dict[str, Any]) -> None:
    token = made(**claims)
    assert id_token.of({"name": "oidc", "config": {"id-token": token, "refresh-token": "works-once"}}) == token


@pytest.mark.parametrize(
    ("config", "says"),
    [
        pytest.param({"id-token": made(exp=1), "refresh-token": "hush"}, "run any kubectl command", id="ended"),
        pytest.param({"refresh-token": "hush"}, "run any kubectl command", id="only what renews it"),
        pytest.param({}, "run any kubectl command", id="an empty one"),
        pytest.param(None, "run any kubectl command", id="none"),
        pytest.param({"id-token": "hush"}, "has an `id-token` that is none: log in anew", id="no JWT"),
        pytest.param({"id-token": "hush.hush.hush"}, "has an `id-token` that is none: log in anew", id="no JSON"),
    ],
)
def test_one_that_does_not_is_refused_with_what_to_do(config: dict[str, str] | None, says: str) -> None:
    with pytest.raises(ApiError, match=says) as refused:
        id_token.of({"name": "oidc", "config": config})
    assert "hush" not in refused.value.message
    assert refused.value.__cause__ is None
