"""ClusterGitHubTokens over the life of processes: one mint, refresh or check, whoever comes after whom."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from github_simulator.control_client import sha256
from tests.integration.operator.stage.belongings import OPERATOR_NAMESPACE
from tests.integration.operator.stage.conditions import ready_of
from tests.integration.operator.tokens.spread.test_cluster_tokens import ALL, KIND, SECRET, Fleet, by_label, fleet_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.world import World

    Start = Callable[..., OperatorProcess]


def revisions(fleet: Fleet, namespaces: list[str]) -> list[str | None]:
    found = [fleet.secret(namespace) for namespace in namespaces]
    return [each["metadata"]["annotations"]["githubtoken.dev/revision"] if each else None for each in found]


def test_a_restart_mints_nothing_and_writes_nothing(apart: World, start: Start) -> None:
    namespaces = [apart.another_namespace(suffix, ci="true") for suffix in "abc"]
    fleet = fleet_of(apart)
    token = fleet.wait_token(*namespaces)
    fleet.wait_distributed(summary="3/3")
    apart.settle(0.5)
    before = [(fleet.secret(each) or {})["metadata"]["resourceVersion"] for each in namespaces]
    found = apart.found(fleet.name, kind=KIND)["metadata"]["resourceVersion"]
    assert apart.operator.stop() == 0
    # What comes while nobody is there has the same token afterwards.
    later = fleet.namespace("later")
    apart.operator = start()
    assert fleet.wait_token(*namespaces, later) == token
    fleet.wait_distributed(summary="4/4")
    assert [(fleet.secret(each) or {})["metadata"]["resourceVersion"] for each in namespaces] == before
    assert apart.found(fleet.name, kind=KIND)["metadata"]["resourceVersion"] != found
    assert fleet.mints == 1


def test_a_process_that_is_killed_while_it_gives_a_token_out_has_minted_it_for_its_successor(
    apart: World, start: Start
) -> None:
    namespaces = [apart.another_namespace(f"{number:02}", ci="true") for number in range(60)]
    # It is renewed by itself after half a minute, or a little less.
    fleet = fleet_of(apart, github={"token_life": 150}, renewBefore="2m")
    before = fleet.wait_token(*namespaces)
    fleet.wait_distributed(summary="60/60")
    apart.wait_until(lambda: revisions(fleet, namespaces[:1]) == ["2"], "the new token in one namespace")
    apart.operator.kill()
    apart.operator = start()
    apart.wait_until(lambda: set(revisions(fleet, namespaces)) == {"2"}, "the new token everywhere")
    assert fleet.wait_token(*namespaces) != before
    fleet.wait_distributed(summary="60/60")
    assert fleet.mints == 2


def test_a_token_that_a_tenant_put_into_its_secret_meanwhile_reaches_nobody(apart: World, start: Start) -> None:
    namespaces = [apart.another_namespace(suffix, ci="true") for suffix in "abc"]
    fleet = fleet_of(apart)
    token = fleet.wait_token(*namespaces)
    fleet.wait_distributed(summary="3/3")
    assert apart.operator.stop() == 0
    forged = "ghs_" + "x" * 36
    told = {
        "githubtoken.dev/token-sha256": hashlib.sha256(forged.encode()).hexdigest(),
        "githubtoken.dev/revision": "99",
        "githubtoken.dev/expires-at": "2099-01-01T00:00:00Z",
    }
    patch = {"data": {"token": base64.b64encode(forged.encode()).decode()}, "metadata": {"annotations": told}}
    apart.cluster.patch("Secret", namespaces[0], SECRET, patch)
    # Nor is it believed that the true token lives for ever.
    apart.cluster.patch(
        "Secret", namespaces[1], SECRET, {"metadata": {"annotations": {"githubtoken.dev/expires-at": None}}}
    )
    apart.operator = start()
    assert fleet.wait_token(*namespaces) == token
    status = fleet.wait_distributed(summary="3/3")
    assert (status["revision"], ready_of({"status": status}).reason) == (1, "Fresh")
    assert fleet.mints == 1


def test_a_user_s_token_is_given_out_again_by_the_next_process_without_a_refresh(apart: World, start: Start) -> None:
    namespaces = [apart.another_namespace(suffix, ci="true") for suffix in "ab"]
    app = apart.register()
    cluster_app = apart.cluster_app(app, allowedNamespaces=ALL)
    name = f"alice-{apart.namespace}"
    apart.secret(f"{name}-seed", {"refresh_token": apart.sign_in(app)}, role="seed", namespace=OPERATOR_NAMESPACE)
    user = {"seedSecretRef": {"name": f"{name}-seed"}}
    spec = {"appRef": {"name": cluster_app}, "user": user, "namespaces": by_label(apart), "secret": {"name": SECRET}}
    apart.cluster_token(spec, name)
    fleet = Fleet(apart, cluster_app, name)
    token = fleet.wait_token(*namespaces)
    apart.operator.kill()
    apart.cluster.delete("Secret", namespaces[0], SECRET)
    later = fleet.namespace("later")
    apart.operator = start()
    assert fleet.wait_token(*namespaces, later) == token
    assert len(apart.requests("refresh")) == 1


def test_what_was_given_out_is_revoked_with_the_object(apart: World, start: Start) -> None:
    namespaces = [apart.another_namespace(suffix, ci="true") for suffix in "ab"]
    fleet = fleet_of(apart, deletionPolicy="Revoke")
    token = fleet.wait_token(*namespaces)
    fleet.wait_distributed(summary="2/2")
    assert apart.operator.stop() == 0
    apart.operator = start()
    apart.cluster.delete(KIND, "", fleet.name)
    apart.wait_until(lambda: apart.get(KIND, fleet.name) is None, "the end of the object")
    assert not apart.github.token_is_alive(sha256(token))
    assert [event["type"] for event in apart.events(fleet.name, kind=KIND, reason="RevocationFailed")] == []


def test_what_tenants_made_of_their_secrets_hides_no_token_from_its_revocation(apart: World, start: Start) -> None:
    namespaces = [apart.another_namespace(f"{number:02}", ci="true") for number in range(24)]
    fleet = fleet_of(apart, deletionPolicy="Revoke")
    token = fleet.wait_token(*namespaces)
    fleet.wait_distributed(summary="24/24")
    assert apart.operator.stop() == 0
    for number, namespace in enumerate(namespaces[1:]):
        # Some say that they have the token and do not, more say of as many others that they have them.
        claimed = {} if number < 2 else {"githubtoken.dev/token-sha256": hashlib.sha256(namespace.encode()).hexdigest()}
        edit = {"data": {"token": "Zm9yZ2Vk"}, "metadata": {"annotations": claimed}}
        apart.cluster.patch("Secret", namespace, SECRET, edit)
    apart.cluster.delete(KIND, "", fleet.name)
    apart.operator = start()
    apart.wait_until(lambda: apart.get(KIND, fleet.name) is None, "the end of the object")
    assert not apart.github.token_is_alive(sha256(token))
    assert apart.events(fleet.name, kind=KIND, reason="RevocationFailed") == []


def test_with_namespaces_it_is_not_served_and_the_log_says_so(apart: World, start: Start) -> None:
    assert apart.operator.stop() == 0
    apart.operator = start(None, "--namespaces", apart.namespace)
    namespace = apart.another_namespace("a", ci="true")
    fleet = fleet_of(apart)
    apart.settle()
    assert fleet.token(namespace) is None
    assert fleet.status == {"observedGeneration": -1}
    assert "no ClusterGitHubToken" in apart.log()
