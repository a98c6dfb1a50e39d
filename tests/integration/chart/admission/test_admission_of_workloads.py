"""The ValidatingAdmissionPolicy of workloads: the operator's account restarts them, and changes nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.integration.chart.admission.account import Account, account_in, wait_until_refused
from tests.integration.chart.conftest import REPOSITORY
from tests.integration.standins import know, rollouts_crd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcluster import ControlPlane

pytestmark = pytest.mark.every_kubernetes

LABELS = {"app": "web"}
TEMPLATE = {
    "metadata": {"labels": LABELS, "annotations": {"theirs": "1"}},
    "spec": {"containers": [{"name": "web", "image": "web", "env": [{"name": "A", "value": "1"}]}]},
}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Deployment": ("apps/v1", "deployments", {"replicas": 1}),
    "StatefulSet": ("apps/v1", "statefulsets", {"replicas": 1, "serviceName": "web"}),
    "DaemonSet": ("apps/v1", "daemonsets", {}),
    "Rollout": ("argoproj.io/v1alpha1", "rollouts", {"replicas": 1}),
}
RESTARTED_AT, RESTARTED_FOR = "githubtoken.dev/restarted-at", "githubtoken.dev/restarted-for"


def template(metadata: dict[str, Any] | None = None, **spec: object) -> dict[str, Any]:
    return {"spec": {"template": {"metadata": metadata or {}, "spec": spec}}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    (template(serviceAccountName="admin"), "nothing of a pod template but"),
    (template(containers=[{"name": "web", "image": "evil"}]), "nothing of a pod template but"),
    (template(hostNetwork=True), "nothing of a pod template but"),
    (template({"annotations": {"theirs": "2"}}), "nothing of a pod template but"),
    (template({"annotations": {"theirs": None}}), "nothing of a pod template but"),
    (template({"annotations": {RESTARTED_AT: "now", "more": "1"}}), "nothing of a pod template but"),
    (template({"labels": {"more": "1"}}), "nothing of a pod template but"),
    ({"spec": {"minReadySeconds": 30}}, "the spec of a workload"),
    ({"metadata": {"labels": {"app": "stolen"}}}, "labels, finalizers and owners"),
    ({"metadata": {"finalizers": ["example.com/held"]}}, "labels, finalizers and owners"),
    ({"metadata": {"annotations": {"theirs": "1"}}}, "no annotation of a workload but"),
]
ALLOWED = (
    {"metadata": {"annotations": {RESTARTED_FOR: '{"ci": "1/a"}'}}},
    {
        "metadata": {"annotations": {RESTARTED_FOR: '{"ci": "2/b"}'}},
        "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: "2026-01-01T00:00:00Z"}}}},
    },
    {"metadata": {"annotations": {RESTARTED_FOR: None}}},
)


@pytest.fixture
def account(control_plane: ControlPlane, namespace: str) -> Iterator[Account]:
    """The account with the optional right, the policy in force, and a workload of each kind."""
    know(control_plane, rollouts_crd())
    for path in ("rbac", "optional/restart-targets.yaml"):
        control_plane.kubectl("apply", "--server-side", f"--filename={REPOSITORY / 'deploy' / path}")
    for kind, (group, _, spec) in KINDS.items():
        body = {
            "apiVersion": group,
            "kind": kind,
            "metadata": {"name": "web", "labels": LABELS},
            "spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE, **spec},
        }
        control_plane.kubectl("create", f"--namespace={namespace}", "--filename=-", stdin=json.dumps(body))
    with account_in(control_plane, namespace) as account:
        for group, resource, _ in KINDS.values():
            path = f"{resource}/web"
            wait_until_refused(
                lambda text, path=path, group=group: account.patch(  # type: ignore[misc]
                    {"metadata": {"annotations": {"theirs": text}}}, path, group=group
                )
            )
        yield account


def test_the_operator_restarts_workloads_and_changes_nothing_else(account: Account) -> None:
    for group, resource, _ in KINDS.values():
        path = f"{resource}/web"
        for patch, said in REFUSED:
            answer = account.patch(patch, path, group=group)
            assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY, f"{path} {patch}: {answer.text}"
            assert said in answer.json()["message"]
        for allowed in ALLOWED:
            answer = account.patch(allowed, path, group=group)
            assert answer.is_success, f"{path} {allowed}: {answer.text}"


def test_restart_at_is_for_rollouts_and_the_number_of_replicas_for_nobody(account: Account) -> None:
    restart = {"spec": {"restartAt": "2026-01-01T00:00:00Z"}}
    assert account.patch(restart, "rollouts/web", group="argoproj.io/v1alpha1").is_success
    for group, resource, spec in KINDS.values():
        if "replicas" in spec:
            answer = account.patch({"spec": {"replicas": 0}}, f"{resource}/web", group=group)
            assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        for subresource in ("scale", "status"):
            answer = account.patch({"spec": {"replicas": 0}}, f"{resource}/web/{subresource}", group=group)
            assert answer.status_code in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)
