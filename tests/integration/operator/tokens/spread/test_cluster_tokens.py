"""ClusterGitHubTokens on the real API server: one token, a Secret in each of many namespaces."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from github_simulator.control_client import sha256
from tests.integration.operator.command_line import Commands
from tests.integration.operator.stage.belongings import OPERATOR_NAMESPACE
from tests.integration.operator.stage.conditions import conditions_of, ready_of
from tests.integration.operator.stage.policies import denied

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.integration.operator.stage.cluster import Object
    from tests.integration.operator.stage.world import World

KIND = "ClusterGitHubToken"
SECRET = "pull"
NAME = "githubtoken.dev/cluster-name"
ALL: Object = {"from": "All"}


@dataclass
class Fleet:
    """A ClusterGitHubToken for the namespaces of one test that have the label `ci`."""

    world: World
    app: str
    name: str

    def namespace(self, suffix: str, *, ci: bool = True) -> str:
        return self.world.another_namespace(suffix, **({"ci": "true"} if ci else {}))

    def label(self, namespace: str, **labels: str | None) -> None:
        self.world.cluster.patch("Namespace", "", namespace, {"metadata": {"labels": labels}})

    def token(self, namespace: str, name: str = SECRET) -> str | None:
        return self.world.data_in(namespace, name).get("token")

    def secret(self, namespace: str, name: str = SECRET) -> Object | None:
        return self.world.cluster.get("Secret", namespace, name)

    def wait_token(self, *namespaces: str, name: str = SECRET) -> str:
        """The one token that all of them have in the end."""
        tokens: set[str | None] = set()

        def same() -> bool:
            nonlocal tokens
            tokens = {self.token(namespace, name) for namespace in namespaces}
            return len(tokens) == 1 and None not in tokens

        self.world.wait_until(same, "the token everywhere")
        return str(next(iter(tokens)))

    def wait_gone(self, namespace: str) -> None:
        self.world.wait_until(lambda: self.secret(namespace) is None, f"the end of the Secret in {namespace}")

    @property
    def status(self) -> Object:
        return self.world.status(self.name, kind=KIND)

    def wait_distributed(self, status: str = "True", summary: str | None = None) -> Object:
        """Status once `Distributed` is that, and counts are."""

        def right(found: Object) -> bool:
            told = {each["type"]: each["status"] for each in found.get("status", {}).get("conditions", ())}
            counts = found.get("status", {}).get("namespaces", {})
            return told.get("Distributed") == status and summary in {None, counts.get("summary")}

        found: Object = self.world.wait_for(self.name, right, kind=KIND)["status"]
        return found

    @property
    def mints(self) -> int:
        return len(self.world.requests("mint"))


def by_label(world: World) -> Object:
    return {"selector": {"matchLabels": {"test": world.namespace, "ci": "true"}}}


def fleet_of(world: World, *, allowed: Object | None = None, **spec: Any) -> Fleet:  # noqa: ANN401 - fields of any kind
    """A ClusterGitHubToken of an installation's token, whose App admits all namespaces."""
    app = world.register(**spec.pop("github", {}))
    world.install(app)
    cluster_app = world.cluster_app(app, allowedNamespaces=allowed or ALL)
    secret = {"name": SECRET, **spec.pop("secret", {})}
    whole = {"namespaces": by_label(world), "secret": secret, "installation": {"owner": world.account}, **spec}
    return Fleet(world, cluster_app, world.cluster_token({"appRef": {"name": cluster_app}, **whole}))


def undeletable(world: World, namespace: str, *, whom: str = "") -> AbstractContextManager[None]:
    """A policy of somebody's that refuses everybody the deletion of Secrets there, or those whose names have `whom`."""
    there, name = f"request.namespace == '{namespace}'", f"request.userInfo.username.contains('{whom}')"
    return denied(world, "DELETE", "nothing is deleted here", there=there, name=name)


