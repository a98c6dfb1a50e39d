"""Installing where something is there already, or not yet: CRDs, an umbrella chart, OpenShift, a company's CA."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from githubtoken_operator.adapters.signers.services.vault import token_file
from githubtoken_operator.settings import Settings
from localcluster import ControlPlane
from tests.integration.chart.conftest import CHART, NAMESPACE, RELEASE, REPOSITORY, Release, render, run
from tests.integration.standins import know

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcluster import Binaries
    from localcluster.helm import Helm

pytestmark = pytest.mark.xdist_group("chart-releases")

CRDS = ("clustergithubapps", "clustergithubtokens", "githubapps", "githubtokens")
VERSIONS = pytest.mark.parametrize("version", ["helm3", "helm4"])


# --- an umbrella chart -----------------------------------------------------------------------------------------------


@pytest.fixture
def umbrella(tmp_path: Path) -> Path:
    """A chart of which ours is a dependency that a condition switches."""
    dependency = {"name": RELEASE, "version": "0.1.0", "condition": f"{RELEASE}.enabled"}
    chart = {"apiVersion": "v2", "name": "umbrella", "version": "1.0.0", "dependencies": [dependency]}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart))
    shutil.copytree(CHART, tmp_path / "charts" / RELEASE)
    return tmp_path


@VERSIONS
def test_the_chart_is_a_dependency_that_a_condition_switches(helm: Helm, umbrella: Path, version: str) -> None:
    rendered = {}
    for wanted in ("true", "false"):
        result = run(getattr(helm, version), "template", "all", umbrella, f"--set={RELEASE}.enabled={wanted}")
        assert result.code == 0, result.error
        rendered[wanted] = result.output
    assert "kind: Deployment" in rendered["true"]
    assert rendered["false"].strip() == ""
    misspelt = run(getattr(helm, version), "template", "all", umbrella, f"--set={RELEASE}.enable=true")
    assert "'enable' not allowed" in misspelt.error


# --- CRDs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def empty(binaries: Binaries) -> Iterator[ControlPlane]:
    """A control plane that knows nothing of ours."""
    with ControlPlane(binaries) as plane:
        yield plane


def owners(plane: ControlPlane) -> set[str | None]:
    """The releases that the CRDs say they are of."""
    found = [plane.get("crd", f"{kind}.githubtoken.dev")["metadata"].get("annotations", {}) for kind in CRDS]
    return {notes.get("meta.helm.sh/release-name") for notes in found}


APP = {"apiVersion": "githubtoken.dev/v1alpha1", "kind": "ClusterGitHubApp", "metadata": {"name": "acme"}}
SPEC = {"appID": 1, "privateKeySecretRef": {"name": "acme-app"}}


@VERSIONS
def test_crds_that_kubectl_or_another_release_brought_are_left_to_them(
    helm: Helm, empty: ControlPlane, version: str
) -> None:
    crds = "".join(path.read_text() + "---\n" for path in sorted((REPOSITORY / "deploy" / "crds").glob("*.yaml")))
    know(empty, crds)
    release = Release(getattr(helm, version), empty)
    notes = release.helm("install", RELEASE, CHART, "--create-namespace").output
    assert "were there before and are not this release's" in notes
    assert owners(empty) == {None}
    release.helm("upgrade", RELEASE, CHART)
    adopted = release.helm("upgrade", RELEASE, CHART, "--take-ownership", "--set=crds.adopt=true")
    assert "were there before" not in adopted.output
    assert owners(empty) == {RELEASE}
    release.helm("upgrade", RELEASE, CHART)
    assert owners(empty) == {RELEASE}
    release.helm("uninstall", RELEASE)
    # They stayed with the objects; a release of another name finds them.
    other = Release(getattr(helm, version), empty).helm("install", "other", CHART, "--set=fullnameOverride=other")
    assert "were there before" in other.output
    assert owners(empty) == {RELEASE}


@VERSIONS
def test_objects_of_our_own_kinds_come_with_the_release_once_the_crds_are_there(
    helm: Helm, empty: ControlPlane, version: str
) -> None:
    extra = f"--set-json=extraObjects={json.dumps([{**APP, 'spec': SPEC}])}"
    install = ("install", RELEASE, CHART, "--create-namespace", extra)
    access = (f"--kubeconfig={empty.kubeconfig}", f"--namespace={NAMESPACE}")
    refused = run(getattr(helm, version), *install, *access)
    assert refused.code != 0
    assert "install the CustomResourceDefinitions first (kubectl apply --server-side -f deploy/crds" in refused.error
    empty.kubectl("apply", f"--filename={REPOSITORY / 'deploy' / 'crds'}")
    empty.kubectl("wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{k}.githubtoken.dev" for k in CRDS))
    Release(getattr(helm, version), empty).helm(*install)
    assert empty.get("cgha", "acme")["spec"]["appID"] == 1


@VERSIONS
def test_helm_looks_kinds_up_before_it_makes_the_first_object(
    helm: Helm, empty: ControlPlane, version: str, tmp_path: Path
) -> None:
    """Why the chart can but refuse: of helm itself, the same install ends in words that name no way on."""
    chart = {"apiVersion": "v2", "name": "bare", "version": "1.0.0"}
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart))
    for path in (REPOSITORY / "deploy" / "crds").glob("*.yaml"):
        shutil.copy(path, tmp_path / "templates")
    (tmp_path / "templates" / "app.yaml").write_text(json.dumps({**APP, "spec": SPEC}))
    refused = run(getattr(helm, version), "install", "bare", tmp_path, f"--kubeconfig={empty.kubeconfig}")
    assert refused.code != 0
    assert 'no matches for kind "ClusterGitHubApp"' in refused.error


@VERSIONS
def test_who_has_all_rights_in_one_namespace_and_none_elsewhere_installs_the_chart_there(
    helm: Helm, empty: ControlPlane, version: str
) -> None:
    """As docs/installation.md has it: an administrator brought the CRDs, once, and has no part in the rest."""
    empty.kubectl("apply", "--server-side", f"--filename={REPOSITORY / 'deploy' / 'crds'}")
    empty.kubectl("wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{k}.githubtoken.dev" for k in CRDS))
    empty.kubectl("create", "namespace", "team-a")
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    owner = empty.service_account_kubeconfig("owner", namespace="team-a", rules=[everything])
    access = (f"--kubeconfig={owner}", "--namespace=team-a")
    values = ["--set=crds.enabled=false", "--set=scope.namespaces={team-a}", "--set=simulator.enabled=true"]
    # The right to touch pods without the policy that holds the operator to it, which is an object of the cluster.
    values += ["--set=rbac.immediatePropagation.enabled=true", "--set=rbac.admissionPolicies.enabled=false"]
    app = {**APP, "kind": "GitHubApp", "spec": SPEC}
    extra = f"--set-json=extraObjects={json.dumps([app])}"
    for verb in ("install", "upgrade"):
        ended = run(getattr(helm, version), verb, RELEASE, CHART, *access, *values, extra)
        assert ended.code == 0, ended.error
        assert "serves the namespaces team-a" in ended.output
    assert empty.get("deployments", RELEASE, "--namespace=team-a")["spec"]["replicas"] == 2
    ended = run(getattr(helm, version), "uninstall", RELEASE, *access)
    assert ended.code == 0, ended.error


def test_without_a_cluster_objects_of_our_own_kinds_are_rendered(helm: Helm) -> None:
    rendered = render(helm, f"--set-json=extraObjects={json.dumps([{**APP, 'spec': SPEC}])}")
    assert rendered.one("ClusterGitHubApp", "acme")["spec"] == SPEC


# --- OpenShift -------------------------------------------------------------------------------------------------------

IDS = {"runAsUser", "runAsGroup", "fsGroup"}


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ([], IDS),
        (["--api-versions=security.openshift.io/v1"], set()),
        (["--set=adaptSecurityContext=force"], set()),
        (["--set=adaptSecurityContext=disabled", "--api-versions=security.openshift.io/v1"], IDS),
        (["--set=podSecurityContext.runAsUser=null"], IDS - {"runAsUser"}),
    ],
    ids=["elsewhere", "on OpenShift", "when told", "not when told otherwise", "null takes one away"],
)
@VERSIONS
def test_users_that_openshift_gives_are_not_pinned(
    helm: Helm, version: str, arguments: list[str], kept: set[str]
) -> None:
    result = run(getattr(helm, version), "template", RELEASE, CHART, "--set=simulator.enabled=true", *arguments)
    assert result.code == 0, result.error
    for found in yaml.safe_load_all(result.output):
        if found and found["kind"] == "Deployment":
            context = found["spec"]["template"]["spec"]["securityContext"]
            of_the_operator = found["metadata"]["name"] == RELEASE
            if of_the_operator or "null" not in str(arguments):
                assert IDS & context.keys() == kept
            assert context["runAsNonRoot"] is True
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}


# --- volumes and a company's CA --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("configMap", {"configMap": {"name": "corp"}}),
        ("secret", {"secret": {"secretName": "corp"}}),
    ],
)
def test_a_companys_ca_is_one_value(helm: Helm, value: str, source: dict[str, object]) -> None:
    rendered = render(helm, f"--set=trustedCA.{value}=corp", "--set=trustedCA.key=root.pem")
    operator, pod = rendered.operator(), rendered.one("Deployment")["spec"]["template"]["spec"]
    assert "--ca-file=/etc/githubtoken/ca/root.pem" in operator["args"]
    assert {"name": "trusted-ca", **source} in pod["volumes"]
    (mount,) = (each for each in operator["volumeMounts"] if each["name"] == "trusted-ca")
    # Not by `subPath`: a renewed file would never come into the pod.
    assert mount == {"name": "trusted-ca", "mountPath": "/etc/githubtoken/ca", "readOnly": True}
    assert "--ca-file" not in str(render(helm).operator()["args"])


def test_a_ca_from_two_places_is_refused(helm: Helm) -> None:
    result = run(helm.helm3, "template", "name", CHART, "--set=trustedCA.configMap=a,trustedCA.secret=b")
    assert "leave one of them empty" in result.error


def test_each_audience_of_a_vault_has_a_token_where_the_operator_looks_for_it(helm: Helm) -> None:
    audiences = ["vault", "https://vault.example.com:8200"]
    rendered = render(helm, f"--set-json=signers.vault.audiences={json.dumps(audiences)}")
    operator, pod = rendered.operator(), rendered.one("Deployment")["spec"]["template"]["spec"]
    [volume] = [each for each in pod["volumes"] if each["name"] == "signer-tokens"]
    sources = [each["serviceAccountToken"] for each in volume["projected"]["sources"]]
    folder = Settings().signer_tokens
    assert f"--signer-tokens={folder}" in operator["args"]
    assert {"name": "signer-tokens", "mountPath": str(folder), "readOnly": True} in operator["volumeMounts"]
    assert [(each["audience"], folder / each["path"]) for each in sources] == [
        (audience, token_file(folder, audience)) for audience in audiences
    ]
    assert {each["expirationSeconds"] for each in sources} == {3600}
    assert "signer" not in str(render(helm).one("Deployment"))


def test_the_pin_of_an_hsm_comes_from_a_secret(helm: Helm) -> None:
    values = ("--set=signers.pkcs11.module=/hsm/lib.so", "--set=signers.pkcs11.pinSecret=hsm")
    rendered = render(helm, *values, "--set=signers.pkcs11.pinKey=user")
    operator, pod = rendered.operator(), rendered.one("Deployment")["spec"]["template"]["spec"]
    assert "--pkcs11-module=/hsm/lib.so" in operator["args"]
    assert "--pkcs11-pin-file=/etc/githubtoken/pkcs11/user" in operator["args"]
    assert {"name": "pkcs11-pin", "secret": {"secretName": "hsm", "defaultMode": 0o440}} in pod["volumes"]
    mount = {"name": "pkcs11-pin", "mountPath": "/etc/githubtoken/pkcs11", "readOnly": True}
    assert mount in operator["volumeMounts"]
    assert "pkcs11" not in str(render(helm).one("Deployment"))


def test_further_volumes_are_mounted(helm: Helm) -> None:
    rendered = render(
        helm,
        '--set-json=extraVolumes=[{"name": "more", "emptyDir": {}}]',
        '--set-json=extraVolumeMounts=[{"name": "more", "mountPath": "/more"}]',
    )
    assert {"name": "more", "emptyDir": {}} in rendered.one("Deployment")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "more", "mountPath": "/more"} in rendered.operator()["volumeMounts"]
