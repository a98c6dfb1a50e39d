"""`githubtoken list`, `status`, `refresh` and `login` against the API server and a running operator."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.integration.operator.command_line import BIN, Commands, Ended

if TYPE_CHECKING:
    from localcluster import Binaries, ControlPlane
    from tests.integration.operator.stage.world import World

READ_TOKENS = {"apiGroups": ["githubtoken.dev"], "resources": ["githubtokens"], "verbs": ["get", "list"]}


@pytest.fixture
def githubtoken(world: World) -> Commands:
    return Commands(world.cluster.control_plane.kubeconfig, world.namespace)


@pytest.fixture
def anywhere(world: World) -> Commands:
    """Without a namespace: the context's counts."""
    return Commands(world.cluster.control_plane.kubeconfig)


def two_tokens(world: World) -> None:
    """`ci` and `deploy`, which has the label `team=web`."""
    world.app()
    world.installation_token("ci", secret={"name": "ci-secret"})
    world.installation_token("deploy")
    world.patch("deploy", {"metadata": {"labels": {"team": "web"}}})
    world.wait_ready("ci")
    world.wait_ready("deploy")


def names(table: Ended) -> list[str]:
    assert table.code == 0, table.err
    return [line.split()[0] for line in table.out.splitlines()[1:]]


# --- list and status -------------------------------------------------------------------------------------------------


def test_a_list_shows_what_was_asked_for(world: World, githubtoken: Commands, anywhere: Commands) -> None:
    two_tokens(world)
    shown = githubtoken("list")
    assert names(shown) == ["ci", "deploy"]
    heading, row = shown.out.splitlines()[:2]
    assert heading.split() == ["NAME", "READY", "REASON", "KIND", "SECRET", "EXPIRES", "RENEWS"]
    expires = world.status("ci")["expirationTime"]
    assert row.split()[:5] == ["ci", "True", "Fresh", "Installation", "ci-secret"]
    assert f"({expires})" in row
    assert names(githubtoken("list", "-l", "team=web")) == ["deploy"]
    everywhere = anywhere("list", "-A")
    assert everywhere.out.startswith("NAMESPACE ")
    assert [world.namespace, "deploy"] in [line.split()[:2] for line in everywhere.out.splitlines()]


def test_a_list_for_programs_is_the_same_as_json_and_as_yaml(world: World, githubtoken: Commands) -> None:
    two_tokens(world)
    as_json = json.loads(githubtoken("list", "-o", "json").out)
    assert as_json == yaml.safe_load(githubtoken("list", "-o", "yaml").out)
    assert [item["metadata"]["name"] for item in as_json["items"]] == ["ci", "deploy"]
    first = as_json["items"][0]
    assert (first["apiVersion"], first["kind"]) == ("githubtoken.dev/v1alpha1", "GitHubToken")
    assert first["status"] == world.status("ci")


def test_credential_secrets_that_were_left_are_shown_and_counted(
    world: World, githubtoken: Commands, anywhere: Commands, tmp_path: Path
) -> None:
    app = world.app()
    world.user_token("alice", seed=world.sign_in(app))
    world.user_token("bob", seed=world.sign_in(app, "bob"))
    for name in ("alice", "bob"):
        world.wait_ready(name)
    assert "There is no orphaned credential Secret in the namespace" in githubtoken("list", "--orphans").err
    world.delete("GitHubToken", "alice")
    world.wait_for("alice", lambda found: not found)
    world.wait_until(lambda: orphaned(world) >= 1, "the gauge")
    shown = githubtoken("list", "--orphans")
    assert names(shown) == ["alice-credential"]
    assert "in 18" in shown.out, "six months"
    assert "kubectl delete secret" in shown.err
    (item,) = json.loads(githubtoken("list", "--orphans", "-o", "json").out)["items"]
    assert item["githubToken"] == "alice"
    assert yaml.safe_load(githubtoken("list", "--orphans", "-o", "yaml").out)["items"] == [item]
    assert "data" not in item
    assert world.namespace in anywhere("list", "--orphans", "-A").out
    viewer = Commands(
        world.cluster.control_plane.service_account_kubeconfig("viewer", cluster_rules=[READ_TOKENS]), world.namespace
    )
    assert "by listing Secrets in the namespace" in viewer("list", "--orphans").complaint
    world.user_token("alice")
    world.wait_ready("alice")
    assert githubtoken("list", "--orphans").out == ""


