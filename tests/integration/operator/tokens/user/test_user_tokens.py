"""User tokens: a seed is taken up, the pair is rotated over and over, and no refresh token is ever spent twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import pytest

from github_simulator.control_client import App, sha256

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World


pytestmark = pytest.mark.both_kinds


def test_a_seed_is_taken_up_and_rotated_over_and_over(world: World) -> None:
    app = world.app(user_token_life=6)
    seed = world.sign_in(app)
    world.user_token(seed=seed)
    pairs = set()
    for revision in (1, 2, 3, 4):
        world.wait_ready("alice", revision=revision)
        data = world.data("alice-credential")
        pairs.add((data["token"], data["refresh_token"]))
    assert len(pairs) == 4
    assert world.double_spends() == 0
    assert len({request.status for request in world.requests("refresh")}) == 1
    assert len(world.events("alice", reason="Fresh")) == 1
    assert world.data("alice-seed") == {"refresh_token": seed}


def test_the_stored_pair_is_the_living_one(world: World) -> None:
    app = world.app()
    world.user_token(seed=world.sign_in(app))
    status = world.wait_ready("alice")["status"]
    consumers, ours = world.data("alice"), world.data("alice-credential")
    assert world.github.token_is_alive(sha256(consumers["token"]))
    assert world.github.token_is_alive(sha256(ours["refresh_token"]))
    assert consumers["token"] == ours["token"]
    assert consumers.keys() == {
        "token", "type", "created", "expires_in", "expires_at", "refresh_expires_in", "refresh_expires_at",
    }  # fmt: skip
    assert ours.keys() == {*consumers, "refresh_token"}
    assert status["refreshTokenExpirationTime"] == ours["refresh_expires_at"]
    assert status["kind"] == "User"
    world.wait_for("alice", lambda token: token["status"].get("account") == "alice")


def test_the_credential_is_ours_alone_and_outlives_its_githubtoken(world: World) -> None:
    world.ready_user()
    meta = (world.get("Secret", "alice-credential") or {})["metadata"]
    assert meta["labels"] == {"githubtoken.dev/role": "credential"}
    assert "ownerReferences" not in meta
    world.delete("GitHubToken", "alice")
    world.wait_for("alice", lambda found: not found, kind="Secret", within=90)
    assert world.get("Secret", "alice-credential") is not None
    world.user_token()
    world.wait_ready("alice")
    world.wait_for("alice", lambda token: token["status"].get("account") == "alice")
    assert world.double_spends() == 0


def test_a_credential_is_taken_up_for_its_own_app_and_account_alone(world: World) -> None:
    other = world.register()
    world.app_secret(other, "other-app")
    world.github_app(other, "other")
    world.ready_user()
    world.wait_for("alice", lambda token: token["status"].get("account") == "alice")

    def make_anew(app: str, **user: str) -> None:
        world.delete("GitHubToken", "alice")
        world.wait_for("alice", lambda found: not found, kind="Secret", within=90)
        world.token("alice", {"appRef": {"name": app}, "user": {"seedSecretRef": {"name": "alice-seed"}, **user}})

    make_anew("other")
    assert "belongs to the App with client id" in world.wait_reason("alice", "ReauthorizationRequired").message
    assert world.get("Secret", "alice") is None
    make_anew("acme", login="alice")
    world.wait_ready("alice")
    make_anew("acme", login="bob")
    assert "`alice` signed in" in world.wait_reason("alice", "WrongAccount").message
    assert world.get("Secret", "alice") is None
    make_anew("acme", login="alice")
    world.wait_ready("alice")
    assert world.double_spends() == 0
    assert len(world.requests("refresh")) == 1


def test_a_credential_is_handed_on_when_its_githubtoken_is_gone_and_not_before(world: World) -> None:
    world.ready_user()
    before = world.data("alice")
    world.annotate("alice-credential", kind="Secret", adopt="true")
    kept = {"seedSecretRef": {"name": "alice-seed"}, "credentialSecretName": "alice-credential"}
    world.token("next", {"appRef": {"name": "acme"}, "user": kept})
    assert world.called("alice") in world.wait_reason("next", "SecretConflict").message
    assert world.get("Secret", "next") is None
    world.delete("GitHubToken", "alice")
    world.wait_ready("next")
    assert world.data("next") == before
    assert world.owner_of(world.get("Secret", "alice-credential") or {}) == "next"
    assert len(world.requests("refresh")) == 1


def test_another_app_is_asked_for_nothing_by_a_token_that_consumers_keep(world: World) -> None:
    world.ready_user()
    before = world.data("alice")
    other = world.register()
    world.app_secret(other)
    world.change("acme", kind="GitHubApp", appID=other.id, clientID=other.client_id)
    assert world.wait_reason("alice", "ReauthorizationRequired").message.endswith("of an earlier spec")
    assert world.data("alice") == before
    assert world.requests("refresh", app=other) == []
    world.seed("alice", world.sign_in(other))
    world.wait_ready("alice", revision=2)


def test_an_app_with_an_id_only_serves_users_too(world: World) -> None:
    app = world.register()
    world.app_secret(app)
    world.github_app(app, clientID=None)
    world.user_token(seed=world.sign_in(app))
    world.wait_ready("alice")


def test_a_sign_in_by_device_needs_no_client_secret(world: World) -> None:
    app = world.register(device_flow=True)
    world.github_app(app, privateKeySecretRef=None, clientSecretSecretRef=None)
    world.user_token(seed=world.sign_in(app, flow="device"))
    world.wait_ready("alice")
    assert world.wait_ready("acme", kind="GitHubApp")["status"]["conditions"][0]["reason"] == "NotChecked"


def test_a_credential_whose_label_was_taken_away_gets_it_back(world: World) -> None:
    world.ready_user()
    world.patch("alice-credential", {"metadata": {"labels": {"githubtoken.dev/role": None}}}, kind="Secret")
    world.wait_for(
        "alice-credential",
        lambda secret: secret["metadata"].get("labels") == {"githubtoken.dev/role": "credential"},
        kind="Secret",
    )
    world.annotate("alice", refresh_requested_at="now")
    world.wait_ready("alice", revision=2)
    assert world.events("alice", reason="SecretConflict") == []


# --- seeds -----------------------------------------------------------------------------------------------------------


def test_the_unchanged_seed_applied_again_does_nothing(world: World) -> None:
    app = world.app()
    seed = world.sign_in(app)
    world.user_token(seed=seed)
    world.wait_ready("alice")
    world.annotate("alice", refresh_requested_at="now")
    world.wait_ready("alice", revision=2)
    world.wait_for("alice", lambda token: token["status"].get("account"))
    requests = len(world.requests())
    world.seed("alice", seed)
    world.settle(1)
    world.delete("Secret", "alice-seed")
    world.settle(1)
    world.seed("alice", seed + "\n")
    world.settle(1)
    assert len(world.requests()) == requests
    assert world.ready("alice").status == "True"
    assert world.status("alice")["revision"] == 2


def test_a_newer_seed_wins(world: World) -> None:
    app = world.app()
    world.user_token(seed=world.sign_in(app))
    first = world.wait_ready("alice")["status"]["tokenSHA256"]
    world.seed("alice", world.sign_in(app, "bob"))
    status = world.wait_ready("alice", revision=2)["status"]
    assert status["tokenSHA256"] != first
    assert world.github.token(sha256(world.data("alice")["token"])).user == "bob"
    world.wait_for("alice", lambda token: token["status"].get("account") == "bob")
    assert len(world.requests("refresh")) == 2
    assert world.double_spends() == 0


def test_a_seed_that_somebody_spent_is_refused_once_and_a_fresh_one_heals(world: World) -> None:
    app = world.app()
    seed = world.sign_in(app)
    form = {"grant_type": "refresh_token", "refresh_token": seed}
    client = {"client_id": app.client_id, "client_secret": app.client_secret}
    httpx.post(f"{world.simulator.web_url}/login/oauth/access_token", data=form | client).raise_for_status()
    world.user_token("alice", seed=seed)
    ready = world.wait_reason("alice", "ReauthorizationRequired")
    assert "put the new refresh token into" in ready.message
    world.settle()
    assert len(world.requests("refresh")) == 2
    assert len(world.events("alice", reason="ReauthorizationRequired")) == 1
    world.seed("alice", world.sign_in(app))
    world.wait_ready("alice")


def test_of_two_githubtokens_with_one_seed_one_takes_it_and_the_other_says_so(world: World) -> None:
    app = world.app()
    world.seed("shared", world.sign_in(app))
    names = ("one", "other")
    for name in names:
        world.token(name, {"appRef": {"name": "acme"}, "user": {"seedSecretRef": {"name": "shared-seed"}}})
    world.wait_until(lambda: {world.ready(name).status for name in names} == {"True", "False"}, "one of each")
    (late,) = (name for name in names if world.ready(name).status == "False")
    refused = world.wait_reason(late, "ReauthorizationRequired")
    assert "sign in once for each GitHubToken" in refused.message
    world.settle()
    assert len(world.requests("refresh")) == 1
    assert world.double_spends() == 0


def test_a_refresh_token_of_some_rotations_ago_is_an_old_file_wherever_it_comes_from(world: World) -> None:
    world.ready_user()
    spent = world.data("alice-credential")["refresh_token"]
    for revision in (2, 3, 4):
        world.annotate("alice", refresh_requested_at=str(revision))
        world.wait_ready("alice", revision=revision)
    living = world.data("alice-credential")["refresh_token"]
    world.seed("alice", spent)
    world.settle()
    assert world.ready("alice").status == "True"
    assert world.data("alice-credential")["refresh_token"] == living
    world.secret_key("alice-credential", "refresh_token", spent)
    assert "an old, spent refresh token was put back" in world.wait_failing("alice").message
    assert len(world.requests("refresh")) == 4
    assert world.double_spends() == 0


def test_what_the_operator_keeps_for_one_githubtoken_is_no_seed_of_another(world: World) -> None:
    is_no_seed(world, "alice-credential", "refresh_token")


@pytest.mark.only_githubtoken
def test_the_consumers_secret_of_one_githubtoken_is_no_seed_of_another(world: World) -> None:
    """Those of a ClusterGitHubToken are not where another one looks for seeds."""
    is_no_seed(world, "alice", "token")


def is_no_seed(world: World, of_alice: str, key: str) -> None:
    world.ready_user()
    world.token("thief", {"appRef": {"name": "acme"}, "user": {"seedSecretRef": {"name": of_alice, "key": key}}})
    assert "and is nobody's seed" in world.wait_reason("thief", "CredentialMissing").message
    world.annotate("alice", refresh_requested_at="now")
    world.wait_ready("alice", revision=2)
    assert world.get("Secret", "thief-credential") is None


def test_forty_hexadecimal_digits_are_no_seed_where_no_enterprise_server_is(world: World) -> None:
    """A checksum in some Secret has nothing to do with GitHub; the simulator's own address counts as a GHES."""
    github_com = {"apiURL": "https://api.github.com", "webURL": "https://github.com"}
    world.github_app(world.register(), privateKeySecretRef=None, clientSecretSecretRef=None, **github_com)
    world.user_token(seed="0123456789abcdef0123456789abcdef01234567")
    assert "must hold a refresh token of GitHub" in world.wait_reason("alice", "CredentialMissing").message
    assert world.get("Secret", "alice-credential") is None


