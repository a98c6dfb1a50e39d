"""What `githubtoken doctor` says of a healthy cluster, and of each thing that can be wrong with one."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from githubtoken_operator.adapters.kubernetes.commands.survey import Owner, Right, SecretLook, Survey
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Unavailable
from githubtoken_operator.adapters.network.reach import Reached
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.doctor import reading, rights
from githubtoken_operator.commands.doctor.command import summary
from githubtoken_operator.commands.doctor.findings import Rights
from githubtoken_operator.commands.terminal.checks import Look
from githubtoken_operator.domain.user.credentials.orphans import Orphan
from tests.unit.builders import NAMESPACE, app_body, cluster_app_body
from tests.unit.commands.doctor.clusters import (
    ACCEPTED,
    CRDS,
    DENIED,
    SYSTEM,
    checked,
    deployment,
    lease,
    objects,
    platform,
    replica,
    rivals,
)  # fmt: skip
from tests.unit.commands.snapshots import at, condition, needing_human, ready, snapshot

HOUR = timedelta(hours=1)
TOKENS_CRD = "githubtokens.githubtoken.dev"


def test_a_healthy_cluster_is_ok_in_every_line() -> None:
    found = checked()
    assert {check.state for check in found.values()} == {"ok"}
    assert list(found) == [
        "API server", "CRD clustergithubapps", "CRD clustergithubtokens", "CRD githubapps", "CRD githubtokens",
        "Deployment githubtoken-operator", "Versions", "Lease", "Other operators", "Your rights", "Operator's rights",
        "GitHub api.github.com", "Clock against api.github.com", "GitHubApp team/acme", "GitHubTokens",
        "Installations", "Permissions", "Labels", "Orphans", "Leftovers", "Rivals",
    ]  # fmt: skip
    assert all(not check.advice for check in found.values())
    assert summary(list(found.values())) == "21 checks: 21 ok"


def crds(name: str, found: object) -> dict[str, Any]:
    return {**{crd["metadata"]["name"]: Look(crd) for crd in CRDS}, name: Look(found)}


def changed_crd() -> dict[str, Any]:
    changed = copy.deepcopy(next(dict(crd) for crd in CRDS if crd["metadata"]["name"] == TOKENS_CRD))
    changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = "of another version"
    return changed


def going_crd() -> dict[str, Any]:
    going = changed_crd()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return going


@pytest.mark.parametrize(
    ("changes", "name", "state", "says"),
    [
        ({"api_server": Look(Unavailable(0, "no answer"))}, "API server", "failed", "no answer"),
        (
            {"served": Look(Unavailable(401, "Unauthorized"))},
            "API server",
            "failed",
            "the API server does not accept your credentials: sign in to the cluster again, or try --context",
        ),
        ({"crds": crds(TOKENS_CRD, None)}, "CRD githubtokens", "failed", "is not installed"),
        (
            {"crds": crds(TOKENS_CRD, changed_crd())},
            "CRD githubtokens",
            "warning",
            "is not that of this version, 0.1.0",
        ),
        (
            {"crds": crds(TOKENS_CRD, going_crd())},
            "CRD githubtokens",
            "failed",
            "is being deleted, with all its objects",
        ),
        (
            {"crds": crds(TOKENS_CRD, DENIED)},
            "CRD githubtokens",
            "unknown",
            "is served; whether it is of this version, you may not see",
        ),
        (
            {"crds": crds(TOKENS_CRD, DENIED), "served": Look(None)},
            "CRD githubtokens",
            "failed",
            "is not installed",
        ),
        (
            {"deployments": Look([])},
            "Deployment",
            "warning",
            "there is none of the operator in the namespace githubtoken-system",
        ),
        (
            {"deployments": Look([deployment(ready=1)])},
            "Deployment githubtoken-operator",
            "warning",
            "1 of 2 replicas are ready",
        ),
        (
            {"deployments": Look([deployment(ready=0)])},
            "Deployment githubtoken-operator",
            "failed",
            "0 of 2 replicas are ready",
        ),
        (
            {"deployments": Look([deployment(replicas=0, ready=0)])},
            "Deployment githubtoken-operator",
            "failed",
            "is scaled to 0, so no token is renewed",
        ),
        (
            {"deployments": Look([deployment(), deployment(name="second")])},
            "Deployments",
            "warning",
            "githubtoken-operator, second have one Lease: one of them works at a time",
        ),
        ({"deployments": Look(DENIED)}, "Deployment", "unknown", "not readable for you (User x cannot get it)"),
        (
            {"replicas": Look([replica(), replica("b", waiting="CrashLoopBackOff")])},
            "Pod b",
            "failed",
            "does not run (CrashLoopBackOff)",
        ),
        (
            {"replicas": Look([replica(), replica("b", version="0.2.0")])},
            "Versions",
            "warning",
            "the replicas are 0.1.0 and 0.2.0",
        ),
        (
            {"replicas": Look([replica(version="")])},
            "Versions",
            "warning",
            "the operator is 9, this command 0.1.0",
        ),
        (
            {"lease": Look(None)},
            "Lease",
            "warning",
            "there is none in the namespace githubtoken-system, so no operator has led there",
        ),
        ({"lease": Look(lease(holder=""))}, "Lease", "failed", "nobody holds it"),
        (
            {"lease": Look(lease(ago=timedelta(minutes=3)))},
            "Lease",
            "failed",
            "a_1 holds it and renewed it 3m ago: nobody leads",
        ),
        ({"lease": Look(DENIED)}, "Lease", "unknown", "not readable for you (User x cannot get it)"),
    ],
)
def test_what_is_wrong_with_the_platform_is_said(changes: dict[str, Any], name: str, state: str, says: str) -> None:
    check = checked(platform=platform(**changes))[name]
    assert (check.state, check.says) == (state, says)


def leading(*places: str) -> Look[list[dict[str, Any]]]:
    """Leases that are held in these namespaces."""
    return Look([lease(namespace=place) for place in places])


@pytest.mark.parametrize(
    ("changes", "state", "says"),
    [
        ({"leases": leading(SYSTEM)}, "ok", "none leads in another namespace"),
        (
            {"leases": leading(SYSTEM, "default")},
            "warning",
            "one leads in default too, and nothing keeps both from serving the same GitHubTokens",
        ),
        (
            {"leases": Look([lease(), lease(namespace="default", ago=timedelta(hours=1))])},
            "ok",
            "none leads in another namespace",
        ),
        (
            {"leases": Look([lease(), lease(namespace="default", holder="")])},
            "ok",
            "none leads in another namespace",
        ),
        (
            {
                "leases": leading(SYSTEM, "team"),
                "deployments": Look([deployment("--namespaces=a,b")]),
                "elsewhere": Look([deployment("--namespaces=c", namespace="team")]),
            },
            "ok",
            "one leads in team",
        ),
        (
            {
                "leases": leading(SYSTEM, "team"),
                "deployments": Look([deployment("--namespaces=a,b")]),
                "elsewhere": Look([deployment("--namespaces", "b,c", namespace="team")]),
            },
            "warning",
            "one leads in team too, and nothing keeps both from serving the same GitHubTokens",
        ),
        (
            {
                "leases": leading(SYSTEM, "team"),
                "deployments": Look([deployment("--namespaces=a,b")]),
                "elsewhere": Look(DENIED),
            },
            "warning",
            "one leads in team too, and nothing keeps both from serving the same GitHubTokens",
        ),
        # There is no operator where it was looked for: the other is the one that was meant.
        ({"leases": leading("github"), "lease": Look(None)}, "ok", "one leads in github"),
        ({"leases": Look(DENIED)}, "unknown", "not readable for you (User x cannot get it)"),
    ],
)
def test_another_operator_of_the_same_namespaces_is_told(changes: dict[str, Any], state: str, says: str) -> None:
    check = checked(platform=platform(**changes))["Other operators"]
    assert (check.state, check.says) == (state, says)
    assert bool(check.advice) == (state == "warning")


@pytest.mark.parametrize(
    "found",
    [
        pytest.param({"elsewhere": Look([deployment(namespace="github")])}, id="by its Deployment"),
        pytest.param({"elsewhere": Look([]), "leases": leading("github")}, id="by its Lease"),
    ],
)
def test_an_operator_in_another_namespace_than_was_said_is_found(found: dict[str, Any]) -> None:
    check = checked(platform=platform(deployments=Look([]), **found))["Deployment"]
    assert (check.state, check.advice) == ("warning", "say --operator-namespace github")


# --- Rights ----------------------------------------------------------------------------------------------------------

GET, LIST = Right("get", "", "secrets"), Right("list", "", "secrets")


@pytest.mark.parametrize(
    ("found", "name", "state", "says"),
    [
        (Rights(Look([GET, LIST]), "s/o", guessed=False, operators=Look([])), "Your rights", "warning", None),
        (
            Rights(Look([]), "s/o", guessed=False, operators=Look([GET, LIST, Right("create", "", "events")])),
            "Operator's rights",
            "failed",
            "ServiceAccount s/o may not get, list secrets; create events",
        ),
        (
            Rights(Look([]), "s/o", guessed=True, operators=Look([GET])),
            "Operator's rights",
            "unknown",
            "no Deployment says which account is the operator's; ServiceAccount s/o may not get secrets",
        ),
        (
            Rights(Look(DENIED), "s/o", guessed=False, operators=Look(DENIED)),
            "Operator's rights",
            "unknown",
            "not readable for you (User x cannot get it)",
        ),
    ],
)
def test_missing_rights_are_named(found: Rights, name: str, state: str, says: str | None) -> None:
    check = checked(rights=found)[name]
    assert (check.state, check.says) == (state, says or "you may not get, list secrets")


def test_what_the_operator_needs_hangs_on_what_it_serves_and_does() -> None:
    plain = rights.needed([snapshot()], clusterwide=False)
    assert Right("get", "", "namespaces") not in plain
    assert Right("get", "", "namespaces") in rights.needed([], clusterwide=True)
    touching = rights.needed([snapshot(propagation="Immediate")], clusterwide=False)
    assert set(touching) - set(plain) == {Right("list", "", "pods"), Right("patch", "", "pods/status")}
    restarting = rights.needed([snapshot(restartTargets=[{"kind": "Rollout", "name": "web"}])], clusterwide=False)
    assert set(restarting) - set(plain) == {Right(verb, "argoproj.io", "rollouts") for verb in ("get", "patch")}


async def test_a_cluster_token_takes_the_operator_the_same_rights() -> None:
    asked: list[tuple[str, str]] = []

    class Asked:
        async def may(self, right: Right, _where: str, account: str = "") -> bool:
            asked.append((right.verb, right.full_resource))
            return not account

    body = {**snapshot(propagation="Immediate").body, "metadata": {"name": "ci", "uid": "u"}}
    of = objects(tokens=[], cluster_tokens=Look([Snapshot(body)]))
    found = await reading._rights(cast("Survey", Asked()), platform(), of)
    assert ("patch", "pods/status") in asked
    assert Right("patch", "", "pods/status") in (found.operators.seen or ())


# --- GitHub ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reached", "name", "state", "says"),
    [
        (
            Reached("https://ghes.example.com/api/v3", problem="no answer within 10 s"),
            "GitHub ghes.example.com",
            "failed",
            "cannot be reached from here (no answer within 10 s)",
        ),
        (Reached("https://api.github.com", 503), "GitHub api.github.com", "warning", "answers 503"),
        (
            Reached("https://api.github.com", 401, 0.25, timedelta()),
            "GitHub api.github.com",
            "ok",
            "answers 401 in 0.2 s from here",
        ),
        (
            Reached("https://api.github.com", 200, 0.1, timedelta(minutes=3)),
            "Clock against api.github.com",
            "warning",
            "this machine's clock is 3m behind",
        ),
        (
            Reached("https://api.github.com", 200, 0.1, timedelta(seconds=-45)),
            "Clock against api.github.com",
            "warning",
            "this machine's clock is 45s ahead",
        ),
        (Reached("https://api.github.com", 200), "Clock against api.github.com", "unknown", "its answer had no date"),
    ],
)
def test_a_github_that_is_away_or_has_another_time_is_told(reached: Reached, name: str, state: str, says: str) -> None:
    check = checked(reached=[reached])[name]
    assert (check.state, check.says) == (state, says)


# --- Objects ---------------------------------------------------------------------------------------------------------

APP = "GitHubApp team/acme"
KEY = (NAMESPACE, "acme-app", "private-key.pem")


def app(*ready: str, **spec: Any) -> Look[Any]:  # noqa: ANN401 - fields of any kind
    status = {"conditions": [condition("Ready", *ready)]} if ready else ACCEPTED
    return Look([{**app_body(**spec), "status": status}])


@pytest.mark.parametrize(
    ("changes", "state", "says"),
    [
        ({"apps": app("False", "AuthenticationFailed", "no")}, "failed", "AuthenticationFailed: no"),
        ({"apps": Look([{**app_body(), "status": {}}])}, "warning", "the operator has not looked at it yet"),
        ({"apps": app("Unknown", "Pending", "no answer yet")}, "warning", "Pending: no answer yet"),
        (
            {"apps": app(apiURL="https://ghes.example.com/api/v3", webURL="https://github.com")},
            "warning",
            "Accepted; `apiURL` is on ghes.example.com, and `webURL` on github.com",
        ),
        (
            {"apps": app(apiURL="https://api.github.com", webURL="https://ghes.example.com")},
            "warning",
            "Accepted; `apiURL` is on api.github.com, and `webURL` on ghes.example.com",
        ),
        ({"apps": app(privateKeySecretRef=None)}, "ok", "Accepted: it names no private key"),
        ({"keys": {KEY: Look(None)}}, "failed", "there is no key `private-key.pem` in Secret acme-app"),
        ({"keys": {KEY: Look(DENIED)}}, "ok", "Accepted; its key is not readable for you"),
        ({"keys": {}}, "ok", "Accepted"),
        (
            {"keys": {KEY: Look(SecretLook("Opaque", ("private-key.pem",), {}, {}, key_problem="it is encrypted"))}},
            "failed",
            "its private key must be an RSA key in PEM, but it is encrypted",
        ),
    ],
)
def test_each_app_says_how_it_and_its_key_are(changes: dict[str, Any], state: str, says: str) -> None:
    check = checked(objects=objects(**changes))[APP]
    assert (check.state, check.says) == (state, says)


@pytest.mark.parametrize(
    ("ready", "state", "says"),
    [
        (("True", "Accepted", "it does"), "ok", "Accepted; AWS KMS alias/acme signs with SHA256:abc"),
        (("False", "SignerUnavailable", "it is away"), "failed", "SignerUnavailable: it is away"),
    ],
)
def test_an_app_whose_key_is_with_a_service_says_so(ready: tuple[str, ...], state: str, says: str) -> None:
    status = {"conditions": [condition("Ready", *ready)], "keyFingerprint": "SHA256:abc"}
    body = cluster_app_body(privateKeySecretRef=None, signer={"awsKMS": {"keyID": "alias/acme"}})
    found = checked(objects=objects(apps=Look([]), cluster_apps=Look([{**body, "status": status}])))
    assert (found["ClusterGitHubApp acme"].state, found["ClusterGitHubApp acme"].says) == (state, says)


def test_a_key_that_is_not_where_the_operator_is_said_to_be_is_not_called_missing() -> None:
    body, key = {**cluster_app_body(), "status": ACCEPTED}, ("githubtoken-system", "acme-app", "private-key.pem")
    found = objects(apps=Look([]), cluster_apps=Look([body]), keys={key: Look(None)})
    check = checked(objects=found)["ClusterGitHubApp acme"]
    assert check.state == "unknown"
    assert check.says == "Accepted; there is no Secret acme-app in the namespace githubtoken-system"


def test_a_githubtoken_that_is_not_ready_has_a_line_and_points_to_its_chain() -> None:
    refused = snapshot(
        status={"conditions": needing_human("PermissionsNotGranted", "grant it")},
        installation={"owner": "acme", "permissions": {"issues": "write"}},
    )
    found = checked(objects=objects(tokens=[snapshot("ok"), refused]))
    assert found["GitHubTokens"].says == "1 of 2 are ready"
    assert found["GitHubToken team/ci"].sentence == (
        "PermissionsNotGranted: grant it: `githubtoken status ci -n team` shows where the chain breaks"
    )
    assert found["Installations"].says == "1 of 2 GitHubTokens cannot use theirs: PermissionsNotGranted (1)"
    assert found["Permissions"].says == "not all that is asked for is granted: team/ci (issues: write)"


def test_permissions_that_were_taken_away_since_are_told() -> None:
    asked = {"owner": "acme", "permissions": {"contents": "write", "metadata": "read"}}
    token = snapshot(status={"permissions": {"contents": "read", "metadata": "read"}}, installation=asked)
    check = checked(objects=objects(tokens=[token]))["Permissions"]
    assert (check.state, check.says) == ("failed", "not all that is asked for is granted: team/ci (contents: write)")


@pytest.mark.parametrize(
    ("status", "state", "says"),
    [
        ({}, "ok", "2/2 namespaces have it"),
        (
            {"conditions": [ready(), condition("Distributed", "False", "DistributionFailed", "x")]},
            "warning",
            "2/2 namespaces have it",
        ),
        ({"conditions": [ready("AppNotFound", "make one")]}, "failed", "AppNotFound: make one"),
    ],
)
def test_a_cluster_token_says_how_far_it_is(status: dict[str, Any], state: str, says: str) -> None:
    body = copy.deepcopy(dict(snapshot(status={"namespaces": {"summary": "2/2"}, **status}).body))
    del body["metadata"]["namespace"]
    found = checked(objects=objects(cluster_tokens=Look([Snapshot(body)])))["ClusterGitHubToken ci"]
    assert (found.state, found.says) == (state, says)


@pytest.mark.parametrize(
    ("token", "served", "state", "says"),
    [
        (snapshot(status={"expirationTime": at(-HOUR)}), [], "failed", "expired 60m ago, and status was not told"),
        (snapshot(status={"renewalTime": at(-HOUR)}), [], "warning", "should have been renewed 60m ago"),
        (snapshot(), ["a", "b"], "warning", f"the operator in {SYSTEM} does not serve it, but a, b"),
    ],
)
def test_a_ready_token_that_nobody_looks_at_any_more_is_told(
    token: Snapshot, served: list[str], state: str, says: str
) -> None:
    found = checked(objects=objects(tokens=[token], served=served))
    check = found[f"GitHubToken {NAMESPACE}/ci"]
    assert (check.state, check.says) == (state, says)
    assert found["GitHubTokens"].state == state


@pytest.mark.parametrize(
    ("token", "served"),
    [
        (snapshot(status={"renewalTime": at(-timedelta(minutes=4))}), []),
        (snapshot(status={"renewalTime": at(-HOUR)}, suspend=True), []),
        (snapshot(), [NAMESPACE, "b"]),
    ],
    ids=["it waits for its turn", "it is suspended", "it is served"],
)
def test_a_token_that_is_looked_at_is_no_line(token: Snapshot, served: list[str]) -> None:
    assert f"GitHubToken {NAMESPACE}/ci" not in checked(objects=objects(tokens=[token], served=served))


MANY_UNLABELLED = (
    "201 Secrets are without `githubtoken.dev/role`, and 200 have a watch: a change of the others is noticed within a "
    "minute: team/pat-0, team/pat-1, team/pat-2, team/pat-3, team/pat-4 and 196 more"
)


@pytest.mark.parametrize(
    ("changes", "name", "state", "says"),
    [
        (
            {"unlabelled": Look([("team", "acme-app")])},
            "Labels",
            "ok",
            "1 of the Secrets that Apps and GitHubTokens name has a watch by name",
        ),
        (
            {"unlabelled": Look([("team", f"pat-{number}") for number in range(201)])},
            "Labels",
            "warning",
            MANY_UNLABELLED,
        ),
        ({"unlabelled": Look(DENIED)}, "Labels", "unknown", "not readable for you (User x cannot get it)"),
        (
            {"orphans": Look([Orphan("team", f"{n}-pair", n, None, None) for n in "abcdefg"])},
            "Orphans",
            "warning",
            f"credential Secrets without a GitHubToken: {', '.join(f'team/{n}-pair' for n in 'abcde')} and 2 more",
        ),
        ({"orphans": Look(DENIED)}, "Orphans", "unknown", "not readable for you (User x cannot get it)"),
        (
            {"leftovers": Look([(("t", "pull"), Owner("ClusterGitHubToken", "ci", "u-1"))])},
            "Leftovers",
            "warning",
            "the object is gone and its Secret is not, whose token may be alive: t/pull of ClusterGitHubToken ci",
        ),
        ({"leftovers": Look(DENIED)}, "Leftovers", "unknown", "not readable for you (User x cannot get it)"),
        ({"tokens": DENIED}, "GitHubTokens", "unknown", "not readable for you (User x cannot get it)"),
        ({"tokens": DENIED}, "Installations", "unknown", "not readable for you (User x cannot get it)"),
        ({"tokens": DENIED}, "Permissions", "unknown", "not readable for you (User x cannot get it)"),
        ({"tokens": []}, "GitHubTokens", "ok", "there is none"),
        ({"tokens": [], "scope": "team"}, "GitHubTokens", "ok", "there is none in the namespace team"),
        ({"apps": Look([])}, "Apps", "ok", "there is none"),
    ],
)
def test_what_was_left_or_cannot_be_seen_is_one_line(changes: dict[str, Any], name: str, state: str, says: str) -> None:
    check = checked(objects=objects(**changes))[name]
    assert (check.state, check.says) == (state, says)


# --- Rivals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plural", "body", "name"),
    [
        ("externalsecrets", {"metadata": {"name": "ci", "namespace": "team"}}, "ExternalSecret team/ci"),
        (
            "externalsecrets",
            {"metadata": {"name": "other", "namespace": "team"}, "spec": {"target": {"name": "ci"}}},
            "ExternalSecret team/other",
        ),
        (
            "tokens",
            {"metadata": {"name": "gtm", "namespace": "team"}, "spec": {"secret": {"name": "ci"}}},
            "Token team/gtm",
        ),
        (
            "clustertokens",
            {"metadata": {"name": "ci"}, "spec": {"secret": {"namespace": "team"}}},
            "ClusterToken team/ci",
        ),
    ],
)
def test_an_object_of_somebody_else_that_writes_the_same_secret_is_told(
    plural: str, body: dict[str, Any], name: str
) -> None:
    check = checked(rivals=rivals(**{plural: [body]}))[name]
    assert (check.state, check.says) == ("failed", "writes Secret ci, which GitHubToken ci writes too")


def test_rivals_that_write_other_secrets_are_counted_and_those_that_are_hidden_are_told() -> None:
    elsewhere = {"metadata": {"name": "ci", "namespace": "elsewhere"}}
    assert checked(rivals=rivals(tokens=[elsewhere]))["Rivals"].says.startswith("1 objects of other operators")
    assert checked(rivals=rivals(tokens=DENIED))["Rivals (tokens)"].state == "unknown"


def test_an_api_server_that_is_away_leaves_everything_else_unknown() -> None:
    away: ApiError = Unavailable(0, "the API server cannot be reached")
    found = checked(
        platform=platform(
            **{name: Look(away) for name in ("api_server", "served", "deployments", "replicas", "lease", "leases")},
            crds={crd["metadata"]["name"]: Look(away) for crd in CRDS},
        ),
        rights=Rights(Look(away), "s/o", guessed=True, operators=Look(away)),
        objects=objects(
            **{name: Look(away) for name in ("apps", "cluster_apps", "unlabelled", "orphans", "leftovers")},
            tokens=away,
        ),
        rivals=rivals(tokens=away),
    )
    states = {name: check.state for name, check in found.items() if not name.endswith("api.github.com")}
    assert states.pop("API server") == "failed"
    assert set(states.values()) == {"unknown"}


def test_the_operators_rights_are_those_that_the_chart_gives() -> None:
    deploy = Path(__file__).parents[4] / "deploy"
    given: set[tuple[str, str, str]] = set()
    for file in (*(deploy / "rbac").iterdir(), *(deploy / "optional").iterdir()):
        for body in yaml.safe_load_all(file.read_text()):
            if body and body["kind"] in {"ClusterRole", "Role"} and "aggregate" not in str(body["metadata"]):
                given |= {
                    (verb, group, resource)
                    for rule in body["rules"]
                    for group in rule["apiGroups"]
                    for resource in rule["resources"]
                    for verb in rule["verbs"]
                }
    asked = {
        *rights.EVERYWHERE,
        *rights.CLUSTERWIDE,
        *rights.TOUCH,
        *(it for of in rights.RESTART.values() for it in of),
    }
    assert {(right.verb, right.group, right.resource) for right in asked} == given
