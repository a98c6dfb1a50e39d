"""The operator's journey under its ServiceAccount, on an API server that writes down who asked for what.

The rights are the chart's, all optional ones included. Nothing that was asked may have been refused, and what is given
must have been used.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from github_simulator.control_client import sha256
from localcluster import ControlPlane
from localcluster.operator_process import NAMESPACE, SERVICE_ACCOUNT, running_operator
from tests.conftest import CRDS
from tests.integration.operator.conftest import ALLOWED_HOSTS, RIGHTS
from tests.integration.operator.pods import make_pod
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.world import world_in
from tests.integration.standins import know, rollouts_crd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from github_simulator.process import SimulatorProcess
    from localcluster import Binaries
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.xdist_group("apart-rights")

USER = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [USER]}, {"level": "None"}],
}
Right = tuple[str, str, str]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Rollout")


@pytest.fixture(scope="module")
def audit_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit") / "log"


@pytest.fixture(scope="module")
def plane_apart(binaries: Binaries, audit_log: Path) -> Iterator[ControlPlane]:
    policy = audit_log.with_name("policy.yaml")
    policy.write_text(yaml.safe_dump(POLICY))
    flags = (f"--audit-log-path={audit_log}", f"--audit-policy-file={policy}")
    with ControlPlane(binaries, crds=CRDS, api_server_flags=flags) as plane:
        yield plane


@pytest.fixture
def apart(
    plane_apart: ControlPlane, cluster_apart: Cluster, rights: Path, simulator: SimulatorProcess, tmp_path: Path
) -> Iterator[World]:
    """A world whose operator holds a Lease and knows its pod, as the chart's does."""
    know(plane_apart, rollouts_crd())
    pod = ("--operator-namespace", NAMESPACE, "--pod-name", "operator", "--pod-uid", make_pod(plane_apart, "operator"))
    with (
        running_operator(rights, tmp_path / "log", *ALLOWED_HOSTS, "--leader-elect", *pod) as operator,
        new_namespace(cluster_apart) as namespace,
        world_in(cluster_apart, simulator, operator, namespace) as world,
    ):
        yield world


LONG = {"example.com/long": "x" * 20_000}
"""What is so long is not kept from the watch, and has to be read."""


def given() -> set[Right]:
    """What the manifests allow."""
    paths = [path for folder in RIGHTS for path in sorted(folder.glob("*.yaml"))]
    return {
        (group, resource, verb)
        for path in paths
        for part in yaml.safe_load_all(path.read_text())
        if part["kind"] in {"ClusterRole", "Role"}
        for rule in part["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked(log: Path) -> list[dict[str, Any]]:
    """The operator's requests for resources; discovery is everybody's."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    return [entry for entry in entries if "objectRef" in entry]


def right(entry: dict[str, Any]) -> Right:
    what = entry["objectRef"]
    resource = what["resource"] + (f"/{what['subresource']}" if "subresource" in what else "")
    return what.get("apiGroup", ""), resource, entry["verb"]


def make_cluster_app(world: World, plane: ControlPlane) -> None:
    """A ClusterGitHubApp for namespaces with a label, which the world's namespace gets after it."""
    app = world.register()
    world.install(app)
    key = {"private-key.pem": app.private_key}
    plane.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "shared-app", "namespace": NAMESPACE},
            "stringData": key,
        }
    )
    plane.apply(
        {
            "apiVersion": "githubtoken.dev/v1alpha1",
            "kind": "ClusterGitHubApp",
            "metadata": {"name": "shared", "annotations": LONG},
            "spec": {
                "appID": app.id,
                "privateKeySecretRef": {"name": "shared-app"},
                "apiURL": world.simulator.api_url,
                "webURL": world.simulator.web_url,
                "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"github": "allowed"}}},
            },
        }
    )
    many = (f"{'x' * 60}{number}={'y' * 60}" for number in range(100, 250))
    plane.kubectl("label", "namespace", world.namespace, "github=allowed", *many)


