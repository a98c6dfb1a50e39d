"""`githubtoken doctor` on the real API server: a healthy installation, broken ones, few rights, and no CRDs at all."""

from __future__ import annotations

import json
import stat
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from githubtoken_operator import __version__
from localcluster import ControlPlane
from localcluster.operator_process import NAMESPACE, SERVICE_ACCOUNT
from tests.integration.operator.command_line import Commands, Ended
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.leaks import find_secrets
from tests.integration.standins import know, standin_crds

if TYPE_CHECKING:
    from localcluster import Binaries
    from tests.integration.operator.stage.cluster import Object
    from tests.integration.operator.stage.world import World

LABELS = {"app.kubernetes.io/name": "githubtoken-operator", "app.kubernetes.io/component": "operator"}


@pytest.fixture
def rivals_crds(world: World) -> None:
    know(world.cluster.control_plane, standin_crds("github.as-code.io", "v1", "Token"))


@pytest.fixture
def doctor(world: World) -> Doctor:
    return Doctor(Commands(world.cluster.control_plane.kubeconfig, world.namespace), world.namespace)


class Doctor:
    """Runs it for the test's namespace, which counts as the operator's too."""

    def __init__(self, commands: Commands, operator_namespace: str) -> None:
        self._commands = commands
        self._where = operator_namespace

    def run(self, *arguments: str) -> Ended:
        return self._commands("doctor", "--operator-namespace", self._where, *arguments)

    def __call__(self, *arguments: str) -> dict[str, Object]:
        """The checks by their names."""
        ended = self.run("-o", "json", *arguments)
        checks = json.loads(ended.out)["checks"]
        assert (ended.code == 3) == any(check["state"] == "failed" for check in checks), ended.err
        return {check["name"]: check for check in checks}


def installed(
    world: World,
    *,
    version: str = __version__,
    holder: str = "a_1",
    account: str = SERVICE_ACCOUNT,
    name: str = "githubtoken-operator",
) -> None:
    """The operator's objects, as the chart would make them, in the test's namespace; `name` is its `nameOverride`."""
    secret = {"name": "HTTPS_PROXY", "value": "http://alice:" + canary(world, "proxy") + "@proxy:3128"}
    container = {"name": "operator", "image": f"example.com/operator:{version}", "args": ["run"], "env": [secret]}
    chosen = {**LABELS, "app.kubernetes.io/name": name}
    labels = {**chosen, "app.kubernetes.io/part-of": "githubtoken-operator", "app.kubernetes.io/version": version}
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": account, "containers": [container]}}
    meta: Object = {"name": "githubtoken-operator", "labels": labels}
    spec = {"replicas": 1, "selector": {"matchLabels": chosen}, "template": template}
    world.cluster.create(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, world.namespace
    )
    pod = {"nodeName": "nowhere", "containers": [container]}
    named = {"name": "githubtoken-operator-a", "labels": labels}
    world.cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": pod}, world.namespace)
    leads(world, world.namespace, holder)


