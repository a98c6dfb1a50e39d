"""Personal tokens on the real API server: copied, watched, and said when they end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from github_simulator.control_client import sha256
from tests.integration.operator.stage.conditions import conditions_of
from tests.kstatus import CURRENT, kstatus

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds

DAY = 86400


def checks(world: World, token: str) -> int:
    return sum(request.authorization_sha256 == sha256(token) for request in world.requests("get_user"))


@pytest.mark.parametrize("offset", [0, 9], ids=["expiry in UTC", "expiry in the user's zone"])
def test_a_personal_token_is_copied_with_its_expiry(world: World, offset: int) -> None:
    token = world.made_by_hand(life=30 * DAY, scopes=["repo", "gist"], utc_offset=offset)
    world.personal_token(f" {token}\n")
    status = world.wait_ready("robot")["status"]
    expires = world.github.token(sha256(token)).expires_at
    assert expires is not None
    data = world.data("robot")
    assert data["token"] == token
    assert (data["type"], data["scope"]) == ("bearer", "repo,gist")
    assert datetime.fromisoformat(data["expires_at"]) == datetime.fromtimestamp(int(expires), UTC)
    assert status["expirationTime"] == data["expires_at"]
    assert (status["kind"], status["account"], status["revision"]) == ("Personal", "alice", 1)
    assert "renewalTime" not in status
    assert world.ready("robot").message == f"token valid until {data['expires_at']}"
    metrics = world.operator.metrics()
    labels = world.series("robot")
    assert f"githubtoken_expiration_timestamp_seconds{{{labels}}}" in metrics
    assert f"githubtoken_renewal_timestamp_seconds{{{labels}}}" not in metrics


def test_another_token_is_passed_on_within_seconds(world: World) -> None:
    old, new = world.made_by_hand(kind="fine-grained"), world.made_by_hand("bob", kind="fine-grained", life=60 * DAY)
    world.personal_token(old)
    world.wait_ready("robot")
    world.secret_key("robot-pat", "token", new)
    status = world.wait_ready("robot", revision=2)["status"]
    assert world.data("robot")["token"] == new
    assert status["account"] == "bob"
    assert checks(world, old) == 1


@pytest.mark.parametrize("text", ["correct horse battery staple", "ghr_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789", "x" * 40])
def test_what_is_no_personal_token_is_told_to_nobody(world: World, text: str) -> None:
    world.canaries.append(text)
    world.personal_token(text)
    ready = world.wait_reason("robot", "CredentialMissing")
    assert ready.message.startswith("`token` of Secret `robot-pat")
    assert ready.message.endswith("` must hold a personal token of GitHub (`github_pat_…` or `ghp_…`)")
    world.settle()
    assert world.get("Secret", "robot") is None
    assert world.requests("get_user") == []
    assert "tokenSHA256" not in world.status("robot")


def test_a_secret_that_appears_without_our_label_is_found(world: World) -> None:
    world.personal_token(None)
    world.wait_reason("robot", "CredentialMissing")
    world.secret("robot-pat", {"token": world.made_by_hand()})
    world.wait_ready("robot")


def test_a_host_that_is_not_allowed_gets_no_token(world: World) -> None:
    world.secret("robot-pat", {"token": world.made_by_hand()})
    world.token("robot", {"personal": {"secretRef": {"name": "robot-pat"}, "apiURL": "https://ghe.example/api/v3"}})
    ready = world.wait_reason("robot", "HostNotAllowed")
    assert "`spec.personal.apiURL` must be on a host that `--allowed-hosts` has" in ready.message
    assert world.get("Secret", "robot") is None


def test_a_credential_secret_is_not_read_out(world: World) -> None:
    world.ready_user()
    urls = {"apiURL": world.simulator.api_url, "webURL": world.simulator.web_url}
    world.token("thief", {"personal": {"secretRef": {"name": "alice-credential"}, **urls}})
    assert "has the role `credential`" in world.wait_reason("thief", "CredentialMissing").message


def test_a_revoked_token_is_said_and_a_new_one_heals(world: World) -> None:
    token = world.made_by_hand()
    world.personal_token(token)
    world.wait_ready("robot")
    world.github.revoke_personal_token(token)
    world.annotate("robot", refresh_requested_at="now")
    ready = world.wait_reason("robot", "AuthenticationFailed")
    assert "GitHub does not accept the personal token" in ready.message
    assert world.data("robot")["token"] == token
    world.wait_until(lambda: world.events("robot", reason="AuthenticationFailed"), "the event")
    world.secret("robot-pat", {"token": world.made_by_hand()}, role="seed")
    world.wait_ready("robot", revision=2)
    assert conditions_of(world.found("robot")) == {}


def test_a_token_that_ends_soon_needs_a_human_while_it_is_ready_and_expires_then(world: World) -> None:
    world.personal_token(world.made_by_hand(life=6 * DAY))
    world.personal_token(world.made_by_hand(life=8), "brief", renewBefore="2m")
    status = world.wait_ready("robot")["status"]
    needs_human = status["conditions"][-1]
    assert [needs_human[key] for key in ("type", "status", "reason")] == ["NeedsHuman", "True", "ExpiresSoon"]
    assert "make another at GitHub and put it under `token` of Secret `robot-pat" in needs_human["message"]
    assert kstatus(world.found("robot")) == CURRENT
    # The event follows status.
    world.wait_until(lambda: world.events("robot", reason="ExpiresSoon"), "the event")
    assert f'githubtoken_needs_human{{{world.series("robot")},reason="ExpiresSoon"}}' in (world.operator.metrics())
    ready = world.wait_reason("brief", "Expired")
    assert len(world.events("robot", reason="ExpiresSoon")) == 1
    assert ready.message.startswith("the personal token expired at ")
    assert world.data("brief")["token"]


def test_a_refresh_request_checks_now_and_is_echoed(world: World) -> None:
    token = world.made_by_hand(life=None)
    world.personal_token(token)
    world.wait_ready("robot")
    world.annotate("robot", refresh_requested_at="again")
    world.wait_for("robot", lambda found: found["status"].get("lastHandledRefreshAt") == "again")
    assert checks(world, token) == 2
    assert world.status("robot")["revision"] == 1
    assert world.ready("robot").message == "token does not expire"


def test_a_token_stays_ready_while_github_is_away(world: World) -> None:
    world.personal_token(world.made_by_hand())
    world.wait_ready("robot")
    world.github.fail("get_user", status=502, body="<html>", content_type="text/html", times=None)
    world.annotate("robot", refresh_requested_at="now")
    assert world.wait_failing("robot").status == "True"
