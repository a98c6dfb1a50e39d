"""GitHub's limits: the App that it limits is waited for on that host, and every other App goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

SHORTLY: dict[str, Any] = {"headers": {"Retry-After": "4"}}
UNSTATED: dict[str, Any] = {}
LATER: dict[str, Any] = {"headers": {"Retry-After": "600"}}

LIMITS = [
    pytest.param({"status": 429, **LATER}, id="429 with Retry-After"),
    pytest.param({"status": 403, **LATER}, id="403 with Retry-After"),
    pytest.param({"status": 429, **UNSTATED}, id="429 without Retry-After"),
    pytest.param({"status": 403, **UNSTATED}, id="403 without Retry-After"),
    pytest.param({"status": 403, "reset_in": 600}, id="403 until the reset of the primary limit"),
]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limited_app_is_waited_for_while_another_goes_on(world: World, limit: dict[str, Any]) -> None:
    limited = world.app("limited")
    world.app("free")
    world.github.fail("mint", app=limited, **limit)
    world.installation_token("first", app="limited")
    ready = world.wait_reason("first", "RateLimited")
    assert "The next attempt is made when GitHub allows it" in ready.message
    world.installation_token("second", app="limited")
    world.wait_reason("second", "RateLimited")
    world.installation_token("third", app="free")
    world.wait_ready("third")
    world.annotate("first", refresh_requested_at="now")
    world.annotate("third", refresh_requested_at="now")
    world.wait_ready("third", revision=2)
    world.settle()
    assert len(world.requests("mint", app=limited)) == 1
    assert len(world.events("first", reason="RateLimited")) == 1
    assert len(world.events("second", reason="RateLimited")) == 1


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limited_refresh_is_waited_for_and_the_refresh_token_kept(world: World, limit: dict[str, Any]) -> None:
    limited, free = world.app("limited"), world.app("free")
    seed = world.sign_in(limited)
    world.github.fail("refresh", app=limited, **limit)
    world.user_token("alice", app="limited", seed=seed)
    world.wait_reason("alice", "RateLimited")
    world.user_token("bob", app="free", seed=world.sign_in(free, "bob"))
    world.wait_ready("bob")
    world.settle()
    assert len(world.requests("refresh", app=limited)) == 1
    assert len(world.events("alice", reason="RateLimited")) == 1
    assert world.data("alice-credential")["refresh_token"] == seed
    assert world.double_spends() == 0


@pytest.mark.parametrize("status", [403, 429])
def test_a_limited_app_goes_on_when_github_allows_it(world: World, status: int) -> None:
    app = world.app()
    world.github.fail("mint", app=app, status=status, **SHORTLY)
    world.installation_token("first")
    world.wait_reason("first", "RateLimited")
    world.installation_token("second")
    world.wait_ready("first")
    world.wait_ready("second")
    assert len(world.requests("mint")) == 3


def test_a_limit_costs_no_valid_token(world: World) -> None:
    app = world.ready_token()
    before = world.data("ci")
    world.github.fail("mint", app=app, status=429, **LATER)
    world.annotate("ci", refresh_requested_at="now")
    ready = world.wait_failing()
    assert (ready.status, ready.reason) == ("True", "Fresh")
    assert world.data("ci") == before
    world.annotate("ci", refresh_requested_at="once more")
    world.settle()
    assert len(world.requests("mint")) == 2
    assert len(world.events("ci", reason="RateLimited")) == 1


def test_an_app_limited_when_it_is_checked_is_waited_for_too(world: World) -> None:
    app = world.register()
    world.install(app)
    world.github.fail("get_app", app=app, status=403, **LATER)
    world.app_secret(app)
    world.github_app(app)
    world.installation_token("first")
    world.wait_reason("first", "RateLimited")
    world.installation_token("second")
    world.wait_reason("second", "RateLimited")
    world.change("acme", kind="GitHubApp", webURL=world.simulator.web_url + "/unused")
    # A check that nobody answers is repeated after ten seconds.
    world.settle(12)
    assert [request.operation for request in world.requests()] == ["get_app"]


@pytest.mark.parametrize("status", [403, 429])
def test_a_limited_check_is_made_when_github_allows_it(world: World, status: int) -> None:
    app = world.register()
    world.install(app)
    world.github.fail("get_app", app=app, status=status, **SHORTLY)
    world.app_secret(app)
    world.github_app(app)
    world.installation_token()
    world.wait_ready()
    world.wait_ready("acme", kind="GitHubApp", revision=0)
    assert len(world.requests("get_app")) == 2
