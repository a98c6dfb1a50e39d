"""`githubtoken migrate`: what it prints is accepted, and with what `--adopt` prints a Secret is taken over."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration.operator.command_line import Commands
from tests.integration.standins import know, standin_crds
from tests.unit.commands.migrate import manifests

if TYPE_CHECKING:
    from github_simulator.control_client import App, Installation
    from localcluster import Binaries
    from tests.integration.operator.stage.world import World


@pytest.fixture
def githubtoken(world: World) -> Commands:
    """With an API server that takes the rivals' objects."""
    plane = world.cluster.control_plane
    know(plane, standin_crds("external-secrets.io", "v1", "ExternalSecret"))
    know(plane, standin_crds("generators.external-secrets.io", "v1alpha1", "GithubAccessToken"))
    know(plane, standin_crds("github.as-code.io", "v1", "App", "Token"))
    know(plane, standin_crds("github.as-code.io", "v1", "ClusterToken", scope="Cluster"))
    return Commands(plane.kubeconfig, world.namespace)


def there(world: World, *bodies: dict[str, Any]) -> None:
    """Makes objects of rivals in the test's namespace."""
    for body in bodies:
        if "namespace" in body["metadata"]:
            body["metadata"]["namespace"] = world.namespace
    text = yaml.safe_dump_all(bodies)
    world.cluster.control_plane.kubectl("apply", "--filename=-", stdin=text)


def apply(world: World, text: str, *options: str) -> None:
    world.cluster.control_plane.kubectl("apply", "--filename=-", "--validate=strict", *options, stdin=text)


def theirs(world: World, kind: str, name: str, *, secret_type: str, version: str) -> dict[str, Any]:
    """A rival's Secret with a token, as its controller would leave it; returns it."""
    plane = world.cluster.control_plane
    owner = json.loads(plane.kubectl("get", kind, name, f"--namespace={world.namespace}", "--output=json"))
    reference = {
        "apiVersion": version,
        "kind": owner["kind"],
        "name": name,
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    meta = {"name": "ci", "ownerReferences": [reference]}
    data = {"token": "dGhlaXJz"}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": secret_type, "data": data}
    return world.cluster.create(body, world.namespace)


def run_as_printed(world: World, binaries: Binaries, text: str) -> None:
    """Runs the commands in a shell, as somebody would who pasted them."""
    path = f"{Path(binaries.kubectl).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(world.cluster.control_plane.kubeconfig)}
    ended = subprocess.run(
        ["bash", "-euc", text], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_what_is_printed_of_either_operator_is_accepted(world: World, githubtoken: Commands) -> None:
    template = {
        "type": "kubernetes.io/basic-auth",
        "metadata": {"labels": {"team": "web"}},
        "data": {
            "username": "git",
            "password": "{{ .token }}",
            "remote": "https://x:{{ .token }}@github.com",
            "url": "x",
        },
    }
    there(
        world,
        manifests.generator("eso", repositories=["website"], permissions={"contents": "read"}),
        manifests.external_secret("eso-ci", of="eso", target={"name": "eso-token", "template": template}),
        manifests.app("gtm"),
        manifests.manager("Token", "gtm-ci", "-", appRef={"name": "gtm"}, secret={"basicAuth": True}),
        manifests.manager("Token", "gtm-own", "-", repositoryIDs=[1, 2]),
    )
    ended = githubtoken("migrate")
    assert ended.code == 0, ended.err
    printed = list(yaml.safe_load_all(ended.out))
    assert sorted(f"{body['kind']} {body['metadata']['name']}" for body in printed) == [
        "GitHubApp eso", "GitHubApp github-app", "GitHubApp gtm",
        "GitHubToken eso-ci", "GitHubToken gtm-ci", "GitHubToken gtm-own",
    ]  # fmt: skip
    apply(world, ended.out, "--dry-run=server")
    across = manifests.manager("ClusterToken", "all", appRef={"name": "a", "namespace": "b"}, secret={"namespace": "c"})
    # A file says for itself in which namespaces its objects are.
    anywhere = replace(githubtoken, namespace="")
    given = anywhere.run_with_input("migrate", "-f", "-", given=yaml.safe_dump(across))
    assert given.code == 0, given.err
    (app,) = (body for body in yaml.safe_load_all(given.out) if body["kind"] == "ClusterGitHubApp")
    apply(world, yaml.safe_dump(app), "--dry-run=server")


def installed_elsewhere(world: World) -> tuple[App, Installation]:
    """An App, and an installation of it on an account that is not the test's own."""
    app = world.app("acme")
    account, granted = f"other-{world.namespace}", {"contents": "read"}
    return app, world.github.install(app, account, repositories=["website"], permissions=granted)


def move_over(world: World, githubtoken: Commands, binaries: Binaries) -> None:
    """Applies the GitHubToken that `migrate` prints, and gives it the Secret as `--adopt` says."""
    made = [body for body in yaml.safe_load_all(githubtoken("migrate").out) if body["kind"] == "GitHubToken"]
    apply(world, yaml.safe_dump_all(made))
    world.wait_reason("ci", "SecretConflict")
    run_as_printed(world, binaries, githubtoken("migrate", "--adopt").out)
    world.wait_ready()


def test_an_external_secrets_secret_is_taken_over_in_place(
    world: World, githubtoken: Commands, binaries: Binaries
) -> None:
    app, installation = installed_elsewhere(world)
    spec: dict[str, Any] = {
        "appID": str(app.id),
        "installID": str(installation.id),
        "permissions": {"contents": "read"},
    }
    there(
        world, manifests.generator("acme", **spec), manifests.external_secret("ci", target={"creationPolicy": "Owner"})
    )
    before = theirs(world, "externalsecret", "ci", secret_type="Opaque", version="external-secrets.io/v1")
    move_over(world, githubtoken, binaries)
    after = world.found("ci", kind="Secret")
    assert after["metadata"]["uid"] == before["metadata"]["uid"], "it was never away"
    assert world.data("ci")["token"].startswith("ghs_")
    assert "ownerReferences" not in after["metadata"]


def test_a_token_managers_secret_is_made_anew_under_its_name(
    world: World, githubtoken: Commands, binaries: Binaries
) -> None:
    app, installation = installed_elsewhere(world)
    theirs_app = manifests.app("acme", appID=app.id, installationID=installation.id)
    there(world, theirs_app, manifests.manager("Token", "ci", "-", appRef={"name": "acme"}))
    theirs(
        world, "token.github.as-code.io", "ci", secret_type="github.as-code.io/token", version="github.as-code.io/v1"
    )
    move_over(world, githubtoken, binaries)
    assert world.found("ci", kind="Secret")["type"] == "Opaque"
    assert world.data("ci")["token"].startswith("ghs_")


def test_without_rivals_there_is_nothing_and_without_rights_that_is_told(world: World) -> None:
    empty = Commands(world.cluster.control_plane.kubeconfig, world.namespace)("migrate")
    assert (empty.code, empty.out) == (0, "")
    account = world.cluster.control_plane.service_account_kubeconfig("eve", namespace=world.namespace)
    ended = Commands(account, world.namespace)("migrate")
    assert ended.code in {0, 1}
    assert ended.code == 0 or "cannot list resource" in ended.complaint