def test_a_seed_that_appears_without_our_label_is_found(world: World) -> None:
    app = world.app()
    world.user_token()
    world.wait_reason("alice", "CredentialMissing")
    world.secret("alice-seed", {"refresh_token": world.sign_in(app)})
    world.wait_ready("alice")


def test_an_old_refresh_token_put_into_the_credential_is_not_sent(world: World) -> None:
    app = world.app()
    seed = world.sign_in(app)
    world.user_token(seed=seed)
    world.wait_ready("alice")
    world.secret_key("alice-credential", "refresh_token", seed)
    world.annotate("alice", refresh_requested_at="now")
    world.wait_for("alice", lambda token: "an old, spent refresh token" in token["status"]["conditions"][0]["message"])
    world.settle(1)
    assert len(world.requests("refresh")) == 1
    assert world.double_spends() == 0


# --- keeping ---------------------------------------------------------------------------------------------------------

Break = Callable[["World", App], object]

# What is broken in the cluster is waited for: the watches of several kinds bring it in no order, and until then the
# refresh that is asked for next could still be had.


def delete_the_client_secret(world: World, _app: App) -> None:
    world.delete("Secret", "acme-app")
    world.wait_failing("alice")


def rotate_the_client_secret(world: World, app: App) -> None:
    world.canaries.append(world.github.rotate_client_secret(app))


