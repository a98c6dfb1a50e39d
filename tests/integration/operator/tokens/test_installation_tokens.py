"""Installation tokens that can be had: obtained, narrowed, renewed, and kept while the next one cannot be had."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from github_simulator.control_client import App, Installation, sha256
from tests.integration.operator.stage.conditions import conditions_of
from tests.kstatus import CURRENT, FAILED, kstatus

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds


def stored(world: World, name: str = "ci") -> str:
    return world.data(name)["token"]


# --- obtaining -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", ["id", "owner", "repository"])
def test_an_installation_is_found(world: World, selector: str) -> None:
    installation = world.install(world.app(installed=False))
    source: dict[str, Any] = {"id": installation.id, "owner": world.account, "repository": f"{world.account}/website"}
    world.installation_token(**{selector: source[selector]})
    status = world.wait_ready()["status"]
    assert status["account"] == world.account
    assert status["kind"] == "Installation"
    token = world.github.token(sha256(stored(world)))
    assert token.alive
    assert token.installation_id == installation.id
    if selector == "repository":
        assert token.repository_ids == [installation.repositories["website"]]


def test_a_user_account_is_found_as_an_owner(world: World) -> None:
    app = world.app(installed=False)
    world.github.install(app, f"u-{world.namespace}", account_type="User", permissions={"contents": "read"})
    world.installation_token(owner=f"u-{world.namespace}")
    assert world.wait_ready()["status"]["account"] == f"u-{world.namespace}"


@pytest.mark.parametrize("by", ["enterprise", "id"])
def test_an_enterprise_is_found_by_its_slug(world: World, by: str) -> None:
    slug, permissions = world.account, {"enterprise_people": "read"}
    app = world.app(installed=False)
    # An organisation of the same name is another account.
    world.install(app)
    installed = world.github.install(app, slug, account_type="Enterprise", permissions=permissions)
    world.installation_token(**{"enterprise": slug} if by == "enterprise" else {"id": installed.id})
    status = world.wait_ready()["status"]
    assert (status["account"], status["permissions"]) == (slug, permissions)
    assert world.github.token(sha256(stored(world))).installation_id == installed.id
    # It is not asked for repositories, which it may not see.
    assert world.requests("installation_repositories") == []
    world.change("acme", kind="GitHubApp", allowedRepositories=[f"{slug}/*"])
    assert "a token of an enterprise" in world.wait_reason("ci", "PolicyDenied").message


def test_an_enterprise_where_the_app_is_not_installed_is_named(world: World) -> None:
    world.app()
    world.installation_token(enterprise="nobody-inc")
    assert "not installed on the enterprise nobody-inc" in world.wait_reason("ci", "InstallationNotFound").message


def test_a_narrowed_token_is_published_when_github_honours_it(world: World) -> None:
    world.app()
    world.github.settings(narrowed_replication_lag=4)
    try:
        world.installation_token(repositories=["website"])
        world.wait_ready()
        statuses = [request.status for request in world.requests("installation_repositories")]
        assert statuses[-1] == 200
        assert set(statuses[:-1]) == {403}
        assert world.events(reason="NotVerified") == []
    finally:
        world.github.settings(narrowed_replication_lag=0)


def test_a_token_is_narrowed_and_status_shows_what_was_granted(world: World) -> None:
    installation = world.install(world.app(installed=False), permissions={"contents": "write", "issues": "write"})
    world.installation_token("by-name", repositories=["website"], permissions={"contents": "read"})
    world.installation_token("by-id", repositoryIDs=[installation.repositories["api"]])
    world.installation_token("whole")
    narrowed = world.wait_ready("by-name")["status"]
    assert narrowed["permissions"]["contents"] == "read"
    assert "issues" not in narrowed["permissions"]
    assert narrowed["repositorySelection"] == "selected"
    token = world.github.token(sha256(stored(world, "by-name")))
    assert token.repository_ids == [installation.repositories["website"]]
    assert (token.permissions or {})["contents"] == "read"
    world.wait_ready("by-id")
    assert world.github.token(sha256(stored(world, "by-id"))).repository_ids == [installation.repositories["api"]]
    assert world.wait_ready("whole")["status"]["permissions"]["issues"] == "write"


@pytest.mark.only_githubtoken
def test_status_and_columns_show_a_token(world: World) -> None:
    world.app()
    world.installation_token()
    status = world.wait_ready()["status"]
    digest = base64.b64encode(bytes.fromhex(sha256(stored(world)))).decode()
    assert (status["revision"], status["secretName"], status["tokenSHA256"]) == (1, "ci", digest)
    assert status["issuedTime"] < status["renewalTime"] < status["expirationTime"]
    assert world.ready().message == f"token valid until {status['expirationTime']}"
    kubectl = world.cluster.control_plane.kubectl
    header, row = kubectl("get", "ght", f"--namespace={world.namespace}").splitlines()
    assert header.split() == ["NAME", "READY", "REASON", "KIND", "SECRET", "EXPIRES", "RENEWS", "AGE"]
    shown = ["ci", "True", "Fresh", "Installation", "ci", status["expirationTime"], status["renewalTime"]]
    assert row.split()[:7] == shown
    header, row = kubectl("get", "ght", f"--namespace={world.namespace}", "--output=wide").splitlines()
    assert header.split()[-4:] == ["APP", "ACCOUNT", "REVISION", "MESSAGE"]
    assert f"acme   {world.account}" in row
    assert row.endswith(world.ready().message)


@pytest.mark.only_githubtoken
def test_what_is_written_and_told_bears_the_operators_name(world: World) -> None:
    world.ready_token()
    written = [entry for entry in world.found()["metadata"]["managedFields"] if entry.get("subresource") == "status"]
    assert [entry["manager"] for entry in written] == ["githubtoken-operator"]
    world.wait_until(lambda: world.events(reason="Fresh"), "the event")
    (event,) = world.events(reason="Fresh")
    reporter = event["source"]["component"], event["reportingComponent"]
    assert reporter == ("githubtoken-operator", "githubtoken-operator")
    assert event["involvedObject"]["uid"] == world.found()["metadata"]["uid"]


@pytest.mark.only_githubtoken
def test_an_app_shows_what_github_says_of_it(world: World) -> None:
    app = world.app()
    world.installation_token()
    found = world.wait_ready("acme", kind="GitHubApp")["status"]
    assert found["slug"] == app.slug
    world.wait_for("acme", lambda item: item["status"].get("tokens") == 1, kind="GitHubApp")
    assert world.ready("acme", kind="GitHubApp").reason == "Accepted"


# --- renewing --------------------------------------------------------------------------------------------------------


def test_a_token_is_renewed_before_it_expires_over_and_over(world: World) -> None:
    world.app(token_life=6)
    world.installation_token()
    seen = {stored(world) for revision in (1, 2, 3) if world.wait_ready(revision=revision)}
    assert len(seen) == 3
    assert len(world.events(reason="Fresh")) == 1
    assert len(world.requests("get_app")) == 1


@pytest.mark.parametrize(
    ("change", "field", "granted"),
    [
        pytest.param({"permissions": {"contents": "read"}}, "permissions", {"contents": "read"}, id="permissions"),
        pytest.param({"repositories": ["website"]}, "repositorySelection", "selected", id="repositories"),
    ],
)
def test_a_change_of_what_the_token_is_for_mints_at_once(
    world: World,
    change: dict[str, Any],
    field: str,
    granted: Any,  # noqa: ANN401 - what status shows of it
) -> None:
    world.app()
    world.installation_token(permissions={"contents": "write"})
    world.wait_ready()
    world.change("ci", installation=change)
    status = world.wait_for("ci", lambda token: token["status"].get("revision") == 2)["status"]
    found = status[field]
    assert granted.items() <= found.items() if isinstance(granted, dict) else found == granted
    assert world.requests("mint")[-1].body.keys() >= change.keys()
    assert len(world.requests("mint")) == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"secret": {"labels": {"team": "web"}}}, id="labels"),
        pytest.param({"secret": {"annotations": {"example.com/team": "web"}}}, id="annotations"),
        pytest.param({"renewBefore": "10m"}, id="renewBefore"),
        pytest.param({"renewBeforePercentage": 50}, id="renewBeforePercentage"),
        pytest.param({"deletionPolicy": "Retain"}, id="deletionPolicy"),
    ],
)
def test_a_change_of_how_the_token_is_kept_mints_nothing(world: World, change: dict[str, Any]) -> None:
    world.app()
    world.installation_token()
    before = world.wait_ready()
    world.change("ci", **change)
    after = world.wait_for(
        "ci", lambda token: token["status"]["observedGeneration"] == token["metadata"]["generation"] > 1
    )
    world.settle(0.5)
    assert after["status"]["revision"] == 1
    assert len(world.requests("mint")) == 1
    secret = world.get("Secret", "ci") or {}
    assert change.get("secret", {}).get("labels", {}).items() <= secret["metadata"]["labels"].items()
    assert change.get("secret", {}).get("annotations", {}).items() <= secret["metadata"]["annotations"].items()
    moved = after["status"]["renewalTime"] != before["status"]["renewalTime"]
    assert moved == any(key.startswith("renewBefore") for key in change)


def test_fields_that_change_together_cost_one_token(world: World) -> None:
    world.app()
    world.installation_token(permissions={"contents": "write"})
    world.wait_ready()
    secret = {"formats": ["DockerConfigJSON"], "labels": {"team": "web"}}
    permissions = {"permissions": {"contents": "read"}}
    world.change("ci", installation=permissions, secret=secret, renewBefore="10m", deletionPolicy="Retain")
    status = world.wait_ready(revision=2)["status"]
    assert status["permissions"]["contents"] == "read"
    found = world.wait_for("ci", lambda it: it.get("type") == "kubernetes.io/dockerconfigjson", kind="Secret")
    assert found["metadata"]["labels"] == {"githubtoken.dev/role": "token", "team": "web"}
    assert "ownerReferences" not in found["metadata"]
    assert status["tokenSHA256"] == base64.b64encode(bytes.fromhex(sha256(stored(world)))).decode()
    world.settle()
    assert (world.ready().status, world.status()["revision"]) == ("True", 2)
    assert len(world.requests("mint")) == 2


def test_a_renew_before_that_is_not_less_than_the_life_is_ignored_and_told_once(world: World) -> None:
    world.app(token_life=60)
    world.token("ci", {"appRef": {"name": "acme"}, "installation": {"owner": world.account}, "renewBefore": "2m"})
    status = world.wait_ready()["status"]
    assert status["issuedTime"] < status["renewalTime"]
    world.wait_until(lambda: world.events(reason="RenewBeforeIgnored"), "the event")
    world.annotate("ci", refresh_requested_at="now")
    world.wait_ready(revision=2)
    world.settle(0.5)
    assert len(world.events(reason="RenewBeforeIgnored")) == 1


def test_a_refresh_request_is_answered_once_and_echoed(world: World) -> None:
    world.ready_token()
    world.annotate("ci", refresh_requested_at="2026-01-01T00:00:00Z")
    status = world.wait_ready(revision=2)["status"]
    assert status["lastHandledRefreshAt"] == "2026-01-01T00:00:00Z"
    world.settle(0.5)
    assert len(world.requests("mint")) == 2
    world.annotate("ci", refresh_requested_at="x" * 100)
    assert world.wait_ready(revision=3)["status"]["lastHandledRefreshAt"] == "x" * 64


def test_a_suspended_token_is_not_renewed_until_it_goes_on(world: World) -> None:
    world.app(token_life=6)
    world.installation_token()
    world.wait_ready()
    world.change("ci", suspend=True)
    world.wait_for("ci", lambda token: token["status"]["conditions"][0]["message"].startswith("suspended; token valid"))
    mints = len(world.requests("mint"))
    ready = world.wait_reason("ci", "Suspended")
    assert "set `spec.suspend` to false" in ready.message
    assert len(world.requests("mint")) == mints
    world.change("ci", suspend=False)
    world.wait_ready(revision=2)


def test_a_suspended_token_is_kept_and_nobody_is_called_for_it(world: World) -> None:
    world.ready_token()
    before = world.data("ci")
    world.change("ci", suspend=True)
    world.wait_for("ci", lambda token: token["status"]["conditions"][0]["message"].startswith("suspended; token valid"))
    world.delete("GitHubApp", "acme")
    world.annotate("ci", refresh_requested_at="now")
    world.settle()
    world.delete("Secret", "ci")
    world.wait_for("ci", bool, kind="Secret")
    world.settle()
    assert world.data("ci") == before
    assert world.ready().message.startswith("suspended; token valid")
    assert conditions_of(world.found()) == {}
    assert "lastHandledRefreshAt" not in world.status()
    world.change("ci", suspend=False)
    assert "there is no" in world.wait_failing().message
    assert conditions_of(world.found()) == {"NeedsHuman": "AppNotFound"}


def test_what_is_asked_of_a_suspended_token_is_had_when_it_goes_on(world: World) -> None:
    world.ready_token()
    before = stored(world)
    world.change("ci", suspend=True, installation={"permissions": {"contents": "read"}}, secret={"labels": {"a": "b"}})
    # It is not for the present spec.
    assert "set `spec.suspend` to false" in world.wait_reason("ci", "Suspended").message
    world.wait_for("ci", lambda secret: secret["metadata"]["labels"].get("a") == "b", kind="Secret")
    assert stored(world) == before
    assert conditions_of(world.found()) == {}
    world.change("ci", suspend=False)
    assert world.wait_ready(revision=2)["status"]["permissions"]["contents"] == "read"
    assert len(world.requests("mint")) == 2


# --- keeping ---------------------------------------------------------------------------------------------------------

Break = Callable[["World", App, Installation], object]

# What is broken in the cluster is waited for: the watches of several kinds bring it in no order, and until then the
# refresh that is asked for next could still be had.


def delete_the_keys_secret(world: World, _app: App, _installation: Installation) -> None:
    world.delete("Secret", "acme-app")
    world.wait_failing()


def overwrite_the_key(world: World, app: App, _installation: Installation) -> None:
    world.app_secret(app, private_key_pem="let me in")
    world.wait_failing()


def delete_the_githubapp(world: World, _app: App, _installation: Installation) -> None:
    world.delete("GitHubApp", "acme")
    world.wait_failing()


def delete_the_key_at_github(world: World, app: App, _installation: Installation) -> None:
    world.github.delete_key(app)


def suspend(world: World, _app: App, installation: Installation) -> None:
    world.github.suspend(installation)


def uninstall(world: World, _app: App, installation: Installation) -> None:
    world.github.uninstall(installation)


def take_a_permission_back(world: World, _app: App, installation: Installation) -> None:
    world.github.change_installation(installation, permissions={"metadata": "read"})


def take_a_repository_away(world: World, _app: App, installation: Installation) -> None:
    world.github.change_installation(installation, repositories=["api"])


BREAKS = [
    pytest.param(delete_the_keys_secret, "PrivateKeyMissing", id="the key's Secret is deleted"),
    pytest.param(overwrite_the_key, "PrivateKeyInvalid", id="the key is overwritten"),
    pytest.param(delete_the_githubapp, "AppNotFound", id="the GitHubApp is deleted"),
    pytest.param(delete_the_key_at_github, "AuthenticationFailed", id="the key is deleted at GitHub"),
    pytest.param(suspend, "InstallationSuspended", id="the installation is suspended"),
    pytest.param(uninstall, "InstallationNotFound", id="the App is uninstalled"),
    pytest.param(take_a_permission_back, "PermissionsNotGranted", id="a permission is taken back"),
    pytest.param(take_a_repository_away, "RepositoryNotAccessible", id="a repository is taken away"),
]


@pytest.mark.parametrize(("break_it", "reason"), BREAKS)
def test_a_valid_token_is_kept_when_the_next_one_cannot_be_had(world: World, break_it: Break, reason: str) -> None:
    app = world.app(installed=False)
    installation = world.install(app)
    world.installation_token(permissions={"contents": "read"}, repositories=["website"])
    expires = world.wait_ready()["status"]["expirationTime"]
    before = world.data("ci")
    break_it(world, app, installation)
    world.annotate("ci", refresh_requested_at="now")
    ready = world.wait_failing()
    assert (ready.status, ready.reason) == ("True", "Fresh")
    assert ready.message.startswith(f"token valid until {expires}; refresh failing: ")
    requests = len(world.requests("mint"))
    world.settle()
    assert world.data("ci") == before
    assert [event["type"] for event in world.events(reason=reason)] == ["Warning"]
    shown = world.found()
    assert (conditions_of(shown), kstatus(shown)) == ({"NeedsHuman": reason}, CURRENT)
    assert len(world.requests("mint")) == requests


def test_after_expiry_the_reason_of_the_last_failure_stands(world: World) -> None:
    app = world.app(installed=False, token_life=6)
    installation = world.install(app)
    world.installation_token()
    world.wait_ready()
    world.github.suspend(installation)
    assert "unsuspend" in world.wait_reason("ci", "InstallationSuspended").message
    shown = world.found()
    assert conditions_of(shown) == dict.fromkeys(("NeedsHuman", "Stalled"), "InstallationSuspended")
    assert kstatus(shown) == FAILED
    assert len(world.events(reason="InstallationSuspended")) <= 2
    world.github.unsuspend(installation)
    world.annotate("ci", refresh_requested_at="it is unsuspended")
    world.wait_ready(revision=2)
    assert conditions_of(world.found()) == {}


def test_a_valid_token_of_an_earlier_spec_is_kept_but_not_called_ready(world: World) -> None:
    world.ready_token()
    before = world.data("ci")
    world.change("ci", installation={"permissions": {"administration": "write"}})
    ready = world.wait_reason("ci", "PermissionsNotGranted")
    assert "of an earlier spec" in ready.message
    assert world.data("ci") == before
    world.change("ci", installation={"permissions": {"administration": None, "contents": "read"}})
    world.wait_ready(revision=2)


def test_a_key_that_is_mended_helps_at_once(world: World) -> None:
    app = world.register()
    world.install(app)
    world.app_secret(app, private_key_pem="nonsense")
    world.github_app(app)
    world.installation_token()
    world.wait_reason("ci", "PrivateKeyInvalid")
    world.app_secret(app)
    world.wait_ready()
