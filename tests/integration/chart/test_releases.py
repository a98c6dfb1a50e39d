"""A release's life on the real API server: install, upgrade, roll back, uninstall. No node runs its pods here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcluster import ControlPlane, locate, locate_oldest
from tests.integration.chart.conftest import CHART, RELEASE, Release
from tests.integration.standins import know

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcluster.helm import Helm

pytestmark = pytest.mark.xdist_group("chart-releases")

TOKEN = """
apiVersion: githubtoken.dev/v1alpha1
kind: GitHubToken
metadata: {name: ci, namespace: default}
spec: {appRef: {name: acme}, installation: {owner: acme}}
"""
UPGRADED = (
    "--set=image.repository=registry.example.com/githubtoken-operator",
    "--set=replicaCount=3",
    "--set=rbac.restartTargets.enabled=true",
    "--set=metrics.serviceMonitor.enabled=true",
    "--set=networkPolicy.enabled=true",
)


KUBERNETES = {"newest": locate, "oldest": locate_oldest}


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest, monitoring_kinds: str) -> Iterator[ControlPlane]:
    """A control plane without our CRDs: the chart brings them."""
    with ControlPlane(KUBERNETES[request.param]()) as plane:
        know(plane, monitoring_kinds)
        yield plane


OWN = "deployments,services,serviceaccounts,poddisruptionbudgets,roles,rolebindings,networkpolicies,servicemonitors"
OF_THE_CLUSTER = "clusterroles,clusterrolebindings"


@pytest.mark.parametrize(
    ("plane", "version"), [("newest", "helm3"), ("newest", "helm4"), ("oldest", "helm4")], indirect=["plane"]
)
def test_a_release_is_installed_upgraded_rolled_back_and_uninstalled(
    helm: Helm, plane: ControlPlane, version: str
) -> None:
    release = Release(getattr(helm, version), plane)

    notes = release.helm("install", RELEASE, CHART, "--create-namespace").output
    assert "kubectl create secret generic my-app --from-file=private-key.pem" in notes
    assert "name it there by --set image.repository=REGISTRY/githubtoken-operator" in notes
    assert release.status() == "deployed 1"
    first = release.names(f"{OWN},{OF_THE_CLUSTER}")
    assert len(release.objects("customresourcedefinitions")) == 4
    plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/githubtokens.githubtoken.dev")
    plane.kubectl("apply", "--server-side", "--filename=-", stdin=TOKEN)

    notes = release.helm("upgrade", RELEASE, CHART, *UPGRADED).output
    assert "no published image" not in notes
    assert release.status() == "deployed 2"
    assert release.objects("deployments")[0]["spec"]["replicas"] == 3
    assert set(first) < set(release.names(f"{OWN},{OF_THE_CLUSTER}"))
    assert release.names("networkpolicies,servicemonitors") == [RELEASE, RELEASE]

    release.helm("rollback", RELEASE, "1")
    assert release.status() == "deployed 3"
    assert release.objects("deployments")[0]["spec"]["replicas"] == 2
    assert release.names(f"{OWN},{OF_THE_CLUSTER}") == first

    release.helm("uninstall", RELEASE)
    assert release.names(f"{OWN},{OF_THE_CLUSTER}") == []
    # The CRDs stay, and every object of theirs with them: a reinstallation takes them up again.
    assert len(release.objects("customresourcedefinitions")) == 4
    assert plane.get("ght", "ci", "--namespace=default")["spec"]["installation"] == {"owner": "acme"}


@pytest.mark.parametrize("plane", ["newest"], indirect=True)
def test_an_upgrade_keeps_the_simulators_keys(helm: Helm, plane: ControlPlane) -> None:
    release = Release(helm.helm3, plane)
    release.helm("install", RELEASE, CHART, "--create-namespace", "--set=simulator.enabled=true")
    before = release.objects("secrets")[-1]["data"]
    release.helm("upgrade", RELEASE, CHART, "--set=simulator.enabled=true")
    assert release.objects("secrets")[-1]["data"] == before
    hooks = release.helm("get", "hooks", RELEASE).output
    assert f"caBundle: {before['ca.crt']}" in hooks
    release.helm("uninstall", RELEASE)
