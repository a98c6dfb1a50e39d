"""The ValidatingAdmissionPolicy of pods, enforced by the real API server: the operator may change one annotation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.integration.chart.admission.account import Account, account_in, wait_until_refused
from tests.integration.chart.conftest import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcluster import ControlPlane

pytestmark = pytest.mark.every_kubernetes

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web",
        "labels": {"app": "web"},
        "annotations": {"theirs": "1"},
        "finalizers": ["example.com/held"],
    },
    "spec": {"containers": [{"name": "web", "image": "web"}], "automountServiceAccountToken": False},
}
ANNOTATION = "githubtoken.dev/synced-revision"
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"metadata": {"annotations": {"theirs": "2"}}}, "no annotation of a pod but"),
    ({"metadata": {"annotations": {"theirs": None}}}, "no annotation of a pod but"),
    ({"metadata": {"annotations": {"more": "1"}}}, "no annotation of a pod but"),
    ({"metadata": {"annotations": {ANNOTATION: "9", "theirs": "2"}}}, "no annotation of a pod but"),
    ({"metadata": {"labels": {"app": "stolen"}}}, "the labels of a pod"),
    ({"metadata": {"finalizers": []}}, "the finalizers of a pod"),
    ({"status": {"podIP": "10.0.0.1"}}, "the status of a pod"),
    ({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}, "the status of a pod"),
]


@pytest.fixture
def account(control_plane: ControlPlane, namespace: str) -> Iterator[Account]:
    """The account with the optional right, the policy in force, and a pod in the namespace."""
    for path in ("rbac", "optional/immediate-propagation.yaml"):
        control_plane.kubectl("apply", "--server-side", f"--filename={REPOSITORY / 'deploy' / path}")
    control_plane.kubectl("create", f"--namespace={namespace}", "--filename=-", stdin=json.dumps(POD))
    with account_in(control_plane, namespace) as account:
        wait_until_refused(lambda text: account.patch({"metadata": {"annotations": {"theirs": text}}}))
        yield account
    control_plane.kubectl(
        "patch", "pod", "web", f"--namespace={namespace}", "--type=merge", '--patch={"metadata":{"finalizers":null}}'
    )


def test_of_a_pod_the_operator_changes_its_annotation_and_nothing_else(account: Account) -> None:
    for revision in ("1", "2"):
        answer = account.patch({"metadata": {"annotations": {ANNOTATION: revision}}})
        assert answer.status_code == httpx.codes.OK, answer.text
        assert answer.json()["metadata"]["annotations"][ANNOTATION] == revision
    for patch, said in REFUSED:
        answer = account.patch(patch)
        assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY, f"{patch}: {answer.text}"
        assert said in answer.json()["message"]
    assert account.patch({"metadata": {"annotations": {ANNOTATION: None}}}).status_code == httpx.codes.OK


def test_the_operator_may_not_patch_the_pod_itself(account: Account) -> None:
    patch = {"metadata": {"annotations": {ANNOTATION: "1"}}}
    assert account.patch(patch, resource="pods/web").status_code == httpx.codes.FORBIDDEN
