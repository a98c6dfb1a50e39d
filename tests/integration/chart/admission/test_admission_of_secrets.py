"""The ValidatingAdmissionPolicies of Secrets and GitHubTokens: what the account of the operator may write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.integration.chart.admission.account import APPLY, MERGE, Account, account_in, wait_until_refused
from tests.integration.chart.conftest import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcluster import ControlPlane

ROLE = "githubtoken.dev/role"
TOKENS = "githubtoken.dev/v1alpha1"
OWNER = {"apiVersion": TOKENS, "kind": "GitHubToken", "name": "ci", "controller": True}
CLUSTER_OWNER = {**OWNER, "kind": "ClusterGitHubToken", "name": "everywhere"}
ANOTHER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "controller": True}
GITHUBTOKEN: dict[str, Any] = {
    "apiVersion": TOKENS,
    "kind": "GitHubToken",
    "metadata": {"name": "ci", "finalizers": ["example.com/held"], "labels": {"team": "web"}},
    "spec": {"appRef": {"name": "acme"}, "installation": {"owner": "acme"}},
}
CLUSTERGITHUBTOKEN = {
    **GITHUBTOKEN,
    "kind": "ClusterGitHubToken",
    "metadata": {**GITHUBTOKEN["metadata"], "name": "everywhere"},
    "spec": {**GITHUBTOKEN["spec"], "namespaces": {"selector": {}}},
}
OBJECTS = {
    "GitHubToken": GITHUBTOKEN,
    "ClusterGitHubToken": CLUSTERGITHUBTOKEN,
    "ConfigMap": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}},
}


def secret(
    name: str = "ci",
    *,
    role: str | None = None,
    notes: dict[str, str] | None = None,
    owner: dict[str, Any] | None = None,
    kind: str = "Opaque",
) -> dict[str, Any]:
    labels = {ROLE: role} if role else {}
    meta = {"name": name, "labels": labels, "annotations": notes or {}, "ownerReferences": [owner] if owner else []}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": meta, "data": {"key": "dmFsdWU="}}


OURS = {
    "a consumer's": secret(role="token"),
    "a credential": secret(role="credential"),
    "one that was handed over": secret(notes={"githubtoken.dev/adopt": "true"}),
    "a seed that was handed over": secret(role="seed", notes={"githubtoken.dev/adopt": "true"}),
    "a consumer's whose label was taken away": secret(owner=OWNER),
    "one without owner whose label was taken away": secret(notes={"githubtoken.dev/name": "ci"}),
    "one of many namespaces whose label was taken away": secret(owner=CLUSTER_OWNER),
    "one of many namespaces without owner and label": secret(notes={"githubtoken.dev/cluster-name": "everywhere"}),
    "a consumer's whose label was changed": secret(role="app", owner=OWNER),
}
FOREIGN = {
    "somebody else's": secret(),
    "a seed": secret(role="seed"),
    "an App's key": secret(role="app"),
    "one that is not handed over": secret(notes={"githubtoken.dev/adopt": "false"}),
    "another controller's": secret(owner=ANOTHER),
    "a role that is none": secret(role="tokens"),
}
LABEL_IT = {"metadata": {"labels": {ROLE: "token"}}, "data": {"token": "Z2hz"}}


@pytest.fixture
def account(control_plane: ControlPlane, namespace: str) -> Iterator[Account]:
    """The account with the rights that it always has, and the policies in force."""
    control_plane.kubectl("apply", "--server-side", f"--filename={REPOSITORY / 'deploy' / 'rbac'}")
    with account_in(control_plane, namespace) as account:
        wait_until_refused(lambda text: account.send("POST", "secrets", secret(f"no-label-{text}")))
        yield account
    release = '--patch={"metadata":{"finalizers":null}}'
    where = f"--namespace={namespace}"
    if control_plane.get("githubtokens", where)["items"]:
        control_plane.kubectl("patch", "ght", "ci", where, "--type=merge", release)
    if control_plane.kubectl("get", "cght", "everywhere", "--ignore-not-found"):
        control_plane.kubectl("patch", "cght", "everywhere", "--type=merge", release)
        control_plane.kubectl("delete", "cght", "everywhere")


def put(control_plane: ControlPlane, account: Account, body: dict[str, Any]) -> None:
    """Applies it as an administrator; its owner is there, or it would be collected as garbage."""
    where = f"--namespace={account.namespace}"
    apply = ("apply", "--server-side", "--force-conflicts", where, "--filename=-")
    owners = []
    for owner in body["metadata"].get("ownerReferences", ()):
        control_plane.kubectl(*apply, stdin=json.dumps(OBJECTS[owner["kind"]]))
        found = control_plane.get(owner["kind"], owner["name"], where)
        owners.append({**owner, "uid": found["metadata"]["uid"]})
    body = {**body, "metadata": {**body["metadata"], "ownerReferences": owners}}
    control_plane.kubectl(*apply, stdin=json.dumps(body))


@pytest.mark.every_kubernetes
@pytest.mark.parametrize("what", OURS)
def test_the_operator_writes_and_deletes_what_is_its_own(
    control_plane: ControlPlane, account: Account, what: str
) -> None:
    put(control_plane, account, OURS[what])
    applied = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", **LABEL_IT}
    for method, content_type, body in (("PATCH", MERGE, LABEL_IT), ("PATCH", APPLY, applied)):
        answer = account.send(method, "secrets/ci", body, content_type=content_type)
        assert answer.is_success, answer.text
    present = account.send("GET", "secrets/ci").json()
    # An adopted credential is given back to its maker without our label.
    del present["metadata"]["labels"][ROLE]
    assert account.send("PUT", "secrets/ci", present).is_success
    put(control_plane, account, OURS[what])
    assert account.send("DELETE", "secrets/ci").is_success


@pytest.mark.every_kubernetes
@pytest.mark.parametrize("what", FOREIGN)
def test_the_operator_writes_and_deletes_nothing_else(control_plane: ControlPlane, account: Account, what: str) -> None:
    put(control_plane, account, FOREIGN[what])
    present = account.send("GET", "secrets/ci").json()
    handed = {"metadata": {"annotations": {"githubtoken.dev/adopt": "true"}, "labels": {ROLE: "token"}}}
    answers = [
        account.patch({"data": {"key": "b3RoZXI="}}, "secrets/ci"),
        account.patch(LABEL_IT, "secrets/ci"),
        account.patch(handed, "secrets/ci"),
        account.send("PUT", "secrets/ci", {**present, "data": {}}),
        account.send("DELETE", "secrets/ci"),
    ]
    assert [answer.status_code for answer in answers] == [httpx.codes.UNPROCESSABLE_ENTITY] * len(answers)
    assert "githubtoken.dev/" in answers[0].json()["message"]
    assert account.send("GET", "secrets/ci").json() == present


@pytest.mark.parametrize("role", ["token", "credential"])
@pytest.mark.parametrize("kind", ["Opaque", "kubernetes.io/basic-auth", "kubernetes.io/dockerconfigjson"])
def test_the_operator_makes_secrets_with_its_label(account: Account, role: str, kind: str) -> None:
    data = {"username": "eA==", ".dockerconfigjson": "e30="}
    assert account.send("POST", "secrets", {**secret(role=role, kind=kind), "data": data}).is_success


@pytest.mark.parametrize("role", [None, "seed", "app"])
def test_the_operator_makes_none_without_it(account: Account, role: str | None) -> None:
    answer = account.send("POST", "secrets", secret(role=role))
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "githubtoken.dev/role" in answer.json()["message"]


def test_the_operator_makes_no_token_of_a_serviceaccount(account: Account) -> None:
    notes = {"kubernetes.io/service-account.name": "default"}
    answer = account.send(
        "POST", "secrets", secret(role="token", notes=notes, kind="kubernetes.io/service-account-token")
    )
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "of this type" in answer.json()["message"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"spec": {"installation": {"owner": "evil"}}}, "the spec of a GitHubToken"),
    ({"spec": {"suspend": True}}, "the spec of a GitHubToken"),
    ({"metadata": {"finalizers": []}}, "no finalizer of a GitHubToken or ClusterGitHubToken but"),
    ({"metadata": {"labels": {"team": None}}}, "labels, annotations and owners"),
    ({"metadata": {"annotations": {"githubtoken.dev/refresh-requested-at": "now"}}}, "labels, annotations and owners"),
    ({"metadata": {"ownerReferences": [{**ANOTHER, "uid": "1"}]}}, "labels, annotations and owners"),
]


@pytest.mark.every_kubernetes
@pytest.mark.parametrize(
    ("resource", "token"), [("githubtokens/ci", GITHUBTOKEN), ("clustergithubtokens/everywhere", CLUSTERGITHUBTOKEN)]
)
def test_of_a_token_the_operator_changes_its_finalizer_and_status(
    control_plane: ControlPlane, account: Account, resource: str, token: dict[str, Any]
) -> None:
    put(control_plane, account, token)
    for patch, said in REFUSED:
        answer = account.patch(patch, resource, group=TOKENS)
        assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY, f"{patch}: {answer.text}"
        assert said in answer.json()["message"]
    for finalizers in (["example.com/held", "githubtoken.dev/revocation"], ["example.com/held"]):
        answer = account.patch({"metadata": {"finalizers": finalizers}}, resource, group=TOKENS)
        assert answer.is_success, answer.text
    answer = account.patch({"status": {"revision": 3}}, f"{resource}/status", group=TOKENS)
    assert answer.is_success, answer.text
