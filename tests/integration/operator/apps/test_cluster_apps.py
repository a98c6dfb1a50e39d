"""ClusterGitHubApps on the real API server: whom they serve, where their Secrets are, what they say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from github_simulator.control_client import sha256
from tests.integration.operator.stage.belongings import OPERATOR_NAMESPACE, pem
from tests.integration.operator.stage.conditions import conditions_of, ready_of

if TYPE_CHECKING:
    from github_simulator.control_client import App
    from tests.integration.operator.stage.cluster import Object
    from tests.integration.operator.stage.world import World

BY_LABEL: Object = {"from": "Selector", "selector": {"matchLabels": {"github": "allowed"}}}
ALL: Object = {"from": "All"}


def installed(world: World, **settings: Any) -> App:  # noqa: ANN401 - the simulator's settings
    app = world.register(**settings)
    world.install(app)
    return app


def token_of(world: World, cluster_app: str, name: str = "ci", **installation: Any) -> None:  # noqa: ANN401 - the spec's
    world.token(
        name,
        {
            "appRef": {"kind": "ClusterGitHubApp", "name": cluster_app},
            "installation": {"owner": world.account, **installation},
        },
    )


def label(world: World, **labels: str | None) -> None:
    """Sets labels of the world's namespace."""
    world.cluster.patch("Namespace", "", world.namespace, {"metadata": {"labels": labels}})


def test_a_cluster_app_serves_a_token_and_says_what_it_is(world: World) -> None:
    app = installed(world)
    name = world.cluster_app(app, allowedNamespaces=ALL)
    token_of(world, name)
    world.wait_ready()
    assert world.data("ci")["token"].startswith("ghs_")
    status = world.wait_for(name, lambda found: found["status"].get("tokens") == 1, kind="ClusterGitHubApp")["status"]
    assert (status["slug"], status["observedGeneration"]) == (app.slug, 1)
    assert status["owner"]
    assert status["permissions"]
    assert world.ready(name, kind="ClusterGitHubApp").reason == "Accepted"
    # Kubernetes keeps events about cluster-scoped objects in `default`.
    events = world.wait_events(name, kind="ClusterGitHubApp", reason="Accepted")
    assert [event["type"] for event in events] == ["Normal"]
    world.delete("GitHubToken", "ci")
    world.wait_for(name, lambda found: found["status"].get("tokens") == 0, kind="ClusterGitHubApp")


def test_by_default_only_the_operators_own_namespace_is_admitted(world: World) -> None:
    name = world.cluster_app(installed(world))
    token_of(world, name)
    message = world.wait_reason("ci", "AppNotAllowed").message
    assert world.namespace in message
    assert "`spec.allowedNamespaces`" in message
    assert conditions_of(world.found()) == dict.fromkeys(("NeedsHuman", "Stalled"), "AppNotAllowed")
    assert world.requests("mint") == []
    world.change(name, kind="ClusterGitHubApp", allowedNamespaces=ALL)
    world.wait_ready()


def test_a_namespace_that_loses_its_label_loses_renewal_and_keeps_its_token_until_it_expires(world: World) -> None:
    name = world.cluster_app(installed(world), allowedNamespaces=BY_LABEL)
    token_of(world, name)
    world.wait_reason("ci", "AppNotAllowed")
    label(world, github="allowed")
    world.wait_ready()
    before = world.data("ci")
    label(world, github=None)
    assert "AppNotAllowed" not in (failing := world.wait_failing()).reason
    assert "may not be used from namespace" in failing.message
    assert conditions_of(world.found()) == {"NeedsHuman": "AppNotAllowed"}
    world.annotate("ci", refresh_requested_at="now")
    world.settle(1)
    assert len(world.requests("mint")) == 1
    assert world.data("ci") == before
    assert [event["type"] for event in world.events(reason="AppNotAllowed")][-1] == "Warning"
    label(world, github="allowed")
    world.wait_ready(revision=2)
    assert conditions_of(world.found()) == {}


def test_after_the_last_token_has_expired_a_namespace_without_permission_is_not_ready(world: World) -> None:
    name = world.cluster_app(installed(world, token_life=8), allowedNamespaces=BY_LABEL)
    label(world, github="allowed")
    token_of(world, name)
    world.wait_ready()
    label(world, github="denied")
    world.wait_reason("ci", "AppNotAllowed")


def test_the_secrets_of_a_cluster_app_are_read_in_the_operators_namespace_only(world: World) -> None:
    app = installed(world)
    name = world.cluster_app(app, allowedNamespaces=ALL)
    world.cluster.delete("Secret", OPERATOR_NAMESPACE, f"{name}-app")
    # A tenant's Secret of that name is not looked at.
    world.app_secret(app, f"{name}-app")
    # Until the deletion is noticed, the key that was read before may be used.
    world.wait_reason(name, "PrivateKeyMissing", kind="ClusterGitHubApp")
    token_of(world, name)
    assert f"`{name}-app` in namespace `{OPERATOR_NAMESPACE}`" in world.wait_reason("ci", "PrivateKeyMissing").message
    assert world.requests("mint") == []
    world.app_secret(app, f"{name}-app", namespace=OPERATOR_NAMESPACE)
    world.wait_ready()


def test_an_app_and_a_cluster_app_of_one_name_are_two(world: World) -> None:
    name = world.cluster_app(installed(world), allowedNamespaces=ALL)
    mine = installed(world)
    world.app_secret(mine, f"{name}-app")
    world.github_app(mine, name)
    token_of(world, name)
    world.installation_token("mine", app=name)
    world.wait_ready()
    world.wait_ready("mine")
    assert len(world.requests("mint", app=mine)) == 1
    world.delete("GitHubApp", name)
    world.annotate("ci", refresh_requested_at="now")
    world.wait_ready(revision=2)


