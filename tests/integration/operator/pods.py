"""Pods of the operator where there is no kubelet: objects that nothing runs, for processes that are told so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from localcluster.operator_process import NAMESPACE, SERVICE_ACCOUNT

if TYPE_CHECKING:
    from localcluster import ControlPlane

_IMAGE: Final = "localhost/githubtoken-operator"
_RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def make_pod(plane: ControlPlane, name: str) -> str:
    """A pod that runs, as far as its object says; returns its uid."""
    container = {"name": "operator", "image": _IMAGE, "securityContext": _RESTRICTED}
    spec = {"serviceAccountName": SERVICE_ACCOUNT, "containers": [container]}
    plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec})
    set_status(plane, name, "Running", {"running": {}})
    return plane.kubectl("get", "pod", name, f"--namespace={NAMESPACE}", "--output=jsonpath={.metadata.uid}")


def set_status(plane: ControlPlane, name: str, phase: str, state: dict[str, Any]) -> None:
    """As kubelet says it of a pod and of its container."""
    container = {"name": "operator", "image": _IMAGE, "imageID": "", "ready": False, "restartCount": 0, "state": state}
    patch = json.dumps({"status": {"phase": phase, "containerStatuses": [container]}})
    plane.kubectl(
        "patch", "pod", name, f"--namespace={NAMESPACE}", "--subresource=status", "--type=merge", f"--patch={patch}"
    )


def delete_pod(plane: ControlPlane, name: str) -> None:
    """The object goes, as after a deletion by force."""
    plane.kubectl("delete", "pod", name, f"--namespace={NAMESPACE}", "--grace-period=0", "--force")
