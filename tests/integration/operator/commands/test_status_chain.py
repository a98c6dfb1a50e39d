"""`githubtoken status` walks the chain on the real API server: whole, broken at each link, and for a mere viewer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.integration.operator.command_line import Commands
from tests.integration.operator.stage.belongings import OPERATOR_NAMESPACE, pem
from tests.integration.operator.stage.leaks import find_secrets

if TYPE_CHECKING:
    from tests.integration.operator.stage.cluster import Object
    from tests.integration.operator.stage.world import World

VIEWER = [
    {"apiGroups": ["githubtoken.dev"], "resources": ["githubtokens", "githubapps"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["get", "list"]},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
]
"""What Kubernetes' role `view` and ours give in a namespace: everything of ours, and no Secret."""


@pytest.fixture
def githubtoken(world: World) -> Commands:
    return Commands(world.cluster.control_plane.kubeconfig, world.namespace)


def walked(githubtoken: Commands, name: str = "ci") -> dict[str, Object]:
    """The chain, as programs get it, by the names of its links."""
    ended = githubtoken("status", name, "--operator-namespace", OPERATOR_NAMESPACE, "-o", "json")
    assert ended.code == 0, ended.err
    return {link["name"]: link for link in json.loads(ended.out)["chain"]}


def states(chain: dict[str, Object]) -> dict[str, str]:
    return {name: link["state"] for name, link in chain.items()}


def failed(chain: dict[str, Object]) -> list[str]:
    return [name for name, link in chain.items() if link["state"] == "failed"]


def key_of(app: str = "acme-app") -> str:
    return f"Private key private-key.pem in Secret {app}"


def test_a_whole_chain_shows_every_link_to_the_pods_and_no_secret(world: World, githubtoken: Commands) -> None:
    world.ready_token()
    world.workload()
    world.change("ci", restartTargets=[{"kind": "Deployment", "name": "web"}])
    world.pod("files", {"secret": {"secretName": "ci"}})
    world.wait_for(
        "web",
        lambda found: "githubtoken.dev/restarted-for" in (found["metadata"].get("annotations") or {}),
        kind="Deployment",
    )
    chain = walked(githubtoken)
    installation = f"Installation {world.account}"
    assert list(chain) == [
        "GitHubToken ci", "GitHubApp acme", key_of(), installation, "Secret ci", "Pod files", "Deployment web"
    ]  # fmt: skip
    assert failed(chain) == []
    assert chain["GitHubApp acme"]["message"].startswith("Accepted: ")
    assert chain[key_of()]["message"].startswith("parses; fingerprint SHA256:")
    assert chain[installation]["message"].startswith(f"of {world.account}; grants contents: write")
    page = githubtoken("status", "ci").out
    assert "Chain:\n  STATE" in page
    world.data("ci")
    assert find_secrets(page + json.dumps(chain), world.canaries) == []


def lose_the_app(world: World) -> None:
    world.delete("GitHubApp", "acme")


def lose_the_key(world: World) -> None:
    world.delete("Secret", "acme-app")


def rename_the_key(world: World) -> None:
    world.patch("acme-app", {"data": {"private-key.pem": None}}, kind="Secret")


def spoil_the_key(world: World) -> None:
    world.secret_key("acme-app", "private-key.pem", "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n")


def replace_the_key(world: World) -> None:
    world.secret_key("acme-app", "private-key.pem", pem())


@pytest.mark.parametrize(
    ("damage", "reason", "broken"),
    [
        (lose_the_app, "AppNotFound", ("GitHubApp acme", "AppNotFound: there is no GitHubApp `acme`")),
        (lose_the_key, "PrivateKeyMissing", (key_of(), "PrivateKeyMissing: ")),
        (rename_the_key, "PrivateKeyMissing", (key_of(), "the Secret has no key `private-key.pem` (it has ")),
        (spoil_the_key, "PrivateKeyInvalid", (key_of(), "must be an RSA private key, but it is a certificate")),
        (replace_the_key, "AuthenticationFailed", ("GitHubApp acme", "AuthenticationFailed: ")),
    ],
)
def test_a_broken_link_is_told_where_it_is(
    world: World, githubtoken: Commands, damage: Callable[[World], None], reason: str, broken: tuple[str, str]
) -> None:
    link, says = broken
    world.app()
    damage(world)
    world.installation_token()
    world.wait_reason("ci", reason)
    chain = walked(githubtoken)
    assert link in failed(chain)
    assert chain[link]["message"].startswith(says)
    assert "GitHubToken ci" in failed(chain)