def test_a_cluster_app_that_is_not_there_is_not_found_until_it_is(world: World) -> None:
    app = installed(world)
    token_of(world, f"acme-{world.namespace}-1")
    assert "there is no ClusterGitHubApp" in world.wait_reason("ci", "AppNotFound").message
    world.cluster_app(app, f"acme-{world.namespace}-1", allowedNamespaces=ALL)
    world.wait_ready()


def test_a_wrong_key_is_told_by_the_cluster_app_and_by_its_tokens(world: World) -> None:
    app = installed(world)
    name = world.cluster_app(app, allowedNamespaces=ALL)
    world.app_secret(app, f"{name}-app", namespace=OPERATOR_NAMESPACE, private_key_pem=pem())
    token_of(world, name)
    world.wait_reason(name, "AuthenticationFailed", kind="ClusterGitHubApp")
    world.wait_reason("ci", "AuthenticationFailed")
    assert world.get("Secret", "ci") is None
    world.app_secret(app, f"{name}-app", namespace=OPERATOR_NAMESPACE)
    world.wait_ready()
    world.wait_for(name, lambda found: ready_of(found).reason == "Accepted", kind="ClusterGitHubApp")


def test_user_tokens_of_a_cluster_app_rotate_and_are_revoked_too(world: World) -> None:
    app = world.register()
    name = world.cluster_app(app, allowedNamespaces=ALL, clientID=None)
    world.seed("alice", world.sign_in(app))
    world.token(
        "alice",
        {
            "appRef": {"kind": "ClusterGitHubApp", "name": name},
            "user": {"seedSecretRef": {"name": "alice-seed"}},
            "deletionPolicy": "Revoke",
        },
    )
    world.wait_ready("alice")
    world.annotate("alice", refresh_requested_at="now")
    world.wait_ready("alice", revision=2)
    assert world.double_spends() == 0
    pair = world.data("alice-credential")
    world.delete("GitHubToken", "alice")
    world.wait_for("alice", lambda found: not found)
    assert not any(world.github.token_is_alive(sha256(pair[key])) for key in ("token", "refresh_token"))
    assert world.get("Secret", "alice-credential") is None


# --- A key is replaced -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labelled", [True, False], ids=["its Secret has our label", "its Secret has no label"])
def test_a_key_that_is_replaced_is_used_without_a_restart_and_without_a_failed_token(
    world: World, *, labelled: bool
) -> None:
    app = world.register(own_key=True)
    world.install(app)
    assert app.private_key is not None
    role = "app" if labelled else None
    world.secret("acme-app", {"private-key.pem": app.private_key}, role=role)
    world.github_app(app, clientSecretSecretRef=None)
    world.installation_token()
    world.wait_ready()
    _, new_key = world.github.add_key(app, keep_old=False)
    world.canaries += [line for line in new_key.splitlines() if len(line) > 40]
    world.secret("acme-app", {"private-key.pem": new_key}, role=role)
    world.annotate("ci", refresh_requested_at="now")
    world.wait_ready(revision=2)
    assert world.events(reason="AuthenticationFailed") == []
    assert "failedAttempts" not in world.status()


# --- What no field can reach -----------------------------------------------------------------------------------------

ELSEWHERE = ("../other/secret", "other/secret", "..", "/etc/passwd", "a/../../secrets/b")
APP = {"appRef": {"name": "acme"}}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_no_reference_leads_to_another_namespace(world: World, name: str) -> None:
    ref = {"name": name}
    specs: list[tuple[str, Object]] = [
        ("GitHubApp", {"appID": 1, "privateKeySecretRef": ref}),
        ("GitHubApp", {"appID": 1, "clientSecretSecretRef": ref}),
        ("ClusterGitHubApp", {"appID": 1, "privateKeySecretRef": ref}),
        ("ClusterGitHubApp", {"appID": 1, "clientSecretSecretRef": ref}),
        ("GitHubToken", {"appRef": ref, "installation": {"id": 1}}),
        ("GitHubToken", {**APP, "user": {"seedSecretRef": ref}}),
        ("GitHubToken", {**APP, "user": {"seedSecretRef": {"name": "s"}, "credentialSecretName": name}}),
        ("GitHubToken", {"personal": {"secretRef": ref}}),
        ("GitHubToken", {**APP, "installation": {"id": 1}, "secret": ref}),
        ("GitHubToken", {**APP, "installation": {"id": 1}, "restartTargets": [{"kind": "Deployment", **ref}]}),
    ]
    for kind, spec in specs:
        manifest = {
            "apiVersion": "githubtoken.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": f"x-{world.namespace}"},
            "spec": spec,
        }
        answer = world.cluster.send("POST", kind, world.namespace, body=manifest)
        assert answer.status_code == 422, (kind, spec)


@pytest.mark.parametrize("kind", ["GitHubApp", "ClusterGitHubApp"])
def test_a_reference_has_no_field_for_a_namespace(world: World, kind: str) -> None:
    manifest = {
        "apiVersion": "githubtoken.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": f"x-{world.namespace}"},
        "spec": {"appID": 1, "privateKeySecretRef": {"name": "s", "namespace": "kube-system"}},
    }
    made = world.cluster.create(manifest, world.namespace)
    world.cluster.delete(kind, world.namespace, f"x-{world.namespace}")
    assert made["spec"]["privateKeySecretRef"] == {"name": "s", "key": "private-key.pem"}
