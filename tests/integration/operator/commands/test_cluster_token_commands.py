"""`githubtoken` on ClusterGitHubTokens: all of them, one of them, one as a namespace has it, and a refresh."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.operator.command_line import Commands
from tests.integration.operator.stage.belongings import OPERATOR_NAMESPACE
from tests.integration.operator.tokens.spread.test_cluster_tokens import KIND, fleet_of

if TYPE_CHECKING:
    from tests.integration.operator.stage.cluster import Object
    from tests.integration.operator.stage.world import World

HOME = ("--operator-namespace", OPERATOR_NAMESPACE)


@pytest.fixture
def githubtoken(world: World) -> Commands:
    return Commands(world.cluster.control_plane.kubeconfig)


def chain(githubtoken: Commands, *arguments: str) -> dict[str, Object]:
    ended = githubtoken("status", "--cluster", *HOME, "-o", "json", *arguments)
    assert ended.code == 0, ended.err
    return {link["name"]: link for link in json.loads(ended.out)["chain"]}


def test_a_list_has_how_many_namespaces_have_it(world: World, githubtoken: Commands) -> None:
    fleet = fleet_of(world)
    fleet.wait_token(fleet.namespace("a"), fleet.namespace("b"))
    fleet.wait_distributed(summary="2/2")
    shown = githubtoken("list", "--cluster")
    assert "NAMESPACES" in shown.out.splitlines()[0]
    (line,) = (line for line in shown.out.splitlines() if line.startswith(fleet.name))
    assert "2/2" in line.split()
    listed = json.loads(githubtoken("list", "--cluster", "-o", "json").out)["items"]
    assert fleet.name in {item["metadata"]["name"] for item in listed}


def test_status_walks_the_chain_and_names_the_namespaces_that_lack_it(world: World, githubtoken: Commands) -> None:
    fleet = fleet_of(world)
    has, lacks = fleet.namespace("a"), fleet.namespace("b", ci=False)
    world.secret("pull", {"token": "somebody-elses"}, namespace=lacks)
    fleet.wait_token(has)
    fleet.label(lacks, ci="true")
    fleet.wait_distributed("False", summary="1/2")
    whole = chain(githubtoken, fleet.name)
    assert whole[f"ClusterGitHubToken {fleet.name}"]["state"] == "ok"
    assert whole[f"ClusterGitHubApp {fleet.app}"]["state"] == "ok"
    assert whole["Namespaces"]["state"] == "failed"
    assert f"{lacks}: SecretConflict" in whole["Namespaces"]["message"]
    assert not any(name.startswith("Secret") for name in whole)
    there, away = (chain(githubtoken, fleet.name, "-n", where) for where in (has, lacks))
    assert there[f"Secret pull in {has}"]["state"] == "ok"
    assert away[f"Secret pull in {lacks}"]["message"] == "was not written for this ClusterGitHubToken"
    page = githubtoken("status", "--cluster", *HOME, fleet.name)
    assert "Namespaces:" in page.out
    assert "somebody-elses" not in page.out


def test_the_credential_of_one_that_lives_is_no_orphan(world: World, githubtoken: Commands) -> None:
    app = world.register()
    cluster_app = world.cluster_app(app, allowedNamespaces={"from": "All"})
    name = f"pull-{world.namespace}"
    world.secret(f"{name}-seed", {"refresh_token": world.sign_in(app)}, namespace=OPERATOR_NAMESPACE)
    user = {"seedSecretRef": {"name": f"{name}-seed"}}
    spec = {"appRef": {"name": cluster_app}, "user": user, "namespaces": {"names": [world.namespace]}}
    world.cluster_token(spec, name)
    world.wait_ready(name, kind="ClusterGitHubToken")
    shown = githubtoken("list", "--orphans", "-n", OPERATOR_NAMESPACE)
    assert f"{name}-credential" not in shown.out
    found = chain(githubtoken, name)
    assert found[f"Credential Secret {name}-credential"]["state"] == "ok"
    world.cluster.delete("Secret", OPERATOR_NAMESPACE, f"{name}-seed")


def test_a_refresh_by_name_or_by_label_is_waited_for(world: World, githubtoken: Commands) -> None:
    fleet = fleet_of(world)
    namespaces = [fleet.namespace(suffix) for suffix in "ab"]
    first = fleet.wait_token(*namespaces)
    world.cluster.patch(KIND, "", fleet.name, {"metadata": {"labels": {"test": world.namespace}}})
    assert githubtoken("refresh", "--cluster", fleet.name).out == f"{fleet.name}: refresh requested\n"
    world.wait_ready(fleet.name, kind=KIND, revision=2)
    ended = githubtoken("refresh", "--cluster", "-l", f"test={world.namespace}", "--wait")
    assert ended.code == 0, ended.err
    assert ended.out.startswith(f"{fleet.name}: refreshed, revision 3, expires in ")
    assert fleet.wait_token(*namespaces) != first
    assert fleet.mints == 3


def test_what_is_not_there_and_what_goes_with_nothing(githubtoken: Commands) -> None:
    assert githubtoken("status", "--cluster", "nope").complaint == "Error: there is no ClusterGitHubToken `nope`"
    ended = githubtoken("refresh", "--cluster", "nope")
    assert (ended.code, ended.err) == (1, "nope: not requested: there is no such ClusterGitHubToken\n")
    none = githubtoken("refresh", "--cluster", "-l", "no=such")
    assert (none.code, none.err) == (0, "There is no ClusterGitHubToken that matches `no=such`.\n")
    assert githubtoken("login", "--cluster", "nope").complaint == "Error: there is no ClusterGitHubToken `nope`"
    assert githubtoken("login", "--cluster", "nope", "-n", "demo").code == 2
    assert githubtoken("refresh", "--cluster", "nope", "-n", "demo").code == 2
    assert githubtoken("list", "--cluster", "-A").code == 2
    assert "There is no ClusterGitHubToken that matches" in githubtoken("list", "--cluster", "-l", "no=such").err


def test_a_plan_of_all_namespaces_counts_them_with_the_tokens_of_their_app(world: World, githubtoken: Commands) -> None:
    fleet = fleet_of(world)
    fleet.wait_token(fleet.namespace("a"))
    source = {"appRef": {"kind": "ClusterGitHubApp", "name": fleet.app}, "installation": {"owner": world.account}}
    world.token("beside", source)
    world.wait_ready("beside")
    found = json.loads(githubtoken("plan", "-A", "-o", "json").out)["apps"]
    counted = {app["app"]: app["tokens"] for app in found}
    assert counted[f"ClusterGitHubApp {fleet.app}"] == 2
    alone = json.loads(Commands(githubtoken.kubeconfig, world.namespace)("plan", "-o", "json").out)["apps"]
    assert [(app["app"], app["tokens"]) for app in alone] == [(f"ClusterGitHubApp {fleet.app}", 1)]


def test_a_plan_says_what_it_may_not_count(world: World, githubtoken: Commands) -> None:
    may_list = {"apiGroups": ["githubtoken.dev"], "resources": ["githubtokens"], "verbs": ["list"]}
    plane = world.cluster.control_plane
    account = plane.service_account_kubeconfig("planner", namespace=world.namespace, cluster_rules=[may_list])
    world.app()
    world.installation_token()
    ended = Commands(account)("plan", "-A")
    assert ended.code == 0
    assert ended.err.startswith("ClusterGitHubTokens are not counted: ")
    assert f"GitHubApp {world.namespace}/acme" in ended.out