def test_every_namespace_with_the_label_has_the_one_token(world: World) -> None:
    namespaces = [world.another_namespace(suffix, ci="true") for suffix in "abc"]
    world.another_namespace("d")
    fleet = fleet_of(world)
    assert fleet.wait_token(*namespaces).startswith("ghs_")
    status = fleet.wait_distributed(summary="3/3")
    one, *others = (world.data_in(namespace, SECRET) for namespace in namespaces)
    assert one.keys() == {"token", "type", "created", "expires_at", "expires_in"}
    assert others == [one, one]
    assert status["namespaces"] == {"wanted": 3, "current": 3, "failed": 0, "summary": "3/3"}
    assert ready_of({"status": status}).reason == "Fresh"
    assert "failures" not in status
    assert fleet.mints == 1
    assert fleet.token(f"{world.namespace}-d") is None


def test_the_secret_says_where_it_comes_from(world: World) -> None:
    fleet = fleet_of(world)
    namespace = fleet.namespace("a")
    fleet.wait_token(namespace)
    secret = fleet.secret(namespace)
    assert secret is not None
    notes = secret["metadata"]["annotations"]
    assert notes[NAME] == fleet.name
    assert "githubtoken.dev/name" not in notes
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == (KIND, fleet.name, True)

    def told() -> list[Object]:
        return [event for event in world.cluster.list("Event", namespace) if event["reason"] == "Distributed"]

    world.wait_until(told, "the event")
    (event,) = told()
    assert event["involvedObject"]["kind"] == "Secret"
    assert f"ClusterGitHubToken `{fleet.name}`" in event["message"]


def test_a_namespace_comes_gets_the_label_loses_it_and_goes(world: World) -> None:
    fleet = fleet_of(world)
    first, later = fleet.namespace("a"), fleet.namespace("b", ci=False)
    token = fleet.wait_token(first)
    fleet.wait_distributed(summary="1/1")
    assert fleet.token(later) is None
    fleet.label(later, ci="true")
    assert fleet.wait_token(first, later) == token
    fleet.wait_distributed(summary="2/2")
    assert fleet.wait_token(fleet.namespace("c")) == token
    fleet.wait_distributed(summary="3/3")
    fleet.label(later, ci=None)
    fleet.wait_gone(later)
    world.cluster.delete("Namespace", "", first)
    fleet.wait_distributed(summary="1/1")
    assert fleet.mints == 1


def test_names_and_a_selector_count_together_and_a_name_may_come_later(world: World) -> None:
    named = f"{world.namespace}-named"
    fleet = fleet_of(world, namespaces={**by_label(world), "names": [named]})
    labelled = fleet.namespace("a")
    token = fleet.wait_token(labelled)
    status = fleet.wait_distributed("False", "1/2")
    assert [(each["namespace"], each["reason"]) for each in status["failures"]] == [(named, "NamespaceNotFound")]
    assert ready_of({"status": status}).status == "True"
    assert conditions_of({"status": status}) == {}
    assert fleet.namespace("named", ci=False) == named
    assert fleet.wait_token(named) == token
    assert "failures" not in fleet.wait_distributed(summary="2/2")
    assert fleet.mints == 1


def test_a_deleted_and_an_edited_secret_are_restored_without_asking_github(world: World) -> None:
    fleet = fleet_of(world)
    one, other = fleet.namespace("a"), fleet.namespace("b")
    token = fleet.wait_token(one, other)
    fleet.wait_distributed(summary="2/2")
    world.cluster.delete("Secret", one, SECRET)
    assert fleet.wait_token(one, other) == token
    world.cluster.patch("Secret", other, SECRET, {"data": {"token": "Zm9yZ2Vk"}, "metadata": {"labels": {"mine": "1"}}})
    assert fleet.wait_token(one, other) == token
    world.cluster.patch("Secret", other, SECRET, {"metadata": {"annotations": {NAME: None}}})
    world.cluster.patch("Secret", other, SECRET, {"metadata": {"labels": {"githubtoken.dev/role": None}}})

    def whole() -> bool:
        meta = (fleet.secret(other) or {}).get("metadata", {})
        told = meta.get("labels", {}).get("githubtoken.dev/role"), (meta.get("annotations") or {}).get(NAME)
        return told == ("token", fleet.name)

    world.wait_until(whole, "the label and the annotation")
    assert (fleet.secret(other) or {})["metadata"]["labels"]["mine"] == "1"
    assert len(world.requests("mint", "verify")) <= 2
    assert fleet.mints == 1


