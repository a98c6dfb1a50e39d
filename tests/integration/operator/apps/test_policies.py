"""The limits of an App against the simulator: what GitHub is asked for under them, and what it is never asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

MOST = {"contents": "write", "metadata": "read"}


def limited(world: World, **limits: Any) -> None:  # noqa: ANN401 - fields of the spec
    """An App, installed on everything that the account has, with limits."""
    app = world.register(permissions={"contents": "write", "issues": "write", "metadata": "read"})
    world.install(
        app,
        repositories=["website", "api", "web-1"],
        permissions={"contents": "write", "issues": "write", "metadata": "read"},
    )
    world.app_secret(app)
    world.github_app(app, **limits)


def asked(world: World) -> list[Any]:
    """What GitHub was asked for by each mint."""
    return [request.body for request in world.requests("mint")]


def test_a_token_without_permissions_gets_exactly_the_maximum(world: World) -> None:
    limited(world, maxPermissions=MOST)
    world.installation_token()
    world.wait_ready()
    assert asked(world) == [{"permissions": MOST}]
    assert world.status()["permissions"] == MOST


def test_a_token_with_less_gets_what_it_asks_for(world: World) -> None:
    limited(world, maxPermissions=MOST, allowedRepositories=[f"{world.account.upper()}/*"])
    world.installation_token(permissions={"contents": "read"}, repositories=["api"])
    world.wait_ready()
    assert asked(world) == [{"permissions": {"contents": "read"}, "repositories": ["api"]}]


def test_a_token_is_narrowed_to_the_names_that_are_allowed(world: World) -> None:
    limited(world, allowedRepositories=[f"{world.account}/website", f"{world.account}/api", "other/secret"])
    world.installation_token()
    world.wait_ready()
    assert asked(world) == [{"repositories": ["api", "website"]}]


DENIED = [
    pytest.param({"maxPermissions": MOST}, {"permissions": {"contents": "admin"}}, "`contents: admin`", id="a level"),
    pytest.param({"maxPermissions": MOST}, {"permissions": {"issues": "read"}}, "`issues: read`", id="a permission"),
    pytest.param({"allowedRepositories": ["other/*"]}, {}, "no repository of `", id="another owner's App"),
    pytest.param({"allowedRepositories": ["{}/web*"]}, {"repositories": ["api"]}, "/api`, only", id="a name"),
    pytest.param({"allowedRepositories": ["{}/web*"]}, {}, "by the pattern", id="what a pattern cannot list"),
    pytest.param({"allowedRepositories": ["{}/*"]}, {"repositoryIDs": [1]}, "`repositoryIDs`", id="ids"),
]


@pytest.mark.parametrize(("limits", "source", "says"), DENIED)
def test_what_exceeds_a_limit_is_refused_before_github_is_asked(
    world: World, limits: dict[str, Any], source: dict[str, Any], says: str
) -> None:
    if globs := limits.get("allowedRepositories"):
        limits = {"allowedRepositories": [glob.format(world.account) for glob in globs]}
    limited(world, **limits)
    world.installation_token(**source)
    assert says in world.wait_reason("ci", "PolicyDenied").message
    world.settle(0.5)
    assert world.requests("mint", "find_installation") == []
    assert world.get("Secret", "ci") is None
    assert len(world.events(reason="PolicyDenied")) == 1


def test_an_installation_by_id_on_another_account_is_refused_before_a_token_is_minted(world: World) -> None:
    app = world.register()
    installation = world.install(app)
    world.app_secret(app)
    world.github_app(app, allowedRepositories=["other/*"])
    world.installation_token(id=installation.id)
    assert f"no repository of `{world.account}`" in world.wait_reason("ci", "PolicyDenied").message
    world.change("acme", kind="GitHubApp", allowedRepositories=[f"{world.account}/*"])
    world.wait_ready()
    assert len(world.requests("mint")) == 1


@pytest.mark.parametrize("limit", [{"maxPermissions": MOST}, {"allowedRepositories": ["acme/*"]}], ids=str)
def test_a_user_token_under_a_limit_is_refused_and_its_seed_is_kept(world: World, limit: dict[str, Any]) -> None:
    app = world.register()
    world.app_secret(app)
    world.github_app(app, **limit)
    world.user_token(seed=world.sign_in(app))
    assert "cannot be held to" in world.wait_reason("alice", "PolicyDenied").message
    assert world.requests("refresh") == []
    world.change("acme", kind="GitHubApp", **dict.fromkeys(limit))
    world.wait_ready("alice")


def test_a_limit_that_is_tightened_replaces_what_exceeds_it_and_nothing_else(world: World) -> None:
    limited(world)
    world.installation_token()
    world.installation_token("small", permissions={"metadata": "read"}, repositories=["api"])
    world.installation_token("greedy", permissions={"issues": "write"})
    for name in ("ci", "small", "greedy"):
        world.wait_ready(name)
    world.change(
        "acme",
        kind="GitHubApp",
        maxPermissions={"contents": "read", "metadata": "read"},
        allowedRepositories=[f"{world.account}/*"],
    )
    assert world.wait_ready(revision=2)["status"]["permissions"] == {"contents": "read", "metadata": "read"}
    # The token that it has may do more than it should: that is not what is wanted of it now.
    assert "`issues: write`" in world.wait_reason("greedy", "PolicyDenied").message
    world.settle(1)
    assert world.status("small")["revision"] == 1
    assert len(world.requests("mint")) == 4
    world.change("acme", kind="GitHubApp", maxPermissions=None, allowedRepositories=None)
    world.wait_ready(revision=3)
    world.wait_ready("greedy")
    assert world.status("greedy")["revision"] == 1
