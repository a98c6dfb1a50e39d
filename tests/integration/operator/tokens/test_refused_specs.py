"""Specs that are refused by the API server with our message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

APP: dict[str, Any] = {"appRef": {"name": "acme"}}
INSTALLATION: dict[str, Any] = {**APP, "installation": {"owner": "acme"}}
USER: dict[str, Any] = {**APP, "user": {"seedSecretRef": {"name": "ci-seed"}}}

REFUSED_NAMES = [
    pytest.param(
        {"owner": "acme/website"}, "must be the login of an organisation or user, without slashes", id="slash"
    ),
    pytest.param({"owner": ".."}, "must be the login of an organisation or user, without slashes", id="dots"),
    pytest.param({"owner": "../app"}, "must be the login of an organisation or user, without slashes", id="path"),
    pytest.param({"repository": "acme"}, "must be owner/name", id="a repository without owner"),
    pytest.param({"repository": "acme/.."}, "must be owner/name", id="dots for a repository"),
    pytest.param({"repository": "../website"}, "must be owner/name", id="dots for an owner"),
    pytest.param({"repository": "acme/web/site"}, "must be owner/name", id="two slashes"),
    pytest.param(
        {"owner": "acme", "repositories": [".."]},
        "must be names of repositories without the owner",
        id="a list with dots",
    ),
    pytest.param(
        {"owner": "acme", "repositories": ["acme/website"]}, "must be names of repositories", id="a list with an owner"
    ),
]


@pytest.mark.parametrize(("installation", "message"), REFUSED_NAMES)
def test_names_that_could_lead_elsewhere_are_refused(world: World, installation: dict[str, Any], message: str) -> None:
    manifest = {
        "apiVersion": "githubtoken.dev/v1alpha1",
        "kind": "GitHubToken",
        "metadata": {"name": "ci"},
        "spec": {**APP, "installation": installation},
    }
    answer = world.cluster.send("POST", "GitHubToken", world.namespace, body=manifest)
    assert answer.status_code == 422
    assert message in answer.json()["message"]
