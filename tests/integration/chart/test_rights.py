"""The operator's rights, as the real API server sees them after the manifests in deploy/rbac were applied."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcluster import ControlPlane
    from tests.integration.crds.conftest import API

RBAC = Path(__file__).parents[3] / "deploy" / "rbac"
OWN_NAMESPACE = "githubtoken-system"
OPERATOR = f"system:serviceaccount:{OWN_NAMESPACE}:githubtoken-operator"
OURS = "githubtoken.dev"

EVERYWHERE = {
    *((OURS, kind, verb) for kind in ("githubtokens", "githubapps") for verb in ("get", "list", "watch")),
    *((OURS, f"{kind}/status", verb) for kind in ("githubtokens", "githubapps") for verb in ("get", "patch")),
    *(("", "secrets", verb) for verb in ("get", "list", "watch", "create", "update", "patch", "delete")),
    *((group, "events", verb) for group in ("", "events.k8s.io") for verb in ("create", "patch")),
    ("", "namespaces", "get"),
}
IN_OWN_NAMESPACE = {("coordination.k8s.io", "leases", verb) for verb in ("get", "create", "update")}

REFUSED = [
    pytest.param(OURS, "githubtokens", "update", "default", id="changing a token's spec"),
    pytest.param(OURS, "githubtokens", "patch", "default", id="patching a token's spec"),
    pytest.param(OURS, "githubtokens", "delete", "default", id="deleting a token"),
    pytest.param("", "secrets", "deletecollection", "default", id="deleting Secrets by the dozen"),
    pytest.param("", "pods", "list", "default", id="listing pods"),
    pytest.param("", "pods/status", "patch", "default", id="touching pods"),
    pytest.param("", "pods", "create", OWN_NAMESPACE, id="making pods"),
    pytest.param("apps", "deployments", "patch", "default", id="restarting workloads"),
    pytest.param("", "namespaces", "list", "", id="listing namespaces"),
    pytest.param("coordination.k8s.io", "leases", "get", "default", id="Leases of others"),
    pytest.param("", "serviceaccounts/token", "create", OWN_NAMESPACE, id="tokens of ServiceAccounts"),
    pytest.param("rbac.authorization.k8s.io", "clusterrolebindings", "create", "", id="giving rights"),
]


@pytest.fixture(scope="module")
def _applied(control_plane: ControlPlane) -> Iterator[None]:
    control_plane.kubectl("apply", "--server-side", f"--filename={RBAC}")
    yield
    # The namespace stays: others would find it terminating for seconds.
    control_plane.kubectl("delete", f"--filename={RBAC / 'clusterrole.yaml'}", f"--filename={RBAC / 'role.yaml'}")


def may(api: API, group: str, resource: str, verb: str, namespace: str) -> bool:
    """Whether the operator may do this in the namespace ("" is the whole cluster)."""
    name, _, subresource = resource.partition("/")
    attributes = {"group": group, "resource": name, "subresource": subresource, "verb": verb, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {},
        "spec": {"user": OPERATOR, "groups": ["system:serviceaccounts"], "resourceAttributes": attributes},
    }
    answer: bool = api.create(review).body["status"]["allowed"]
    return answer


def rights(file: str, kind: str) -> set[tuple[str, str, str]]:
    roles: list[dict[str, Any]] = [
        part for part in yaml.safe_load_all((RBAC / file).read_text()) if part["kind"] == kind
    ]
    return {
        (group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_manifests_give_these_rights_and_no_others() -> None:
    assert rights("clusterrole.yaml", "ClusterRole") == EVERYWHERE
    assert rights("role.yaml", "Role") == IN_OWN_NAMESPACE


@pytest.mark.usefixtures("_applied")
@pytest.mark.parametrize(("group", "resource", "verb"), sorted(EVERYWHERE))
def test_the_operator_may_do_its_work_in_every_namespace(api: API, group: str, resource: str, verb: str) -> None:
    assert may(api, group, resource, verb, "default")
    assert may(api, group, resource, verb, "")


@pytest.mark.usefixtures("_applied")
@pytest.mark.parametrize(("group", "resource", "verb"), sorted(IN_OWN_NAMESPACE))
def test_the_operator_may_hold_its_lease(api: API, group: str, resource: str, verb: str) -> None:
    assert may(api, group, resource, verb, OWN_NAMESPACE)


@pytest.mark.usefixtures("_applied")
@pytest.mark.parametrize(("group", "resource", "verb", "namespace"), REFUSED)
def test_the_operator_may_do_nothing_else(api: API, group: str, resource: str, verb: str, namespace: str) -> None:
    assert not may(api, group, resource, verb, namespace)