def make_cluster_token(world: World, plane: ControlPlane) -> None:
    """A ClusterGitHubToken of that App whose token is revoked at its end."""
    plane.apply(
        {
            "apiVersion": "githubtoken.dev/v1alpha1",
            "kind": "ClusterGitHubToken",
            "metadata": {"name": "everywhere"},
            "spec": {
                "appRef": {"name": "shared"},
                "installation": {"owner": world.account},
                "namespaces": {"names": [world.namespace]},
                "deletionPolicy": "Revoke",
            },
        }
    )


def make_consumers(world: World) -> dict[str, Any]:
    """Workloads that read the Secret `ci` once and a pod that mounts it, and the fields that concern them."""
    for kind in WORKLOADS:
        world.workload(kind=kind)
    world.pod("mounts", {"secret": {"secretName": "ci"}})
    targets = [{"kind": kind, "name": "web"} for kind in WORKLOADS]
    return {"restartTargets": targets, "propagation": "Immediate"}


def begin_elsewhere(world: World) -> None:
    """A rotation that a pod has announced which is gone."""
    token = sha256(world.data("alice-credential")["refresh_token"])
    pod = {"namespace": NAMESPACE, "name": "operator-before", "uid": "uid-before"}
    intent = {"token": token, "holder": "before", "pod": pod, "attempt": 1, "startedAt": "2026-01-01T00:00:00Z"}
    world.annotate("alice-credential", kind="Secret", refresh_intent=json.dumps(intent))


def restarted(world: World, kind: str) -> bool:
    spec = (world.get(kind, "web") or {})["spec"]
    template = spec["template"]
    if kind == "Rollout":
        return "restartAt" in spec
    return "githubtoken.dev/restarted-at" in template["metadata"].get("annotations", {})


def touched(world: World) -> bool:
    notes = (world.get("Pod", "mounts") or {})["metadata"].get("annotations", {})
    return "githubtoken.dev/synced-revision" in notes


def test_every_right_is_used_and_none_is_missed(apart: World, plane_apart: ControlPlane, audit_log: Path) -> None:
    app = apart.app()
    apart.patch("acme", {"metadata": {"annotations": LONG}}, kind="GitHubApp")
    told = make_consumers(apart)
    apart.token("ci", {"appRef": {"name": "acme"}, "installation": {"owner": apart.account}, **told})
    apart.user_token(seed=apart.sign_in(app))
    revoked = {"appRef": {"name": "acme"}, "installation": {"owner": apart.account}, "deletionPolicy": "Revoke"}
    apart.token("revoked", revoked)
    make_cluster_app(apart, plane_apart)
    shared = {"appRef": {"kind": "ClusterGitHubApp", "name": "shared"}, "installation": {"owner": apart.account}}
    apart.token("shared", shared)
    for name in ("ci", "alice", "revoked", "shared"):
        apart.wait_ready(name)

    make_cluster_token(apart, plane_apart)
    apart.wait_until(lambda: apart.data("everywhere"), "the token for many namespaces")
    plane_apart.kubectl("delete", "clustergithubtoken", "everywhere", "--timeout=40s")

    begin_elsewhere(apart)
    apart.annotate("alice", refresh_requested_at="now")
    apart.wait_for("alice", lambda token: token["status"].get("lastHandledRefreshAt") == "now")
    apart.annotate("ci", refresh_requested_at="now")
    apart.wait_until(lambda: all(restarted(apart, kind) for kind in WORKLOADS), "the restarts")
    apart.wait_until(lambda: touched(apart), "the touched pod")
    apart.delete("GitHubToken", "revoked")
    apart.wait_until(lambda: apart.get("GitHubToken", "revoked") is None, "the end of the revoked token")
    apart.change("ci", secret={"type": "kubernetes.io/basic-auth", "formats": ["BasicAuth"]})
    apart.wait_until(lambda: "password" in apart.data("ci"), "the Secret of the other type")
    apart.delete("Secret", "ci")
    apart.wait_until(lambda: apart.data("ci"), "the restored Secret")
    apart.operator.stop()

    entries = asked(audit_log)
    refused = [right(entry) for entry in entries if entry["responseStatus"]["code"] == 403]
    assert refused == []
    used = {right(entry) for entry in entries}
    assert used <= given()
    assert sorted(given() - used) == []
