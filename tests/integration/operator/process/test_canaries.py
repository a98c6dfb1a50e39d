"""The search for secrets that ends every test of this folder finds what is planted."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.integration.operator.stage.belongings import pem

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World


@pytest.mark.parametrize("kept_in", ["token", "refresh_token", "client-secret", "private-key.pem"])
@pytest.mark.parametrize("padding", [None, 0, 1, 2], ids=["plain", "base64", "base64 after one", "base64 after two"])
def test_a_secret_is_found_in_an_annotation(world: World, kept_in: str, padding: int | None) -> None:
    world.ready_user()
    secret = world.data("alice-credential").get(kept_in) or world.data("acme-app")[kept_in]
    shown = secret if padding is None else base64.b64encode(b"x" * padding + secret.encode()).decode()
    assert world.leaks() == []
    world.annotate("alice", canary=shown)
    assert any(leak.startswith("GitHubToken alice") for leak in world.leaks())
    world.annotate("alice", canary=None)


@pytest.mark.parametrize("padding", [None, 1], ids=["plain", "base64 after one"])
def test_the_key_of_a_client_certificate_is_found(world: World, padding: int | None) -> None:
    world.app()
    secret = pem().splitlines()[3]
    world.secret("client", {"tls.key": secret})
    shown = secret if padding is None else base64.b64encode(b"x" * padding + secret.encode()).decode()
    assert world.leaks() == []
    world.annotate("acme", kind="GitHubApp", canary=shown)
    assert any(leak.startswith("GitHubApp acme") for leak in world.leaks())
    world.annotate("acme", kind="GitHubApp", canary=None)


def test_the_password_of_a_proxy_is_found_in_what_it_is_sent_as(world: World) -> None:
    world.app()
    world.canaries.append("s3cret-of-the-proxy")
    assert world.leaks() == []
    basic = base64.b64encode(b"user:s3cret-of-the-proxy").decode()
    world.annotate("acme", kind="GitHubApp", canary=f"Proxy-Authorization: Basic {basic}")
    assert any(leak.startswith("GitHubApp acme") for leak in world.leaks())
    world.annotate("acme", kind="GitHubApp", canary=None)


def test_a_secret_is_found_in_the_log(world: World) -> None:
    world.ready_user()
    assert world.data("alice")["token"]
    # What the operator does log of it is its absence; so the log's own words serve as the secret.
    world.canaries.append("obtained a token because")
    assert any(leak.startswith("the log") for leak in world.leaks())
    world.canaries.remove("obtained a token because")