def orphaned(world: World) -> float:
    """The gauge; other tests' namespaces leave some too."""
    lines = [line for line in world.operator.metrics().splitlines() if line.startswith("githubtoken_orphaned")]
    return float(lines[0].split()[1])


def test_an_empty_list_is_told_apart_from_its_output(githubtoken: Commands, world: World) -> None:
    ended = githubtoken("list")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == f"There is no GitHubToken in the namespace `{world.namespace}`.\n"


def test_status_shows_all_of_a_token_but_what_is_secret(world: World, githubtoken: Commands) -> None:
    two_tokens(world)
    page, whole = githubtoken("status", "ci"), githubtoken("status", "ci", "-o", "json")
    lines = [" ".join(line.split()) for line in page.out.splitlines()]
    assert "Secret: ci-secret (Opaque, revision 1)" in lines
    assert "Keys: created, expires_at, expires_in, token, type" in lines
    assert f"Account: {world.account}" in lines
    assert any("Normal Fresh token valid until" in line for line in lines)
    document = json.loads(whole.out)
    assert document["status"] == world.status("ci")
    keys = ["created", "expires_at", "expires_in", "token", "type"]
    assert document["secret"] == {"exists": True, "type": "Opaque", "keys": keys, "revision": "1"}
    assert [event["reason"] for event in document["events"]] == ["Fresh"]
    stored = world.data("ci-secret")["token"]
    assert stored not in page.out + whole.out


def test_a_token_that_is_not_ready_is_no_error_unless_that_is_asked_for(world: World, githubtoken: Commands) -> None:
    world.installation_token("ci")
    world.wait_reason("ci", "AppNotFound")
    page = githubtoken("status", "ci")
    assert page.code == 0
    assert "NeedsHuman" in page.out
    assert "ci (is not there)" in page.out
    assert githubtoken("status", "ci", "--exit-code").code == 3


# --- refresh ---------------------------------------------------------------------------------------------------------


def test_a_refresh_by_name_is_waited_for(world: World, githubtoken: Commands) -> None:
    two_tokens(world)
    ended = githubtoken("refresh", "ci", "--wait")
    assert ended.code == 0, ended.err
    expires = world.status("ci")["expirationTime"]
    assert ended.out.startswith(f"{world.namespace}/ci: refreshed, revision 2, expires in ")
    assert ended.out.endswith(f" ({expires})\n")
    assert ended.err in {"", f"waiting for {world.namespace}/ci to be refreshed\n"}
    assert world.status("deploy")["revision"] == 1


def test_a_refresh_by_selector_or_of_all_takes_those_and_no_others(world: World, githubtoken: Commands) -> None:
    two_tokens(world)
    assert githubtoken("refresh", "-l", "team=web").out == f"{world.namespace}/deploy: refresh requested\n"
    world.wait_ready("deploy", revision=2)
    assert world.status("ci")["revision"] == 1
    ended = githubtoken("refresh", "--all", "--wait")
    assert ended.code == 0, ended.err
    assert sorted(line.split(",")[1] for line in ended.out.splitlines()) == [" revision 2", " revision 3"]


def test_a_refresh_that_fails_says_why(world: World, githubtoken: Commands) -> None:
    two_tokens(world)
    world.github.fail("mint", times=None, status=500)
    ended = githubtoken("refresh", "ci", "--wait")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines()[-1].startswith(f"{world.namespace}/ci: not refreshed: Fresh: token valid until ")
    assert "; refresh failing: " in ended.err


