"""The consumer's Secret: what is in it, whose it is, and that it comes back as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from github_simulator.control_client import sha256

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds

PREFIX = "githubtoken.dev/"


def secret_of(world: World, name: str = "ci") -> dict[str, Any]:
    found = world.get("Secret", name)
    assert found is not None
    return found


def test_annotations_may_have_any_characters(world: World) -> None:
    world.app()
    text = "\U0001f680 caf\u00e9 \u2028 \ufeff \x7f \\ud83d"
    world.installation_token(secret={"name": "ci", "annotations": {"example.com/team": text}})
    world.wait_ready()
    assert secret_of(world)["metadata"]["annotations"]["example.com/team"] == text
    # What asks for a refresh is repeated in status.
    world.annotate("ci", refresh_requested_at=text)
    world.wait_ready(revision=2)
    assert world.status()["lastHandledRefreshAt"] == text


@pytest.mark.only_githubtoken
def test_a_secret_has_the_properties_of_the_token_and_what_a_restarted_operator_needs(world: World) -> None:
    world.app()
    world.installation_token(
        secret={"name": "ci-token", "labels": {"team": "web"}, "annotations": {"example.com/team": "web"}}
    )
    token = world.wait_ready()
    secret, data, status = secret_of(world, "ci-token"), world.data("ci-token"), token["status"]
    meta = secret["metadata"]
    assert data.keys() == {"token", "type", "created", "expires_at", "expires_in"}
    assert (data["type"], data["created"], data["expires_at"], data["expires_in"]) == (
        "bearer",
        status["issuedTime"],
        status["expirationTime"],
        "3600",
    )
    assert secret["type"] == "Opaque"
    assert meta["labels"] == {f"{PREFIX}role": "token", "team": "web"}
    spec_hash = meta["annotations"].pop(f"{PREFIX}spec-hash")
    assert spec_hash.startswith("v1:")
    assert len(spec_hash) == 67
    assert meta["annotations"] == {
        f"{PREFIX}issued-at": status["issuedTime"],
        f"{PREFIX}expires-at": status["expirationTime"],
        f"{PREFIX}revision": "1",
        f"{PREFIX}token-sha256": sha256(data["token"]),
        f"{PREFIX}name": "ci",
        "example.com/team": "web",
    }
    assert meta["ownerReferences"] == [
        {
            "apiVersion": "githubtoken.dev/v1alpha1",
            "kind": "GitHubToken",
            "name": "ci",
            "uid": token["metadata"]["uid"],
            "controller": True,
        }
    ]
    assert {entry["manager"] for entry in meta["managedFields"]} == {"githubtoken-operator"}


# --- restored --------------------------------------------------------------------------------------------------------


def test_a_deleted_secret_is_restored_without_a_call_to_github(world: World) -> None:
    world.ready_token()
    before, requests = world.data("ci"), len(world.requests())
    world.delete("Secret", "ci")
    world.wait_for("ci", bool, kind="Secret")
    assert world.data("ci") == before
    world.settle(0.5)
    assert len(world.requests()) == requests
    assert world.ready().status == "True"


def test_a_deleted_secret_of_a_user_is_restored_without_a_call_to_github(world: World) -> None:
    app = world.app()
    world.user_token(seed=world.sign_in(app))
    world.wait_for("alice", lambda token: token.get("status", {}).get("account"))
    before, requests = world.data("alice"), len(world.requests())
    world.delete("Secret", "alice")
    world.wait_for("alice", bool, kind="Secret")
    assert world.data("alice") == before
    world.settle(0.5)
    assert len(world.requests()) == requests


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"data": {"token": "Z2hzX2VkaXRlZA=="}}, id="another token"),
        pytest.param({"data": {"token": None}}, id="no token"),
        pytest.param({"data": {"expires_at": "c29vbg=="}}, id="another expiry"),
        pytest.param({"data": None}, id="no data"),
        pytest.param({"metadata": {"annotations": {f"{PREFIX}token-sha256": "0"}}}, id="another hash"),
        pytest.param({"metadata": {"annotations": {f"{PREFIX}spec-hash": None}}}, id="no hash of the spec"),
        pytest.param({"metadata": {"annotations": {f"{PREFIX}expires-at": "2040-01-01T00:00:00Z"}}}, id="another date"),
        pytest.param({"metadata": {"annotations": {f"{PREFIX}revision": "99"}}}, id="another revision"),
        pytest.param({"metadata": {"ownerReferences": None}}, id="no owner"),
        pytest.param({"metadata": {"labels": {"team": None}}}, id="no label"),
        pytest.param(
            {"metadata": {"labels": {f"{PREFIX}role": None}}}, id="no role, which the watch tells as a deletion"
        ),
        pytest.param({"metadata": {"labels": {f"{PREFIX}role": "app"}}}, id="another role"),
        pytest.param({"data": {"password": "ZWRpdGVk", "config.ini": None}}, id="edited forms of the token"),
    ],
)
def test_an_edited_secret_is_restored_without_a_call_to_github(world: World, edit: dict[str, Any]) -> None:
    world.app()
    forms = {"type": "Opaque", "formats": ["BasicAuth", "Netrc"], "data": {"config.ini": "token = ${token}"}}
    world.installation_token(secret={"labels": {"team": "web"}, **forms})
    world.wait_ready()
    meta, before, requests = secret_of(world)["metadata"], world.data("ci"), len(world.requests())
    parts = ("labels", "annotations", "ownerReferences")
    world.patch("ci", edit, kind="Secret")
    world.wait_for(
        "ci",
        lambda secret: world.data("ci") == before and all(secret["metadata"].get(part) == meta[part] for part in parts),
        kind="Secret",
    )
    world.settle(0.5)
    assert len(world.requests()) == requests
    assert world.status()["revision"] == 1


def test_keys_and_labels_of_others_stay(world: World) -> None:
    world.ready_token()
    world.secret_key("ci", "theirs", "kept")
    world.patch("ci", {"metadata": {"labels": {"theirs": "kept"}}}, kind="Secret")
    world.annotate("ci", refresh_requested_at="now")
    world.wait_ready(revision=2)
    assert world.data("ci")["theirs"] == "kept"
    assert secret_of(world)["metadata"]["labels"]["theirs"] == "kept"


def test_what_leaves_the_spec_leaves_the_secret_and_foreign_things_stay(world: World) -> None:
    world.app()
    world.installation_token(
        secret={
            "labels": {"team": "web", "tier": "a"},
            "annotations": {"example.com/a": "1"},
            "formats": ["ArgoCDRepository", "GHHosts", "Env"],
            "data": {"config.ini": "token = ${token}"},
        }
    )
    world.wait_ready()
    assert secret_of(world)["metadata"]["labels"]["argocd.argoproj.io/secret-type"] == "repo-creds"
    world.secret_key("ci", "theirs", "kept")
    world.patch("ci", {"metadata": {"labels": {"theirs": "kept"}, "annotations": {"theirs": "kept"}}}, kind="Secret")
    before, uid = world.data("ci"), secret_of(world)["metadata"]["uid"]
    change = {
        "labels": {"tier": None},
        "annotations": None,
        "formats": ["Env"],
        "data": {"config.ini": None, "b": "$$"},
    }
    world.change("ci", secret=change)
    world.wait_for("ci", lambda _: world.data("ci").get("b") == "$", kind="Secret")
    kept = {key: value for key, value in before.items() if key in {"token", "created", "expires_at", "expires_in"}}
    env = {"GITHUB_TOKEN": before["token"], "GH_TOKEN": before["token"]}
    enterprise = {key: before[key] for key in ("GH_ENTERPRISE_TOKEN", "GH_HOST")}
    assert world.data("ci") == {**kept, "type": "bearer", "theirs": "kept", **env, **enterprise, "b": "$"}
    meta = secret_of(world)["metadata"]
    assert meta["labels"] == {f"{PREFIX}role": "token", "team": "web", "theirs": "kept"}
    assert {key for key in meta["annotations"] if not key.startswith(PREFIX)} == {"theirs"}
    assert meta["uid"] == uid
    assert len(world.requests("mint")) == 1


def test_another_host_of_the_app_rewrites_the_secret_and_leaves_nothing_behind(world: World) -> None:
    world.app()
    world.installation_token(secret={"formats": ["Env"]})
    world.wait_ready()
    assert "GH_HOST" in world.data("ci")
    world.change("acme", kind="GitHubApp", webURL="https://github.com")
    world.wait_for("ci", lambda _: "GH_HOST" not in world.data("ci"), kind="Secret")
    assert "GH_ENTERPRISE_TOKEN" not in world.data("ci")
    assert len(world.requests("mint")) == 1


def test_special_characters_survive(world: World) -> None:
    """They do so in texts, in keys, and in the names of objects."""
    name = "ci.a-b.0"
    texts = {"A.b_c-1": "ünï ☃ \"q\" '\\' $$ ${token}\t\r\n{{x}} %s", ".hidden": "", "json": '{"t": "${token}"}'}
    world.app("acme.app")
    world.installation_token(name, app="acme.app", secret={"name": "s.e.c", "data": texts, "formats": ["GHHosts"]})
    world.wait_ready(name)
    data = world.data("s.e.c")
    token = data["token"]
    assert data["A.b_c-1"] == f"ünï ☃ \"q\" '\\' $ {token}\t\r\n{{{{x}}}} %s"
    assert data[".hidden"] == ""
    assert json.loads(data["json"]) == {"t": token}
    (host,) = yaml.safe_load(data["hosts.yml"]).values()
    assert host["oauth_token"] == token


# --- the type --------------------------------------------------------------------------------------------------------


def test_another_type_replaces_the_secret_and_keeps_the_token(world: World) -> None:
    world.ready_token()
    before = secret_of(world)
    world.change("ci", secret={"formats": ["DockerConfigJSON"]})
    after = world.wait_for("ci", lambda secret: secret.get("type") == "kubernetes.io/dockerconfigjson", kind="Secret")
    assert after["data"]["token"] == before["data"]["token"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    world.change("ci", secret={"formats": ["BasicAuth"], "type": "Opaque"})
    world.wait_for("ci", lambda secret: secret.get("type") == "Opaque", kind="Secret")
    assert world.data("ci")["username"] == "x-access-token"
    assert ".dockerconfigjson" not in world.data("ci")
    world.wait_ready()
    assert len(world.requests("mint")) == 1


def test_a_finalizer_that_holds_the_old_secret_is_said_and_waited_for(world: World) -> None:
    world.ready_token()
    world.patch("ci", {"metadata": {"finalizers": ["example.com/hold"]}}, kind="Secret")
    world.change("ci", secret={"formats": ["BasicAuth"]})
    assert "somebody's finalizer holds it" in world.wait_reason("ci", "SecretConflict").message
    world.patch("ci", {"metadata": {"finalizers": None}}, kind="Secret")
    world.wait_ready()
    assert secret_of(world)["type"] == "kubernetes.io/basic-auth"
    assert len(world.requests("mint")) == 1


def test_an_adopted_secret_is_not_deleted_for_another_type(world: World) -> None:
    world.app()
    world.secret("ci", {"theirs": "precious"})
    world.annotate("ci", kind="Secret", adopt="true")
    world.installation_token()
    world.wait_ready()
    world.change("ci", secret={"formats": ["BasicAuth"]})
    message = world.wait_reason("ci", "SecretConflict").message
    assert "has the type `Opaque`, which must be `kubernetes.io/basic-auth`" in message
    assert world.data("ci")["theirs"] == "precious"
    world.change("ci", secret={"type": "Opaque"})
    world.wait_ready()
    assert world.data("ci")["username"] == "x-access-token"
    assert len(world.requests("mint")) == 1


# --- removed ---------------------------------------------------------------------------------------------------------


def test_a_deleted_githubtoken_takes_its_secret_and_its_metrics_along(world: World) -> None:
    world.ready_token()
    labels = world.series("ci")
    assert f"githubtoken_expiration_timestamp_seconds{{{labels}}}" in world.operator.metrics()
    world.delete("GitHubToken", "ci")
    # The garbage collector learns of a new kind of owner every 30 seconds.
    world.wait_for("ci", lambda secret: not secret, kind="Secret", within=90)
    world.wait_until(lambda: labels not in world.operator.metrics(), "the end of the series")
    world.settle(0.5)
    assert world.get("Secret", "ci") is None


def test_a_retained_secret_without_its_label_is_restored(world: World) -> None:
    world.app()
    world.token(
        "ci", {"appRef": {"name": "acme"}, "installation": {"owner": world.account}, "deletionPolicy": "Retain"}
    )
    world.wait_ready()
    world.patch("ci", {"metadata": {"labels": {f"{PREFIX}role": None}}}, kind="Secret")
    world.wait_for("ci", lambda secret: secret["metadata"].get("labels") == {f"{PREFIX}role": "token"}, kind="Secret")
    assert len(world.requests("mint")) == 1


def test_a_retained_secret_outlives_its_githubtoken_and_serves_its_successor(world: World) -> None:
    world.app()
    spec = {"appRef": {"name": "acme"}, "installation": {"owner": world.account}, "deletionPolicy": "Retain"}
    world.token("ci", spec)
    world.wait_ready()
    assert "ownerReferences" not in secret_of(world)["metadata"]
    before = world.data("ci")
    world.delete("GitHubToken", "ci")
    world.settle(1)
    assert world.data("ci") == before
    world.token("ci", spec)
    world.wait_ready()
    assert world.data("ci") == before
    world.change("ci", deletionPolicy="Delete")
    found = world.wait_for("ci", lambda secret: secret["metadata"].get("ownerReferences"), kind="Secret")
    (owner,) = found["metadata"]["ownerReferences"]
    assert owner["uid"] == world.found("ci")["metadata"]["uid"]
    assert "blockOwnerDeletion" not in owner
    assert len(world.requests("mint")) == 1


# --- somebody else's -------------------------------------------------------------------------------------------------


def test_a_secret_of_somebody_else_is_left_alone_until_it_is_given_to_us(world: World) -> None:
    world.app()
    world.secret("ci", {"theirs": "precious", "token": "theirs too"})
    version = secret_of(world)["metadata"]["resourceVersion"]
    world.installation_token()
    ready = world.wait_reason("ci", "SecretConflict")
    assert 'annotate it `githubtoken.dev/adopt: "true"`' in ready.message
    world.settle()
    assert secret_of(world)["metadata"]["resourceVersion"] == version
    assert len(world.events(reason="SecretConflict")) == 1
    # It has not our label, so it is known when the first token is to be stored, and GitHub is not asked for another.
    assert len(world.requests("mint")) <= 1
    world.annotate("ci", kind="Secret", adopt="true")
    world.wait_ready()
    assert world.data("ci")["theirs"] == "precious"
    assert world.data("ci")["token"].startswith("ghs_")
    assert "ownerReferences" not in secret_of(world)["metadata"]
    world.delete("GitHubToken", "ci")
    world.settle(1)
    assert world.data("ci")["theirs"] == "precious"


NOT_ADOPTABLE = [
    pytest.param({"immutable": True}, "is immutable", id="an immutable one"),
    pytest.param({"type": "kubernetes.io/basic-auth"}, "has the type", id="one of another type"),
    pytest.param({"labels": {f"{PREFIX}role": "app"}}, "has the role `app`", id="an App's"),
    pytest.param({"labels": {f"{PREFIX}role": "credential"}}, "has the role `credential`", id="a credential"),
    pytest.param({"controller": "theirs"}, "is controlled by another object", id="one that something else controls"),
]


@pytest.mark.parametrize(("shape", "says"), NOT_ADOPTABLE)
def test_some_secrets_are_never_adopted(world: World, shape: dict[str, Any], says: str) -> None:
    metadata = {"name": "ci", "labels": shape.get("labels", {}), "annotations": {f"{PREFIX}adopt": "true"}}
    if name := shape.get("controller"):
        world.secret(name, {"a": "b"})
        uid = secret_of(world, name)["metadata"]["uid"]
        owner = {"apiVersion": "v1", "kind": "Secret", "name": name, "uid": uid, "controller": True}
        metadata["ownerReferences"] = [owner]
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": shape.get("type", "Opaque"),
        "immutable": shape.get("immutable", False),
        "data": {"username": "dGhlaXJz", "password": "dGhlaXJz"},
    }
    version = world.cluster.create(manifest, world.namespace)["metadata"]["resourceVersion"]
    world.app()
    world.installation_token()
    assert says in world.wait_reason("ci", "SecretConflict").message
    assert secret_of(world)["metadata"]["resourceVersion"] == version
    assert len(world.requests("mint")) <= (0 if "labels" in shape and not world.shared else 1)


def test_an_adopted_secret_never_gets_an_owner_though_the_annotation_is_taken_away(world: World) -> None:
    world.app()
    world.secret("ci", {"theirs": "precious"}, annotations={f"{PREFIX}adopt": "true"})
    world.installation_token()
    world.wait_ready()
    world.annotate("ci", kind="Secret", adopt=None)
    world.secret_key("ci", "type", "edited")
    world.wait_until(lambda: world.data("ci")["type"] == "bearer", "the repair")
    assert "ownerReferences" not in secret_of(world)["metadata"]
    assert world.data("ci")["theirs"] == "precious"


@pytest.mark.parametrize("policy", [pytest.param("Retain", id="retained"), pytest.param("Delete", id="adopted")])
def test_what_a_githubtoken_left_behind_can_be_handed_to_another(world: World, policy: str) -> None:
    world.app()
    if policy == "Delete":
        world.secret("shared", {"theirs": "precious"}, annotations={f"{PREFIX}adopt": "true"})
    source = {"appRef": {"name": "acme"}, "installation": {"owner": world.account}, "deletionPolicy": policy}
    world.token("first", {**source, "secret": {"name": "shared"}})
    world.wait_ready("first")
    world.annotate("shared", kind="Secret", adopt="true")
    world.installation_token("second", secret={"name": "shared"})
    assert world.called("first") in world.wait_reason("second", "SecretConflict").message
    world.delete("GitHubToken", "first")
    world.wait_ready("second")
    assert world.owner_of(secret_of(world, "shared")) == "second"
    assert "ownerReferences" not in secret_of(world, "shared")["metadata"]


def test_of_two_githubtokens_with_one_secret_the_first_keeps_it(world: World) -> None:
    world.app()
    world.installation_token("first", secret={"name": "shared"})
    world.wait_ready("first")
    before = world.data("shared")
    world.installation_token("second", secret={"name": "shared"})
    assert world.called("first") in world.wait_reason("second", "SecretConflict").message
    world.settle(0.5)
    assert world.data("shared") == before
    assert world.ready("first").status == "True"
    # One that may be for other namespaces too has its token before it finds that a name is taken in one.
    assert len(world.requests("mint")) == 1 + world.shared
    world.delete("GitHubToken", "first")
    # The garbage collector learns of a new kind of owner every 30 seconds.
    world.wait_ready("second", within=90)
    assert world.owner_of(secret_of(world, "shared")) == "second"
    assert world.data("shared")["token"] != before["token"]


@pytest.mark.only_githubtoken
def test_of_two_githubtokens_that_wait_the_older_one_gets_the_secret(world: World) -> None:
    world.installation_token("zulu", secret={"name": "shared"})
    world.settle(1.1)  # The time at which an object was made is kept in whole seconds.
    world.installation_token("alpha", secret={"name": "shared"})
    world.wait_reason("zulu", "AppNotFound")
    assert "also wanted by GitHubToken `zulu`" in world.wait_reason("alpha", "SecretConflict").message
    world.app()
    world.wait_ready("zulu")
    assert secret_of(world, "shared")["metadata"]["annotations"][f"{PREFIX}name"] == "zulu"
    assert world.ready("alpha").reason == "SecretConflict"
    assert len(world.requests("mint")) == 1


def test_a_secret_with_another_controller_is_left_alone_until_it_is_given_back(world: World) -> None:
    world.ready_token()
    world.secret("theirs", {"a": "b"})
    theirs = secret_of(world, "theirs")["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Secret", "name": "theirs", "uid": theirs, "controller": True}
    world.patch("ci", {"metadata": {"ownerReferences": [owner]}}, kind="Secret")
    assert "is controlled by another object" in world.wait_reason("ci", "SecretConflict").message
    assert secret_of(world)["metadata"]["ownerReferences"] == [owner]
    world.patch("ci", {"metadata": {"ownerReferences": None}}, kind="Secret")
    world.wait_ready()
    (owner,) = secret_of(world)["metadata"]["ownerReferences"]
    assert world.called("ci").endswith(f"`{owner['name']}`")
    assert len(world.requests("mint")) == 1


def test_a_secret_that_was_made_immutable_is_left_alone_until_it_is_deleted(world: World) -> None:
    world.ready_token()
    before = world.data("ci")
    world.patch("ci", {"immutable": True}, kind="Secret")
    assert "is immutable" in world.wait_reason("ci", "SecretConflict").message
    world.delete("Secret", "ci")
    world.wait_ready()
    assert world.data("ci") == before
    assert len(world.requests("mint")) == 1


def test_a_credential_of_somebody_else_is_left_alone(world: World) -> None:
    app = world.app()
    world.secret("alice-credential", {"theirs": "precious"})
    world.user_token(seed=world.sign_in(app))
    told = world.wait_reason("alice", "SecretConflict").message
    assert "Secret `alice-credential" in told
    assert "was made by somebody else" in told
    assert world.data("alice-credential") == {"theirs": "precious"}
    assert world.requests("refresh") == []
    world.annotate("alice-credential", kind="Secret", adopt="true")
    world.wait_ready("alice")


# --- a namespace that goes -------------------------------------------------------------------------------------------


@pytest.mark.only_githubtoken
@pytest.mark.parametrize("held", [pytest.param(False, id="at once"), pytest.param(True, id="held by a finalizer")])
def test_a_namespace_that_is_deleted_makes_no_noise(world: World, *, held: bool) -> None:
    """A finalizer of somebody else makes certain that the App and the Secrets go first."""
    app = world.app(token_life=6, user_token_life=6)
    world.installation_token()
    world.user_token(seed=world.sign_in(app))
    world.wait_ready()
    world.wait_ready("alice")
    world.patch("ci", {"metadata": {"finalizers": ["example.com/hold"] if held else []}})
    world.cluster.delete("Namespace", "", world.namespace)
    if held:
        world.wait_for("acme", lambda app: not app, kind="GitHubApp", within=90)
        world.settle(3)
        world.patch("ci", {"metadata": {"finalizers": []}})

    def gone() -> bool:
        return world.cluster.get("Namespace", "", world.namespace) is None

    world.wait_until(gone, "the end of the namespace", within=90)
    world.wait_until(lambda: world.namespace not in world.operator.metrics(), "the end of the series")
    noise = [line for line in world.logged() if line.get("level") in {"WARNING", "ERROR", "CRITICAL"}]
    assert noise == []
    assert world.double_spends() == 0
