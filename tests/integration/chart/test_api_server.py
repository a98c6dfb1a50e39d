"""What the chart renders, as the real API server takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcluster import KubectlError
from tests.integration.chart.conftest import REPOSITORY, VALUES, Object, name_of, render, values_file

if TYPE_CHECKING:
    from localcluster import ControlPlane
    from localcluster.helm import Helm


@pytest.mark.parametrize("values", VALUES, ids=name_of)
def test_everything_passes_the_strict_validation(
    helm: Helm, monitored: ControlPlane, namespace: str, values: Path | None
) -> None:
    rendered = render(helm, *values_file(values), name="release", namespace=namespace)
    monitored.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "--filename=-",
        stdin=rendered.text,
    )


MANIFESTS = ("install.yaml", "optional/immediate-propagation.yaml", "optional/restart-targets.yaml")


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_manifests_pass_it_too(control_plane: ControlPlane, name: str) -> None:
    path = REPOSITORY / "deploy" / name
    control_plane.kubectl("apply", "--server-side", f"--filename={REPOSITORY / 'deploy' / 'rbac'}")
    control_plane.kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", f"--filename={path}"
    )


def test_the_kustomization_has_what_the_manifest_has(control_plane: ControlPlane) -> None:
    built = control_plane.kubectl("kustomize", str(REPOSITORY / "deploy"))
    assert built.count("\nkind: ") == (REPOSITORY / "deploy" / "install.yaml").read_text().count("\nkind: ")


def pods(helm: Helm, *values: str) -> dict[str, Object]:
    """The pods of the release, as a controller would make them."""
    rendered = render(helm, *values)
    templates = {each["metadata"]["name"]: each["spec"]["template"] for each in rendered.of_kind("Deployment")}
    templates |= {each["metadata"]["name"]: each for each in rendered.of_kind("Pod")}
    return {
        name: {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": template["metadata"]["labels"]},
            # The ServiceAccount's own admission is not what is asked here.
            "spec": {**template["spec"], "serviceAccountName": "default"},
        }
        for name, template in templates.items()
    }


@pytest.fixture
def restricted(control_plane: ControlPlane, namespace: str) -> str:
    """A namespace that enforces Pod Security `restricted`, whose ServiceAccount is there."""
    control_plane.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    control_plane.kubectl("wait", "--for=create", "--timeout=60s", "serviceaccount/default", f"--namespace={namespace}")
    return namespace


def create(control_plane: ControlPlane, namespace: str, pod: Object) -> None:
    control_plane.kubectl(
        "create", "--dry-run=server", f"--namespace={namespace}", "--filename=-", stdin=json.dumps(pod)
    )


@pytest.mark.every_kubernetes
def test_pod_security_restricted_takes_every_pod(helm: Helm, control_plane: ControlPlane, restricted: str) -> None:
    found = pods(helm, "--set=simulator.enabled=true")
    assert len(found) == 3
    for pod in found.values():
        create(control_plane, restricted, pod)


def test_pod_security_would_refuse_less(helm: Helm, control_plane: ControlPlane, restricted: str) -> None:
    pod = pods(helm, "--set=podSecurityContext.runAsUser=0", "--set=securityContext.capabilities=null")
    with pytest.raises(KubectlError, match="violates PodSecurity") as refused:
        create(control_plane, restricted, pod["githubtoken-operator"])
    assert "capabilities" in str(refused.value)
    assert "runAsUser=0" in str(refused.value)
