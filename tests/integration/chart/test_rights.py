"""The operator's rights, as the real API server sees them after the manifests that the chart renders were applied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from localcluster.operator_process import NAMESPACE, SERVICE_ACCOUNT
from tests.integration.chart.conftest import REPOSITORY, Object, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from localcluster import ControlPlane
    from localcluster.helm import Helm

pytestmark = pytest.mark.xdist_group("chart-rights")

DEPLOY = REPOSITORY / "deploy"
RBAC = DEPLOY / "rbac" / "rbac.yaml"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
OURS = "githubtoken.dev"

Right = tuple[str, str, str]

_KINDS = ("githubtokens", "githubapps", "clustergithubapps", "clustergithubtokens")
EVERYWHERE: set[Right] = {
    *((OURS, kind, verb) for kind in _KINDS for verb in ("get", "list", "watch")),
    *((OURS, f"{kind}/status", "patch") for kind in _KINDS),
    (OURS, "githubtokens", "patch"),
    (OURS, "clustergithubtokens", "patch"),
    *(("", "secrets", verb) for verb in ("get", "list", "watch", "create", "update", "patch", "delete")),
    ("", "events", "create"),
    *(("", "namespaces", verb) for verb in ("get", "list", "watch")),
}
IN_OWN_NAMESPACE: set[Right] = {
    *(("coordination.k8s.io", "leases", verb) for verb in ("get", "create", "update")),
    ("", "pods", "get"),
}
IMMEDIATE: set[Right] = {("", "pods", "list"), ("", "pods/status", "patch")}
RESTARTS: set[Right] = {
    *(("apps", kind, verb) for kind in ("deployments", "statefulsets", "daemonsets") for verb in ("get", "patch")),
    *(("argoproj.io", "rollouts", verb) for verb in ("get", "patch")),
}

REFUSED: dict[str, tuple[Right, str]] = {
    "changing a token's spec": ((OURS, "githubtokens", "update"), "default"),
    "deleting a token": ((OURS, "githubtokens", "delete"), "default"),
    "changing an App": ((OURS, "githubapps", "patch"), "default"),
    "deleting Secrets by the dozen": (("", "secrets", "deletecollection"), "default"),
    "listing pods": (("", "pods", "list"), "default"),
    "listing its own pods": (("", "pods", "list"), NAMESPACE),
    "reading pods of others": (("", "pods", "get"), "default"),
    "touching pods": (("", "pods/status", "patch"), "default"),
    "making pods": (("", "pods", "create"), NAMESPACE),
    "restarting workloads": (("apps", "deployments", "patch"), "default"),
    "labelling namespaces": (("", "namespaces", "patch"), "default"),
    "changing an App of the cluster": ((OURS, "clustergithubapps", "patch"), ""),
    "Leases of others": (("coordination.k8s.io", "leases", "get"), "default"),
    "tokens of ServiceAccounts": (("", "serviceaccounts/token", "create"), NAMESPACE),
    "giving rights": (("rbac.authorization.k8s.io", "clusterrolebindings", "create"), ""),
}


@pytest.fixture(scope="module")
def _applied(control_plane: ControlPlane) -> Iterator[None]:
    """Only the rights that the operator always has."""
    control_plane.kubectl("delete", f"--filename={DEPLOY / 'optional'}", "--ignore-not-found")
    control_plane.kubectl("apply", "--server-side", f"--filename={RBAC}")
    yield
    # What is in the folder of optional rights is what the operator of other tests has.
    control_plane.kubectl("apply", "--server-side", f"--filename={DEPLOY / 'optional'}")


def allowed(control_plane: ControlPlane, questions: Sequence[tuple[Right, str]]) -> list[bool]:
    """Whether the operator may do each of this, in its namespace ("" is the whole cluster)."""
    reviews = [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": OPERATOR,
                "resourceAttributes": {
                    "group": group,
                    "resource": resource.partition("/")[0],
                    "subresource": resource.partition("/")[2],
                    "verb": verb,
                    "namespace": namespace,
                    # The right to a Lease is one to a certain Lease.
                    **({"name": "githubtoken-operator"} if resource == "leases" else {}),
                },
            },
        }
        for (group, resource, verb), namespace in questions
    ]
    asked = json.dumps({"apiVersion": "v1", "kind": "List", "items": reviews})
    answers = control_plane.kubectl("create", '--output=jsonpath={.status.allowed}{"\\n"}', "--filename=-", stdin=asked)
    return [answer == "true" for answer in answers.split()]


def rights(objects: list[Object], *kinds: str) -> set[Right]:
    """What the roles of these kinds allow."""
    return {
        (group, resource, verb)
        for role in objects
        if role["kind"] in kinds
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def loaded(name: str) -> list[Object]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def test_the_manifests_give_these_rights_and_no_others() -> None:
    assert rights(loaded("rbac/rbac.yaml"), "ClusterRole") == EVERYWHERE
    assert rights(loaded("rbac/rbac.yaml"), "Role") == IN_OWN_NAMESPACE
    assert rights(loaded("optional/immediate-propagation.yaml"), "ClusterRole", "Role") == IMMEDIATE
    assert rights(loaded("optional/restart-targets.yaml"), "ClusterRole", "Role") == RESTARTS


def test_with_namespaces_the_same_rights_are_given_there_only(helm: Helm) -> None:
    objects = render(
        helm,
        "--set=scope.namespaces={a}",
        "--set=rbac.immediatePropagation.enabled=true",
        "--set=rbac.restartTargets.enabled=true",
    ).objects
    of_the_cluster = {right for right in EVERYWHERE if right[1].startswith(("clustergithub", "namespaces"))}
    there = [each for each in objects if each["metadata"].get("namespace") == "a"]
    assert rights(there, "Role") == EVERYWHERE - of_the_cluster | IMMEDIATE | RESTARTS
    own = [each for each in objects if each["metadata"].get("namespace") == NAMESPACE]
    assert rights(own, "Role") == IN_OWN_NAMESPACE
    assert rights(objects, "ClusterRole") == set()


def test_users_get_their_rights_through_the_built_in_roles(helm: Helm) -> None:
    objects = render(helm).objects
    given = {
        label.rpartition("-")[2]: rights([role], "ClusterRole")
        for role in objects
        if role["kind"] == "ClusterRole"
        for label in role["metadata"]["labels"]
        if label.endswith("aggregate-to-view")
    }
    assert {verb for _, _, verb in given["view"]} == {"get", "list", "watch"}
    assert not any("secrets" in resource or "clustergithub" in resource for _, resource, _ in given["view"])
    edit = next(role for role in objects if role["metadata"]["name"].endswith("-edit"))
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in edit["metadata"]["labels"]
    assert not any(kind.startswith("clustergithub") for _, kind, _ in rights([edit], "ClusterRole"))


@pytest.mark.usefixtures("_applied")
def test_the_operator_may_do_its_work_in_every_namespace(control_plane: ControlPlane) -> None:
    questions = [(right, where) for right in sorted(EVERYWHERE) for where in ("default", "")]
    answers = allowed(control_plane, questions)
    assert [question for question, answer in zip(questions, answers, strict=True) if not answer] == []


@pytest.mark.usefixtures("_applied")
def test_the_operator_may_hold_its_lease_and_look_for_its_pods(control_plane: ControlPlane) -> None:
    assert all(allowed(control_plane, [(right, NAMESPACE) for right in IN_OWN_NAMESPACE]))


@pytest.mark.usefixtures("_applied")
def test_the_operator_may_do_nothing_else(control_plane: ControlPlane) -> None:
    answers = allowed(control_plane, list(REFUSED.values()))
    assert [what for what, answer in zip(REFUSED, answers, strict=True) if answer] == []


ASKED = [
    pytest.param(line.removeprefix("$ kubectl ").split(), id=page.stem)
    for page in sorted((REPOSITORY / "docs").rglob("*.md"))
    for line in page.read_text(encoding="utf-8").splitlines()
    if line.startswith("$ kubectl auth can-i ")
]


@pytest.mark.usefixtures("_applied")
@pytest.mark.parametrize("command", ASKED)
def test_what_a_page_asks_of_the_operators_rights_is_yes_where_they_are_there(
    control_plane: ControlPlane, command: list[str]
) -> None:
    assert control_plane.kubectl(*command).strip() == "yes"
