"""An App that names another GitHub: what came from the one before is revoked there, and shown to no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from github_simulator.control_client import sha256
from tests.integration.operator.listeners import Collector, Listener, listening

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World


@pytest.fixture
def elsewhere() -> Iterator[Listener]:
    with listening(Collector) as collector:
        yield collector


def declare(world: World, kind: str) -> tuple[str, list[str]]:
    """A GitHubToken, which is there, and everything that its end has to revoke."""
    app = world.app()
    if kind == "installation":
        world.token("ci", {"appRef": {"name": "acme"}, "installation": {"owner": world.account}, **REVOKE})
        world.wait_ready("ci")
        return "ci", [world.data("ci")["token"]]
    world.seed("alice", world.sign_in(app))
    world.token("alice", {"appRef": {"name": "acme"}, "user": {"seedSecretRef": {"name": "alice-seed"}}, **REVOKE})
    world.wait_ready("alice")
    pair = world.data("alice-credential")
    return "alice", [pair["token"], pair["refresh_token"]]


REVOKE = {"deletionPolicy": "Revoke"}


def of_another_name(listener: Listener) -> str:
    """Its URL on a host that is called otherwise than the simulator's: another port is no other GitHub."""
    return listener.url.replace("127.0.0.1", "localhost")


def names(world: World, api: str, web: str) -> None:
    world.change("acme", kind="GitHubApp", apiURL=api, webURL=web)


@pytest.mark.parametrize("kind", ["installation", "user"])
def test_tokens_are_revoked_where_they_came_from(world: World, elsewhere: Listener, kind: str) -> None:
    name, tokens = declare(world, kind)
    names(world, of_another_name(elsewhere), of_another_name(elsewhere))
    world.wait_until(lambda: elsewhere.asked, "a look at the App at its new host")
    world.annotate(name, refresh_requested_at="now")
    world.settle(1)
    world.delete("GitHubToken", name)
    world.wait_for(name, lambda found: not found)
    assert [world.github.token_is_alive(sha256(token)) for token in tokens] == [False for _ in tokens]
    assert [token for token in tokens if any(token in each for each in elsewhere.asked)] == []
    assert world.events(name, reason="RevocationFailed") == []


def test_a_refresh_token_waits_for_a_human_or_for_its_own_host(world: World, elsewhere: Listener) -> None:
    _, tokens = declare(world, "user")
    names(world, world.simulator.api_url, of_another_name(elsewhere))
    world.annotate("alice", refresh_requested_at="now")
    ready = world.wait_reason("alice", "ReauthorizationRequired")
    assert of_another_name(elsewhere).removeprefix("http://") in ready.message
    names(world, world.simulator.api_url, world.simulator.web_url)
    world.wait_ready("alice", revision=2)
    assert [token for token in tokens if any(token in each for each in elsewhere.asked)] == []