def delete_the_githubapp(world: World, _app: App) -> None:
    world.delete("GitHubApp", "acme")
    world.wait_failing("alice")


BREAKS = [
    pytest.param(delete_the_client_secret, "ClientSecretMissing", 1, id="the client secret is deleted"),
    pytest.param(rotate_the_client_secret, "AuthenticationFailed", 2, id="the client secret is rotated"),
    pytest.param(delete_the_githubapp, "AppNotFound", 1, id="the GitHubApp is deleted"),
]


@pytest.mark.parametrize(("break_it", "reason", "refreshes"), BREAKS)
def test_a_valid_user_token_is_kept_when_the_next_one_cannot_be_had(
    world: World, break_it: Break, reason: str, refreshes: int
) -> None:
    app = world.ready_user()
    before, pair = world.data("alice"), world.data("alice-credential")
    break_it(world, app)
    world.annotate("alice", refresh_requested_at="now")
    ready = world.wait_failing("alice")
    assert (ready.status, ready.reason) == ("True", "Fresh")
    world.settle()
    assert world.data("alice") == before
    assert world.data("alice-credential") == pair
    assert len(world.events("alice", reason=reason)) == 1
    assert len(world.requests("refresh")) == refreshes


def test_tokens_whose_expiry_was_switched_off_are_kept(world: World) -> None:
    app = world.ready_user()
    world.github.change_app(app, tokens_expire=False)
    world.annotate("alice", refresh_requested_at="now")
    world.wait_ready("alice", revision=2)
    assert world.ready("alice").message == "token does not expire"
    assert "expires_at" not in world.data("alice")
    assert "expirationTime" not in world.status("alice")


def test_a_revoked_grant_ends_the_token_too_and_is_told_once(world: World) -> None:
    app = world.ready_user()
    before, pair = world.data("alice"), world.data("alice-credential")
    world.github.revoke_grant(app, "alice")
    world.annotate("alice", refresh_requested_at="now")
    world.wait_reason("alice", "ReauthorizationRequired")
    world.settle()
    assert (world.data("alice"), world.data("alice-credential")) == (before, pair)
    assert len(world.events("alice", reason="ReauthorizationRequired")) == 1
    assert len(world.requests("refresh")) == 2