def test_a_foreign_secret_is_told_for_its_namespace_and_harms_no_other(world: World) -> None:
    mine, foreign = (world.another_namespace(suffix, ci="true") for suffix in "ab")
    world.secret(SECRET, {"password": "somebody's"}, namespace=foreign)
    fleet = fleet_of(world)
    token = fleet.wait_token(mine)
    status = fleet.wait_distributed("False", "1/2")
    assert ready_of({"status": status}).status == "True"
    assert conditions_of({"status": status}) == {}
    (failure,) = status["failures"]
    assert (failure["namespace"], failure["reason"]) == (foreign, "SecretConflict")
    assert "was made by somebody else" in failure["message"]
    assert world.data_in(foreign, SECRET) == {"password": "somebody's"}
    events = [event for event in world.cluster.list("Event", foreign) if event["reason"] == "SecretConflict"]
    assert [event["type"] for event in events] == ["Warning"]
    world.cluster.patch("Secret", foreign, SECRET, {"metadata": {"annotations": {"githubtoken.dev/adopt": "true"}}})
    world.wait_until(lambda: fleet.token(foreign) == token, "the adoption")
    secret = fleet.secret(foreign)
    assert secret is not None
    assert world.data_in(foreign, SECRET)["password"] == "somebody's"
    assert "ownerReferences" not in secret["metadata"]
    fleet.wait_distributed(summary="2/2")
    # What was handed over is given back when the namespace is not wanted any more.
    fleet.label(foreign, ci=None)
    world.wait_until(lambda: fleet.token(foreign) is None, "the end of the token there")
    assert world.data_in(foreign, SECRET) == {"password": "somebody's"}
    assert fleet.mints == 1


def test_what_one_namespace_refuses_is_its_own_failure_and_is_tried_again(world: World) -> None:
    mine, full = (world.another_namespace(suffix, ci="true") for suffix in "ab")
    hard = {"hard": {"count/secrets": "0"}}
    meta = {"name": "none", "namespace": full}
    world.cluster.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": hard}, full)
    world.cluster.patch("ResourceQuota", full, "none/status", {"status": {**hard, "used": {"count/secrets": "0"}}})
    fleet = fleet_of(world)
    token = fleet.wait_token(mine)
    status = fleet.wait_distributed("False", "1/2")
    (failure,) = status["failures"]
    assert (failure["namespace"], failure["reason"]) == (full, "MissingPermission")
    assert "exceeded quota" in failure["message"]
    assert ready_of({"status": status}).status == "True"
    world.cluster.delete("ResourceQuota", full, "none")
    # It would be tried again within a minute; the next token is tried at once.
    world.annotate(fleet.name, kind=KIND, refresh_requested_at="now")
    world.wait_ready(fleet.name, kind=KIND, revision=2)
    world.wait_until(lambda: fleet.token(full) == fleet.token(mine) != token, "the token where there is room now")


def test_a_githubtoken_that_was_there_first_keeps_its_secret(world: World) -> None:
    world.app()
    world.installation_token(SECRET)
    world.wait_ready(SECRET)
    own = world.data(SECRET)["token"]
    world.cluster.patch(
        "Namespace", "", world.namespace, {"metadata": {"labels": {"test": world.namespace, "ci": "true"}}}
    )
    fleet = fleet_of(world)
    other = fleet.namespace("a")
    fleet.wait_token(other)
    status = fleet.wait_distributed("False", "1/2")
    assert f"GitHubToken `{SECRET}`" in status["failures"][0]["message"]
    assert world.data(SECRET)["token"] == own
    world.delete("GitHubToken", SECRET)
    world.cluster.delete("Secret", world.namespace, SECRET)
    token = fleet.wait_token(other)
    world.wait_until(lambda: world.data(SECRET).get("token") == token, "the Secret that became free")


