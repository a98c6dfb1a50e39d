"""The device flow on real parts: a code in status, a human at GitHub, and a token that renews itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from github_simulator.control_client import App, sha256
from tests.integration.operator.stage.conditions import conditions_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.cluster import Object
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds


def device_app(world: World, **settings: Any) -> App:  # noqa: ANN401 - the simulator's settings
    """An App that allows the device flow, whose GitHubApp has no secret of any kind. Polls may come each second."""
    app = world.register(**{"device_flow": True, "device_interval": 1, **settings})
    world.github_app(app, privateKeySecretRef=None, clientSecretSecretRef=None)
    return app


def allow(world: World, name: str = "alice", **user: object) -> None:
    world.token(name, {"appRef": {"name": "acme"}, "user": {"deviceFlow": {}, **user}})


def wait_code(world: World, name: str = "alice", *, other_than: str = "", **options: Any) -> str:  # noqa: ANN401
    """The code that a human is to enter."""

    def shown(token: Object) -> bool:
        code: str = token.get("status", {}).get("deviceFlow", {}).get("userCode", other_than)
        return code != other_than

    token = world.wait_for(name, shown, **options)
    return str(token["status"]["deviceFlow"]["userCode"])


def test_a_human_enters_the_code_and_the_token_renews_itself(world: World) -> None:
    device_app(world, user_token_life=18)
    allow(world)
    code = wait_code(world)
    status = world.status("alice")
    assert status["deviceFlow"]["verificationURI"] == f"{world.simulator.web_url}/login/device"
    ready = world.ready("alice")
    assert (ready.status, ready.reason) == ("False", "AwaitingAuthorization")
    (event,) = world.wait_events("alice")
    assert all(code in text for text in (ready.message, event["message"]))
    world.canaries.append(world.data("alice-credential")["device_code"])
    world.github.approve(code, "alice")
    status = world.wait_ready("alice")["status"]
    assert status["account"] == "alice"
    assert "deviceFlow" not in status
    assert "device_code" not in world.data("alice-credential")
    world.wait_ready("alice", revision=2)
    assert world.github.token_is_alive(sha256(world.data("alice")["token"]))
    assert (world.double_spends(), len(world.requests("device_code"))) == (0, 1)
    assert [event["reason"] for event in world.wait_events("alice", 2)] == ["AwaitingAuthorization", "Fresh"]


def test_an_oauth_app_is_asked_for_the_scopes_and_says_which_it_gave(world: World) -> None:
    device_app(world, kind="oauth-app")
    allow(world, deviceFlow={"scopes": ["repo", "read:org"]})
    world.github.approve(wait_code(world), "alice")
    world.wait_ready("alice")
    (asked,) = world.requests("device_code")
    assert asked.body["scope"] == "read:org repo"
    data = world.data("alice")
    assert data["token"].startswith("gho_")
    # Such a token does not expire.
    assert data.keys() == {"token", "type", "scope", "created"}
    assert data["scope"] == "read:org,repo"
    assert world.ready("alice").message == "token does not expire"


def test_no_poll_comes_too_early(world: World) -> None:
    device_app(world, device_interval=2)
    allow(world)
    code = wait_code(world)
    world.wait_until(lambda: len(world.requests("device_poll")) >= 3, "three polls")
    assert {request.error for request in world.requests("device_poll")} == {"authorization_pending"}
    world.github.approve(code, "alice")
    world.wait_ready("alice")


def test_a_code_that_expires_is_followed_by_another_with_one_event_in_all(world: World) -> None:
    device_app(world, device_code_life=4)
    allow(world)
    second = wait_code(world, other_than=wait_code(world))
    world.github.approve(second, "alice")
    world.wait_ready("alice")
    assert len(world.events("alice", reason="AwaitingAuthorization")) == 1


def test_a_human_who_says_no_is_asked_again_on_request(world: World) -> None:
    device_app(world)
    allow(world)
    first = wait_code(world)
    world.github.deny(first)
    assert "login-requested-at" in world.wait_reason("alice", "ReauthorizationRequired").message
    world.settle()
    assert len(world.requests("device_code")) == 1
    world.annotate("alice", login_requested_at="again")
    world.github.approve(wait_code(world, other_than=first), "alice")
    assert world.wait_ready("alice")["status"]["lastHandledLoginAt"] == "again"


def test_who_is_signed_in_may_ask_for_a_code_and_leave_it(world: World) -> None:
    device_app(world, device_code_life=5)
    allow(world)
    world.github.approve(wait_code(world), "alice")
    world.wait_ready("alice")
    world.annotate("alice", login_requested_at="x" * 100)
    code = wait_code(world)
    ready = world.ready("alice")
    assert (ready.status, ready.reason) == ("True", "Fresh")
    assert f"enter the code {code}" in ready.message
    assert conditions_of(world.found("alice")) == {"NeedsHuman": "AwaitingAuthorization"}
    # Nobody enters it, and none follows.
    status = world.wait_for("alice", lambda token: "deviceFlow" not in token["status"])["status"]
    assert (status["lastHandledLoginAt"], status["revision"]) == ("x" * 64, 1)
    assert conditions_of(world.found("alice")) == {}
    world.settle()
    assert len(world.requests("device_code")) == 2
    world.annotate("alice", login_requested_at="again")
    world.github.approve(wait_code(world), "alice")
    world.wait_ready("alice", revision=2)


@pytest.mark.parametrize(
    ("settings", "spec", "reason", "advice"),
    [
        pytest.param({"device_flow": False}, {}, "AppNotReady", "Enable Device Flow", id="switched off"),
        pytest.param({}, {"clientID": "Iv23wrong"}, "AuthenticationFailed", "spec.clientID", id="a wrong client id"),
    ],
)
def test_an_app_that_cannot_sign_anybody_in_is_told(
    world: World, settings: dict[str, Any], spec: dict[str, Any], reason: str, advice: str
) -> None:
    app = world.register(**{"device_flow": True, **settings})
    world.github_app(app, privateKeySecretRef=None, clientSecretSecretRef=None, **spec)
    allow(world)
    assert advice in world.wait_reason("alice", reason).message
    world.settle(3)
    assert len(world.requests("device_code")) == 1


def test_the_wrong_accounts_pair_is_revoked(world: World) -> None:
    app = device_app(world)
    allow(world, login="alice")
    first = wait_code(world)
    world.github.approve(first, "bob")
    assert "`bob` signed in" in world.wait_reason("alice", "WrongAccount").message
    assert world.get("Secret", "alice") is None
    (revocation,) = world.requests("revoke_credentials")
    assert revocation.status == 202
    assert world.ledger().live(app) == 0
    world.annotate("alice", login_requested_at="again")
    world.github.approve(wait_code(world, other_than=first), "alice")
    world.wait_ready("alice")


def test_the_wrong_accounts_seed_is_revoked_and_not_published(world: World) -> None:
    app = world.app()
    world.seed("alice", world.sign_in(app, "bob"))
    world.token(
        "alice", {"appRef": {"name": "acme"}, "user": {"login": "alice", "seedSecretRef": {"name": "alice-seed"}}}
    )
    world.wait_reason("alice", "WrongAccount")
    assert world.get("Secret", "alice") is None
    assert "token" not in world.data("alice-credential")
    world.seed("alice", world.sign_in(app, "alice"))
    assert world.wait_ready("alice")["status"]["account"] == "alice"


def test_a_dead_refresh_token_leads_to_a_code_by_itself(world: World) -> None:
    app = device_app(world)
    allow(world)
    world.github.approve(wait_code(world), "alice")
    world.wait_ready("alice")
    world.github.revoke_grant(app, "alice")
    world.annotate("alice", refresh_requested_at="now")
    code = wait_code(world)
    assert world.ready("alice").reason == "AwaitingAuthorization"
    world.github.approve(code, "alice")
    assert world.wait_ready("alice", revision=2)["status"]["lastHandledRefreshAt"] == "now"
    assert [event["reason"] for event in world.events("alice")].count("AwaitingAuthorization") == 2


def test_a_seed_wins_over_a_code_that_is_shown(world: World) -> None:
    app = device_app(world)
    allow(world, seedSecretRef={"name": "alice-seed"})
    code = wait_code(world)
    world.seed("alice", world.sign_in(app, "alice", flow="device"))
    token = world.wait_ready("alice")["status"]["tokenSHA256"]
    world.github.approve(code, "alice")
    world.settle(3)
    assert world.status("alice")["tokenSHA256"] == token


def test_a_restart_goes_on_with_the_same_code(apart: World, start: Callable[..., OperatorProcess]) -> None:
    device_app(apart)
    allow(apart)
    code = wait_code(apart)
    # It follows the status.
    apart.wait_until(lambda: apart.events("alice", reason="AwaitingAuthorization"), "the event")
    apart.operator.kill()
    apart.operator = start()
    apart.settle(3)
    assert apart.status("alice")["deviceFlow"]["userCode"] == code
    apart.github.approve(code, "alice")
    apart.wait_ready("alice")
    assert len(apart.requests("device_code")) == 1
    assert json.dumps(apart.events("alice", reason="AwaitingAuthorization")).count(code) == 1
