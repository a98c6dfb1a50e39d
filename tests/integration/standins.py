"""Other products' kinds, as far as an API server must know them to take an object of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from localcluster import ControlPlane


def standin_crds(group: str, version: str, *kinds: str, scope: str = "Namespaced") -> str:
    """CRDs by which an API server takes any object of these kinds."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return yaml.safe_dump_all(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{kind.lower()}s.{group}"},
            "spec": {
                "group": group,
                "names": {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()},
                "scope": scope,
                "versions": [served],
            },
        }
        for kind in kinds
    )


def rollouts_crd() -> str:
    """A stand-in for Argo Rollouts' CRD."""
    return standin_crds("argoproj.io", "v1alpha1", "Rollout")


def know(control_plane: ControlPlane, crds: str) -> None:
    """Installs CRDs and waits until the API server serves them."""
    control_plane.kubectl("apply", "--server-side", "--filename=-", stdin=crds)
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "--filename=-", stdin=crds)
