"""`spec.signer` as the API server judges it: on a ClusterGitHubApp, one service, and all of its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.crds.conftest import manifest
from tests.integration.crds.rules.signers import ACCEPTED, EXCLUSIVE, REFUSED, VAULT, vault

if TYPE_CHECKING:
    from tests.integration.crds.conftest import API

pytestmark = pytest.mark.every_kubernetes


def app(kind: str = "ClusterGitHubApp", **spec: object) -> dict[str, Any]:
    return manifest(kind, {"appID": 1, **spec})


@pytest.mark.parametrize("signer", ACCEPTED)
def test_a_valid_signer_is_accepted(api: API, signer: dict[str, Any]) -> None:
    answer = api.create(app(signer=signer))

    assert answer.accepted, answer.body["message"]


@pytest.mark.parametrize(("signer", "field", "message"), REFUSED)
def test_a_wrong_signer_is_refused_and_told_why(api: API, signer: dict[str, Any], field: str, message: str) -> None:
    answer = api.create(app(signer=signer))

    path = f"spec.signer.{field}".removesuffix(".")
    assert answer.code == 422
    assert [text for where, text in answer.causes if where == path and message in text], answer.causes


def test_a_vault_is_filled_with_the_defaults(api: API) -> None:
    assert api.create(app(signer=vault())).body["spec"]["signer"]["vault"] == VAULT | {
        "mount": "transit",
        "auth": {"kubernetes": {"role": "githubtoken", "mount": "kubernetes", "audience": "vault"}},
    }


def test_a_key_is_in_a_secret_or_in_a_service(api: API) -> None:
    answer = api.create(app(signer=vault(), privateKeySecretRef={"name": "s"}))

    assert answer.code == 422
    assert [text for where, text in answer.causes if where == "spec" and EXCLUSIVE in text]


@pytest.mark.parametrize("signer", [vault(), {}, {"whatever": {"a": 1}}], ids=["a signer", "an empty one", "another"])
def test_an_app_of_a_namespace_has_no_signer_and_is_told_why(api: API, signer: dict[str, Any]) -> None:
    answer = api.create(app("GitHubApp", signer=signer))

    assert answer.code == 422
    assert [text for where, text in answer.causes if where == "spec" and "for a ClusterGitHubApp only" in text]
    assert [text for where, text in answer.causes if "signs as the App that it belongs to" in text]