def test_a_refresh_of_several_goes_on_after_one_that_cannot_be(world: World, githubtoken: Commands) -> None:
    two_tokens(world)
    world.change("deploy", suspend=True)
    ended = githubtoken("refresh", "nope", "deploy", "ci", "--wait")
    assert ended.code == 1
    assert ended.out.startswith(f"{world.namespace}/ci: refreshed, revision 2, ")
    assert f"{world.namespace}/nope: not requested: there is no such GitHubToken" in ended.err
    assert f"{world.namespace}/deploy: not refreshed: it is suspended" in ended.err


def test_a_refresh_that_does_not_come_says_what_is_missing(world: World, githubtoken: Commands) -> None:
    app = world.ready_token()
    world.github.fail("mint", app=app, status=429, headers={"Retry-After": "600"})
    githubtoken("refresh", "ci")
    world.wait_failing()
    ended = githubtoken("refresh", "ci", "--wait", "--timeout", "2s")
    assert ended.code == 1
    last = ended.err.splitlines()[-1]
    assert last.startswith(f"{world.namespace}/ci: not refreshed within 2s: the operator has not acted on the request")
    assert "; refresh failing: " in last


# --- which cluster, as whom, where -----------------------------------------------------------------------------------


def test_kubectl_runs_it_as_a_plugin(world: World, binaries: Binaries, githubtoken: Commands) -> None:
    two_tokens(world)
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    assert names(githubtoken.run(str(binaries.kubectl), "githubtoken", "list", PATH=path)) == ["ci", "deploy"]
    nothing = githubtoken.run(str(binaries.kubectl), "githubtoken", "status", "nope", PATH=path)
    assert nothing.complaint == f"Error: there is no GitHubToken `nope` in the namespace `{world.namespace}`"


def test_the_namespace_is_that_of_the_context(world: World, tmp_path: Path) -> None:
    two_tokens(world)
    config = json.loads(world.cluster.control_plane.kubeconfig.read_text())
    config["contexts"].append(
        {"name": "here", "context": {**config["contexts"][0]["context"], "namespace": world.namespace}}
    )
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    run = Commands(kubeconfig)
    assert "in the namespace `default`" in run("list").err
    assert names(run("list", "--context", "here")) == ["ci", "deploy"]
    elsewhere = Commands(tmp_path / "absent")
    assert names(elsewhere("list", "--kubeconfig", str(kubeconfig), "--context", "here")) == ["ci", "deploy"]
    assert run("list", "--context", "nope").complaint.endswith("has no context `nope` (there are: `here`, `local`)")


def test_an_api_server_that_does_not_answer_or_does_not_know_us_is_one_line(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    text = control_plane.kubeconfig.read_text()
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(text.replace(control_plane.server, "https://127.0.0.1:1"))
    assert "the API server cannot be reached at https://127.0.0.1:1" in Commands(kubeconfig)("list").complaint
    kubeconfig.write_text(text.replace(control_plane.token, "unknown"))
    assert "does not accept your credentials" in Commands(kubeconfig)("list").complaint


def test_a_right_that_is_missing_is_named(world: World, control_plane: ControlPlane) -> None:
    two_tokens(world)
    kubeconfig = control_plane.service_account_kubeconfig("eve", namespace=world.namespace)
    run = Commands(kubeconfig)
    assert 'cannot list resource "githubtokens"' in run("list").complaint
    assert 'cannot get resource "githubtokens"' in run("status", "ci").complaint
    assert 'cannot patch resource "githubtokens"' in run("refresh", "ci").complaint
    control_plane.service_account_kubeconfig("eve", namespace=world.namespace, rules=[READ_TOKENS])
    page = run("status", "ci")
    assert page.code == 0, page.err
    assert 'cannot get resource "secrets"' in page.out
    assert 'cannot list resource "events"' in page.out


def test_what_is_not_there_or_cannot_be_read_is_one_line(githubtoken: Commands, world: World) -> None:
    there_is_none = f"Error: there is no GitHubToken `nope` in the namespace `{world.namespace}`"
    assert githubtoken("status", "nope").complaint == there_is_none
    assert githubtoken("login", "nope").complaint == there_is_none
    assert githubtoken("list", "-l", "==").complaint.startswith("Error: the selector `==` cannot be read: ")