def test_an_installation_that_does_not_grant_it_is_told_there(world: World, githubtoken: Commands) -> None:
    world.app()
    world.installation_token("ci", permissions={"issues": "write"})
    world.wait_reason("ci", "PermissionsNotGranted")
    chain = walked(githubtoken)
    assert [name for name in failed(chain) if not name.startswith(("GitHubToken", "Secret"))] == [
        f"Installation {world.account}"
    ]
    assert states(chain)["GitHubApp acme"] == states(chain)[key_of()] == "ok"


def test_a_secret_of_somebody_else_is_told_at_the_secret(world: World, githubtoken: Commands) -> None:
    world.app()
    world.secret("ci", {"mine": "yes"})
    world.installation_token()
    world.wait_reason("ci", "SecretConflict")
    chain = walked(githubtoken)
    assert failed(chain) == ["GitHubToken ci", "Secret ci"]
    assert "made by somebody else" in chain["Secret ci"]["message"]


def test_workloads_that_are_missing_and_pods_that_read_once_are_told(world: World, githubtoken: Commands) -> None:
    world.ready_token()
    world.change("ci", restartTargets=[{"kind": "StatefulSet", "name": "gone"}])
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "ci", "key": "token"}}}]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "once"},
        "spec": {"nodeName": "nowhere", "containers": [{"name": "main", "image": "example.com/main", "env": env}]},
    }
    world.cluster.create(pod, world.namespace)
    chain = walked(githubtoken)
    assert (chain["StatefulSet gone"]["state"], chain["StatefulSet gone"]["message"]) == ("failed", "is not there")
    assert (chain["Pod once"]["state"], "restartTargets" in chain["Pod once"]["advice"]) == ("warning", True)


def test_a_users_token_is_followed_from_seed_to_credential(world: World, githubtoken: Commands) -> None:
    app = world.app()
    world.user_token("alice", seed=world.sign_in(app))
    world.wait_ready("alice")
    chain = walked(githubtoken, "alice")
    assert failed(chain) == []
    assert chain["Credential Secret alice-credential"]["message"].startswith("is there; the sign-in ends in 18")
    assert states(chain)["Client secret client-secret in Secret acme-app"] == "ok"
    assert states(chain)["Seed refresh_token in Secret alice-seed"] == "ok"
    world.data("alice-credential")
    assert find_secrets(json.dumps(chain), world.canaries) == []


def test_a_clusters_app_is_followed_into_the_operators_namespace(world: World, githubtoken: Commands) -> None:
    app = world.register()
    world.install(app)
    name = world.cluster_app(app, allowedNamespaces={"from": "All"})
    ref = {"kind": "ClusterGitHubApp", "name": name}
    world.token("ci", {"appRef": ref, "installation": {"owner": world.account}})
    world.wait_ready()
    assert states(walked(githubtoken))[key_of(f"{name}-app")] == "ok"


def test_a_viewer_sees_all_but_the_secrets_and_where_the_chain_ends(world: World) -> None:
    world.ready_token()
    account = world.cluster.control_plane.service_account_kubeconfig("viewer", namespace=world.namespace, rules=VIEWER)
    viewer = Commands(account, world.namespace)
    chain = walked(viewer)
    unknown = [name for name, state in states(chain).items() if state == "unknown"]
    assert (failed(chain), unknown) == ([], [key_of(), "Secret ci"])
    assert 'cannot get resource "secrets"' in chain[key_of()]["message"]
    assert chain["Secret ci"]["message"].endswith("status says that it has revision 1")
    spoil_the_key(world)
    world.annotate("ci", refresh_requested_at="now")
    world.wait_failing()
    world.wait_reason("acme", "PrivateKeyInvalid", kind="GitHubApp")
    assert states(walked(viewer))["GitHubApp acme"] == "failed"


def test_somebody_who_may_read_only_the_githubtoken_is_told_so_in_each_place(world: World) -> None:
    name = world.cluster_app(world.register(), allowedNamespaces={"from": "Same"})
    ref = {"kind": "ClusterGitHubApp", "name": name}
    world.token("ci", {"appRef": ref, "installation": {"owner": world.account}})
    world.wait_reason("ci", "AppNotAllowed")
    rules = [{"apiGroups": ["githubtoken.dev"], "resources": ["githubtokens"], "verbs": ["get"]}]
    account = world.cluster.control_plane.service_account_kubeconfig("eve", namespace=world.namespace, rules=rules)
    chain = walked(Commands(account, world.namespace))
    assert states(chain)["Pods"] == states(chain)["Secret ci"] == "unknown"
    # Nothing of the App is shown, and yet it is seen that it is the App.
    assert chain[f"ClusterGitHubApp {name}"]["message"].startswith("AppNotAllowed: ")