def leads(world: World, namespace: str, holder: str = "b_2") -> None:
    """Somebody holds the Lease of that namespace for an hour."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    held = {"holderIdentity": holder, "renewTime": now, "leaseDurationSeconds": 3600}
    meta = {"name": "githubtoken-operator"}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": held}
    world.cluster.create(lease, namespace)


def canary(world: World, name: str) -> str:
    text = f"canary-{name}-{world.namespace}"
    world.canaries.append(text)
    return text


def states(found: dict[str, Object]) -> dict[str, str]:
    return {name: check["state"] for name, check in found.items()}


def test_a_healthy_installation_has_one_line_a_check_and_nothing_to_do(world: World, doctor: Doctor) -> None:
    world.app()
    world.installation_token("ci", permissions={"contents": "read"})
    world.wait_ready()
    installed(world)
    found = doctor()
    # No controller runs its pods, and the account in the test's namespace is nobody's.
    failed = [name for name, state in states(found).items() if state == "failed"]
    assert failed == ["Deployment githubtoken-operator", "Operator's rights"]
    ok = {name: check["message"] for name, check in found.items() if check["state"] == "ok"}
    assert ok["API server"].startswith("v1.")
    assert ok["CRD githubtokens"] == f"is that of this version, {__version__}"
    assert ok["Versions"] == f"the operator and this command are {__version__}"
    assert ok["Lease"].startswith("held by a_1, renewed ")
    assert ok["Your rights"] == "all that the commands ask for"
    assert any(name.startswith("Clock against 127.0.0.1:") for name in ok)
    assert ok[f"GitHubApp {world.namespace}/acme"].startswith("Accepted; its key is SHA256:")
    assert ok["GitHubTokens"] == f"1 of 1 are ready in the namespace {world.namespace}"
    assert ok["Installations"] == f"1 GitHubTokens use those of {world.account}"
    assert {"Permissions", "Labels", "Orphans", "Rivals"} <= ok.keys()
    table = doctor.run()
    assert len(table.out.splitlines()) == len(found) + 1
    assert table.err.startswith(f"\n{len(found)} checks: ")
    assert world.operator.process.poll() is None


def test_an_operator_is_found_under_another_name_and_in_another_namespace(world: World, doctor: Doctor) -> None:
    installed(world, name="gh")
    assert doctor()["Deployment githubtoken-operator"]["message"] == "0 of 1 replicas are ready"
    elsewhere = Doctor(Commands(world.cluster.control_plane.kubeconfig, world.namespace), "kube-public")
    assert world.namespace in elsewhere()["Deployment"]["advice"]


def test_an_operator_that_leads_in_another_namespace_too_is_told(world: World, doctor: Doctor) -> None:
    installed(world)
    with new_namespace(world.cluster, deleted=True) as other:
        leads(world, other)
        check = doctor()["Other operators"]
    assert check["state"] == "warning"
    assert other in check["message"]
    assert "scope.namespaces" in check["advice"]


def test_the_operators_rights_are_asked_for_its_own_account(world: World, doctor: Doctor) -> None:
    world.cluster.control_plane.service_account_kubeconfig("powerless", namespace=world.namespace)
    installed(world, account="powerless")
    check = doctor()["Operator's rights"]
    assert check["state"] == "failed"
    assert "get, list, watch, create, patch, update, delete secrets" in check["message"]
    assert "rbac.create" in check["advice"]
    real = Doctor(Commands(world.cluster.control_plane.kubeconfig, world.namespace), NAMESPACE)
    assert f"ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT} may do all" in real()["Operator's rights"]["message"]


def test_what_is_broken_is_told_with_what_to_do(world: World, doctor: Doctor) -> None:
    app = world.app()
    world.installation_token("ci", permissions={"issues": "write"})
    world.wait_reason("ci", "PermissionsNotGranted")
    world.user_token("alice", seed=world.sign_in(app))
    world.wait_ready("alice")
    world.delete("GitHubToken", "alice")
    world.wait_for("alice", lambda found: not found)
    for name in ("acme-app", "alice-seed"):
        world.patch(name, {"metadata": {"labels": {"githubtoken.dev/role": None}}}, kind="Secret")
    world.github_app(app, "locked", privateKeySecretRef={"name": "nowhere"})
    world.wait_reason("locked", "PrivateKeyMissing", kind="GitHubApp")
    installed(world, version="9.9.9", holder="")
    found, where = doctor(), world.namespace
    told = {name: check["message"] for name, check in found.items() if check["state"] in {"failed", "warning"}}
    assert told["Versions"] == f"the operator is 9.9.9, this command {__version__}"
    assert told["Lease"] == "nobody holds it"
    assert told[f"GitHubApp {where}/locked"].startswith("PrivateKeyMissing: ")
    assert told[f"GitHubToken {where}/ci"].startswith("PermissionsNotGranted: ")
    assert told["Permissions"] == f"not all that is asked for is granted: {where}/ci (issues: write)"
    assert found["Labels"]["message"].startswith("1 of the Secrets")
    assert told["Orphans"].endswith(f"{where}/alice-credential")
    assert all(check.get("advice") for name, check in found.items() if name in {"Lease", "Orphans", "Versions"})


def test_a_github_that_cannot_be_reached_is_told_and_one_that_is_not_allowed_is_not_asked(
    world: World, doctor: Doctor
) -> None:
    app = world.register()
    world.app_secret(app)
    world.github_app(app, "away", apiURL="http://127.0.0.1:9", privateKeySecretRef={"name": "acme-app"})
    world.github_app(app, "strange", apiURL="https://strange.example.com", privateKeySecretRef={"name": "acme-app"})
    world.wait_reason("strange", "HostNotAllowed", kind="GitHubApp")
    world.wait_for("away", lambda found: found.get("status", {}).get("observedGeneration") == 1, kind="GitHubApp")
    found = doctor()
    (asked,) = (check for name, check in found.items() if name.startswith("GitHub "))
    assert (asked["name"], asked["state"]) == ("GitHub 127.0.0.1:9", "failed")
    assert asked["message"].startswith("cannot be reached from here (it accepts no connection")
    assert not any(name.startswith("GitHub 127") for name in doctor("--no-github"))


def test_somebody_with_few_rights_is_told_what_is_hidden(world: World) -> None:
    world.ready_token()
    rules = [{"apiGroups": ["githubtoken.dev"], "resources": ["githubtokens"], "verbs": ["get", "list"]}]
    account = world.cluster.control_plane.service_account_kubeconfig("eve", namespace=world.namespace, rules=rules)
    # Without -n it is their own namespace, since they may not list all.
    found = Doctor(Commands(account), NAMESPACE)("--no-github")
    assert found["GitHubTokens"]["message"] == f"1 of 1 are ready in the namespace {world.namespace}"
    assert found["CRD githubtokens"]["message"] == "is served; whether it is of this version, you may not see"
    hidden = {name for name, state in states(found).items() if state == "unknown"}
    assert {
        "Deployment",
        "Lease",
        "Operator's rights",
        "GitHubApps",
        "ClusterGitHubApps",
        "Labels",
        "Orphans",
    } <= hidden
    assert found["Your rights"]["message"].startswith(
        "you may not patch githubtokens.githubtoken.dev; get, list githuba"
    )
    assert "failed" not in states(found).values()


def test_rivals_that_write_the_same_secret_are_told(world: World, doctor: Doctor, rivals_crds: None) -> None:
    world.ready_token()
    made = {"name": "theirs"}
    token = {
        "apiVersion": "github.as-code.io/v1",
        "kind": "Token",
        "metadata": made,
        "spec": {"secret": {"name": "ci"}},
    }
    world.cluster.control_plane.kubectl(
        "apply", f"--namespace={world.namespace}", "--filename=-", stdin=json.dumps(token)
    )
    check = doctor()[f"Token {world.namespace}/theirs"]
    assert (check["state"], check["message"]) == ("failed", "writes Secret ci, which GitHubToken ci writes too")


def test_a_bundle_holds_what_a_report_needs_and_no_secret(world: World, doctor: Doctor, tmp_path: Path) -> None:
    app = world.app()
    world.installation_token("ci", secret={"data": {"config": canary(world, "text") + " ${token}"}})
    world.user_token("alice", seed=world.sign_in(app))
    world.wait_ready()
    world.wait_ready("alice")
    whole = json.dumps({"spec": {"secret": {"data": {"config": canary(world, "applied")}}}})
    notes = {"kubectl.kubernetes.io/last-applied-configuration": whole}
    world.patch("ci", {"metadata": {"annotations": notes}})
    installed(world)
    bundle = tmp_path / "report.tar.gz"
    ended = doctor.run("--bundle", str(bundle))
    assert ended.err.endswith("look into it before you hand it on.\n")
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    texts = unpacked(bundle)
    assert {"checks.yaml", "githubtokens.yaml", "githubapps.yaml", "events.yaml", "lease.yaml"} <= texts.keys()
    assert "token valid until" in texts["events.yaml"]
    assert "HTTPS_PROXY" in texts["deployments.yaml"]
    assert texts["logs/githubtoken-operator-a.log"] == "(empty)\n", "there is no kubelet"
    for name in ("ci", "alice", "alice-credential"):
        world.data(name)
    # The canaries in the manifests are the test's own: they are in the cluster, where the world's end looks.
    assert find_secrets("\n".join(texts.values()) + ended.out, world.canaries) == []
    again = doctor.run("--bundle", str(bundle))
    assert (again.code, "is there already" in again.err) == (2, True)
    world.canaries[:] = [each for each in world.canaries if not each.startswith("canary-")]


def unpacked(bundle: Path) -> dict[str, str]:
    with tarfile.open(bundle) as archive:
        files = {each.name.partition("/")[2]: archive.extractfile(each) for each in archive.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


def test_a_cluster_without_our_crds_says_how_to_get_them(binaries: Binaries) -> None:
    with ControlPlane(binaries) as plane:
        ended = Commands(plane.kubeconfig)("doctor", "--no-github", "-o", "json")
        found: dict[str, Any] = {check["name"]: check for check in json.loads(ended.out)["checks"]}
        assert ended.code == 3
        assert found["CRD githubtokens"]["message"] == "is not installed"
        assert "githubtoken crds | kubectl apply" in found["CRD githubtokens"]["advice"]
        assert found["GitHubTokens"]["message"] == "there is none"
        assert "CustomResourceDefinitions are not installed" in Commands(plane.kubeconfig)("status", "ci").complaint
        plane.kubeconfig.write_text(plane.kubeconfig.read_text().replace(plane.server, "https://127.0.0.1:1"))
        away = Commands(plane.kubeconfig)("doctor", "--no-github")
        assert away.code == 3
        assert "the API server cannot be reached at https://127.0.0.1:1" in away.out.splitlines()[1]