def test_the_apps_allowed_namespaces_hold_for_each(world: World) -> None:
    allowed = {"from": "Selector", "selector": {"matchLabels": {"github": "allowed"}}}
    fleet = fleet_of(world, allowed=allowed)
    mine = world.another_namespace("a", ci="true", github="allowed")
    denied = fleet.namespace("b")
    token = fleet.wait_token(mine)
    status = fleet.wait_distributed("False", "1/2")
    (failure,) = status["failures"]
    assert (failure["namespace"], failure["reason"]) == (denied, "AppNotAllowed")
    assert "`spec.allowedNamespaces`" in failure["message"]
    assert ready_of({"status": status}).status == "True"
    assert fleet.token(denied) is None
    fleet.label(denied, github="allowed")
    assert fleet.wait_token(mine, denied) == token
    fleet.wait_distributed(summary="2/2")
    fleet.label(mine, github=None)
    fleet.wait_gone(mine)
    world.change(fleet.app, kind="ClusterGitHubApp", allowedNamespaces={"from": "All", "selector": None})
    assert fleet.wait_token(mine, denied) == token
    assert fleet.mints == 1


def test_of_many_failures_status_tells_the_first_twenty(world: World) -> None:
    namespaces = [world.another_namespace(f"{number:02}", ci="true") for number in range(26)]
    for namespace in namespaces[:25]:
        world.secret(SECRET, {"x": "y"}, namespace=namespace)
    fleet = fleet_of(world)
    fleet.wait_token(namespaces[25])
    status = fleet.wait_distributed("False", "1/26")
    assert status["namespaces"]["failed"] == 25
    assert [each["namespace"] for each in status["failures"]] == namespaces[:20]
    assert ready_of({"status": status}).status == "True"


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_namespace_that_is_not_wanted_any_more_loses_the_secret_or_its_owner(world: World, policy: str) -> None:
    fleet = fleet_of(world, deletionPolicy=policy)
    namespace, other = fleet.namespace("a"), fleet.namespace("b")
    token = fleet.wait_token(namespace, other)
    fleet.label(namespace, ci=None)
    fleet.wait_distributed(summary="1/1")
    if policy == "Delete":
        fleet.wait_gone(namespace)
    else:
        world.settle()
        assert fleet.token(namespace) == token
        assert "ownerReferences" not in (fleet.secret(namespace) or {})["metadata"]
        # It is taken up again with the namespace.
        fleet.label(namespace, ci="true")
        fleet.wait_distributed(summary="2/2")
    assert fleet.mints == 1


def test_a_secret_that_may_not_be_taken_away_is_told_for_its_namespace_and_taken_when_it_may(world: World) -> None:
    fleet = fleet_of(world)
    namespace, other = fleet.namespace("a"), fleet.namespace("b")
    fleet.wait_token(namespace, other)
    with undeletable(world, namespace, whom="githubtoken"):
        fleet.label(namespace, ci=None)
        status = fleet.wait_distributed("False", "1/1")
        (failure,) = status["failures"]
        assert (failure["namespace"], failure["reason"]) == (namespace, "MissingPermission")
        assert "can still be read there" in failure["message"]
        assert ready_of({"status": status}).status == "True"
        tried = world.log().count(f"Secret {namespace}/{SECRET} is withdrawn later")
        world.settle(5)
        assert world.log().count(f"Secret {namespace}/{SECRET} is withdrawn later") == tried
    # It would be tried again within a minute; whatever happens to the object has it tried at once.
    world.annotate(fleet.name, kind=KIND, refresh_requested_at="now")
    fleet.wait_gone(namespace)
    fleet.wait_distributed(summary="1/1")


