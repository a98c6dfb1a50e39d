"""What a deleted GitHubToken leaves behind: at GitHub, and in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from github_simulator.control_client import sha256

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.world import World


pytestmark = pytest.mark.both_kinds

FINALIZER = "githubtoken.dev/revocation"


def installation(world: World, name: str = "ci", *, policy: str = "Revoke") -> None:
    source = {"owner": world.account}
    world.token(name, {"appRef": {"name": "acme"}, "installation": source, "deletionPolicy": policy})
    world.wait_ready(name)


def user(world: World, refresh_token: str, name: str = "alice", *, policy: str = "Revoke") -> None:
    world.seed(name, refresh_token)
    source = {"seedSecretRef": {"name": f"{name}-seed"}}
    world.token(name, {"appRef": {"name": "acme"}, "user": source, "deletionPolicy": policy})
    world.wait_ready(name)


def alive(world: World, *tokens: str) -> list[bool]:
    return [world.github.token_is_alive(sha256(token)) for token in tokens]


def gone(world: World, name: str) -> None:
    world.wait_for(name, lambda found: not found)


def test_an_installation_token_is_dead_when_its_githubtoken_is_gone(world: World) -> None:
    world.app()
    installation(world)
    assert (world.get("GitHubToken", "ci") or {})["metadata"]["finalizers"] == [FINALIZER]
    token = world.data("ci")["token"]
    assert alive(world, token) == [True]
    world.delete("GitHubToken", "ci")
    gone(world, "ci")
    assert alive(world, token) == [False]
    assert 'githubtoken_revocations_total{result="success"}' in world.operator.metrics()


@pytest.mark.parametrize("secret", ["a client secret", "none", "a wrong one"])
def test_a_users_pair_and_its_credential_secret_go_with_the_githubtoken(world: World, secret: str) -> None:
    app = world.app()
    user(world, world.sign_in(app, flow="device"))
    pair = world.data("alice-credential")
    other = world.github.sign_in(app, "alice").access_token
    if secret == "none":
        world.change("acme", kind="GitHubApp", clientSecretSecretRef=None)
    if secret == "a wrong one":
        world.app_secret(app, client_secret="wrong")
    world.settle(0.5)
    world.delete("GitHubToken", "alice")
    gone(world, "alice")
    assert alive(world, pair["token"], pair["refresh_token"], other) == [False, False, True]
    assert world.get("Secret", "alice-credential") is None
    deleted = {"a client secret": [204], "none": [], "a wrong one": [401]}
    assert [request.status for request in world.requests("delete_token", app=app)] == deleted[secret]


@pytest.mark.parametrize("status", [401, 404])
def test_a_token_that_github_does_not_know_any_more_counts_as_revoked(world: World, status: int) -> None:
    app = world.app()
    installation(world)
    world.github.fail("revoke_installation_token", status=status, app=app)
    world.delete("GitHubToken", "ci")
    gone(world, "ci")
    assert world.events(reason="RevocationDelayed") == []


def test_an_unreachable_github_holds_the_object_and_is_asked_again(world: World) -> None:
    app = world.app()
    installation(world)
    token = world.data("ci")["token"]
    world.github.fail("revoke_installation_token", status=502, times=2, app=app)
    world.delete("GitHubToken", "ci")
    world.wait_until(lambda: world.events(reason="RevocationDelayed"), "the event")
    gone(world, "ci")
    assert alive(world, token) == [False]
    assert len(world.requests("revoke_installation_token", app=app)) == 3


def test_a_changed_policy_puts_the_finalizer_on_and_takes_it_off(world: World) -> None:
    world.app()
    installation(world, policy="Delete")
    token = world.data("ci")["token"]
    assert "finalizers" not in (world.get("GitHubToken", "ci") or {})["metadata"]
    world.change("ci", deletionPolicy="Revoke")
    world.wait_for("ci", lambda found: found["metadata"].get("finalizers") == [FINALIZER])
    world.change("ci", deletionPolicy="Delete")
    world.wait_for("ci", lambda found: "finalizers" not in found["metadata"])
    world.delete("GitHubToken", "ci")
    gone(world, "ci")
    world.settle(0.5)
    assert alive(world, token) == [True]
    assert len(world.requests("mint")) == 1


def test_what_is_suspended_or_waits_for_a_human_is_let_go_and_leaves_nothing(world: World) -> None:
    app = world.app(device_flow=True)
    installation(world)
    token = world.data("ci")["token"]
    world.change("ci", suspend=True)
    world.wait_for("ci", lambda found: found["status"]["conditions"][0]["message"].startswith("suspended; "))
    flow = {"appRef": {"name": "acme"}, "user": {"deviceFlow": {}}, "deletionPolicy": "Revoke"}
    world.token("alice", flow)
    world.wait_reason("alice", "AwaitingAuthorization")
    world.data("alice-credential")
    for name in ("ci", "alice"):
        world.delete("GitHubToken", name)
        gone(world, name)
        assert world.events(name, reason="RevocationFailed") == []
    assert alive(world, token) == [False]
    assert world.get("Secret", "alice-credential") is None
    assert world.requests("revoke_credentials", "delete_token", app=app) == []


@pytest.mark.only_githubtoken
def test_a_namespace_that_goes_takes_its_tokens_along(world: World) -> None:
    world.app()
    installation(world)
    token = world.data("ci")["token"]
    world.cluster.delete("Namespace", "", world.namespace)
    world.wait_until(lambda: world.get("GitHubToken", "ci") is None, "the end of the object", within=120)
    world.wait_until(lambda: alive(world, token) == [False], "the end of the token")


def test_a_predecessor_that_a_restart_forgot_is_told_and_no_success(
    apart: World, start: Callable[..., OperatorProcess]
) -> None:
    apart.app()
    installation(apart)
    first = apart.data("ci")["token"]
    apart.annotate("ci", refresh_requested_at="now")
    apart.wait_ready("ci", revision=2)
    second = apart.data("ci")["token"]
    assert alive(apart, first, second) == [True, True]
    assert apart.operator.stop() == 0
    apart.operator = start()
    apart.delete("GitHubToken", "ci")
    gone(apart, "ci")
    assert alive(apart, first, second) == [True, False]
    (event,) = apart.events("ci", reason="RevocationFailed")
    assert "from before the last renewal" in event["message"]
    assert 'githubtoken_revocations_total{result="failed"} 1.0' in apart.operator.metrics()