@pytest.mark.parametrize("policy", ["Delete", "Revoke"])
def test_a_namespace_that_refuses_the_end_of_its_secret_holds_up_no_other_and_is_told(
    world: World, policy: str
) -> None:
    fleet = fleet_of(world, deletionPolicy=policy)
    namespaces = [fleet.namespace(f"{number:02}") for number in range(12)]
    refusing, going = namespaces[5], namespaces[8]
    token = fleet.wait_token(*namespaces)
    with undeletable(world, refusing):
        world.cluster.delete("Namespace", "", going)
        world.cluster.delete(KIND, "", fleet.name)
        world.wait_until(lambda: [it for it in namespaces if fleet.secret(it)] == [refusing], "the end of the others")
        assert world.get(KIND, fleet.name) is None
        assert world.github.token_is_alive(sha256(token)) is (policy == "Delete")
        doctor = Commands(world.cluster.control_plane.kubeconfig)
        checks = json.loads(doctor("doctor", "-n", refusing, "--no-github", "-o", "json").out)["checks"]
        (told,) = (check for check in checks if check["name"] == "Leftovers")
        assert told["message"].endswith(f"{refusing}/{SECRET} of ClusterGitHubToken {fleet.name}")
        assert "kubectl delete secret" in told["advice"]
    # Kubernetes tries it again after ever longer pauses; here nobody waits for that.
    world.cluster.delete("Secret", refusing, SECRET)
    fleet.wait_gone(refusing)


def test_a_new_token_reaches_every_namespace(world: World) -> None:
    fleet = fleet_of(world)
    namespaces = [fleet.namespace(suffix) for suffix in "abcd"]
    before = fleet.wait_token(*namespaces)
    fleet.wait_distributed(summary="4/4")
    world.annotate(fleet.name, kind=KIND, refresh_requested_at="now")
    world.wait_ready(fleet.name, kind=KIND, revision=2)
    assert fleet.wait_token(*namespaces) != before
    assert fleet.wait_distributed(summary="4/4")["revision"] == 2
    assert fleet.mints == 2


def test_a_human_s_token_is_read_in_the_operators_namespace_and_given_to_all(world: World) -> None:
    namespaces = [world.another_namespace(suffix, ci="true") for suffix in "ab"]
    name, pat = f"robot-{world.namespace}", world.made_by_hand("robot")
    world.secret(f"{name}-pat", {"token": pat}, role="seed", namespace=OPERATOR_NAMESPACE)
    urls = {"apiURL": world.simulator.api_url, "webURL": world.simulator.web_url}
    personal = {"secretRef": {"name": f"{name}-pat"}, **urls}
    secret = {"name": SECRET, "formats": ["DockerConfigJSON"]}
    world.cluster_token({"personal": personal, "namespaces": by_label(world), "secret": secret}, name)
    fleet = Fleet(world, "", name)
    assert fleet.wait_token(*namespaces) == pat
    assert ".dockerconfigjson" in world.data_in(namespaces[0], SECRET)
    assert fleet.wait_distributed(summary="2/2")["account"] == "robot"
    world.cluster.delete("Secret", OPERATOR_NAMESPACE, f"{name}-pat")


def test_a_user_s_token_is_rotated_once_for_all(world: World) -> None:
    namespaces = [world.another_namespace(suffix, ci="true") for suffix in "abc"]
    app = world.register()
    cluster_app = world.cluster_app(app, allowedNamespaces=ALL)
    name = f"alice-{world.namespace}"
    seed = world.sign_in(app)
    world.secret(f"{name}-seed", {"refresh_token": seed}, role="seed", namespace=OPERATOR_NAMESPACE)
    user = {"seedSecretRef": {"name": f"{name}-seed"}}
    spec = {"appRef": {"name": cluster_app}, "user": user, "namespaces": by_label(world), "secret": {"name": SECRET}}
    world.cluster_token(spec, name)
    fleet = Fleet(world, cluster_app, name)
    before = fleet.wait_token(*namespaces)
    assert before.startswith("ghu_")
    credential = world.cluster.get("Secret", OPERATOR_NAMESPACE, f"{name}-credential")
    assert credential is not None
    assert credential["metadata"]["annotations"]["githubtoken.dev/cluster-name"] == name
    world.annotate(name, kind=KIND, refresh_requested_at="now")
    world.wait_ready(name, kind=KIND, revision=2)
    assert fleet.wait_token(*namespaces) != before
    assert len(world.requests("refresh")) == 2
    assert world.double_spends() == 0
    for secret in (f"{name}-seed", f"{name}-credential"):
        world.cluster.delete("Secret", OPERATOR_NAMESPACE, secret)
