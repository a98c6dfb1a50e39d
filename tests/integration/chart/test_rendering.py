"""What the chart renders, as the real helm sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml
from click.testing import CliRunner

import manifests
from githubtoken_operator.adapters.journal_files import HOLDER
from githubtoken_operator.cli import cli
from githubtoken_operator.domain.user.pod import Pod
from githubtoken_operator.settings import Settings
from tests.integration.chart.conftest import CHART, VALUES, Rendered, name_of, render, run, values_file

if TYPE_CHECKING:
    from localcluster.helm import Helm

CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding")


@pytest.mark.parametrize("values", VALUES, ids=name_of)
@pytest.mark.parametrize("version", ["helm3", "helm4"])
def test_helm_finds_nothing_to_complain_about(helm: Helm, version: str, values: Path | None) -> None:
    result = run(getattr(helm, version), "lint", "--strict", CHART, *values_file(values))
    assert result.code == 0, result.output + result.error
    assert "[WARNING]" not in result.output


# The simulator's keys are new in each rendering.
@pytest.mark.parametrize("values", [path for path in VALUES if name_of(path) != "simulator"], ids=name_of)
def test_helm_3_and_4_render_the_same(helm: Helm, values: Path | None) -> None:
    three, four = (
        run(program, "template", "name", CHART, "--namespace=where", *values_file(values))
        for program in (helm.helm3, helm.helm4)
    )
    assert (three.code, three.output) == (0, four.output)


def test_the_pod_of_helm_test_outlasts_the_test(helm: Helm) -> None:
    """`helm test --logs` reads its log afterwards, and fails where the pod is gone. The rest need not stay."""
    rendered = render(helm, "--set=simulator.enabled=true")
    policies = {
        each["kind"]: annotations["helm.sh/hook-delete-policy"]
        for each in rendered.objects
        if "helm.sh/hook" in (annotations := each["metadata"].get("annotations", {}))
    }
    assert policies == {
        "GitHubApp": "before-hook-creation,hook-succeeded",
        "GitHubToken": "before-hook-creation,hook-succeeded",
        "Pod": "before-hook-creation",
    }


def test_the_manifests_in_deploy_are_what_the_chart_renders(helm: Helm) -> None:
    assert manifests.outdated(manifests.with_helm(helm.helm3)) == [], "run `make manifests`"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set=replicas=3"], "'replicas' not allowed"),
        (["--set=rbac.restartTarget.enabled=true"], "'restartTarget' not allowed"),
        (["--set=crds.kept=true"], "'kept' not allowed"),
        (["--set=image.tags=1"], "'tags' not allowed"),
        (["--set=metrics.serviceMonitor.honourLabels=true"], "'honourLabels' not allowed"),
        (["--set=replicaCount=two"], "/replicaCount"),
        (["--set=scope.namespaces={Team_A}"], "/scope/namespaces/0"),
        (["--set=operator.logLevel=loud"], "/operator/logLevel"),
        (["--set=operator.concurrency=0"], "/operator/concurrency"),
        (["--set=operator.allowedHosts={https://github.example.com/}"], "/operator/allowedHosts/0"),
        (["--set=image.digest=sha256:short"], "/image/digest"),
        (
            ["--set=metrics.serviceMonitor.enabled=true", "--set=metrics.podMonitor.enabled=true"],
            "serviceMonitor or metrics.podMonitor, not both",
        ),
        (
            ["--set=metrics.serviceMonitor.enabled=true", "--set=metrics.service.enabled=false"],
            "needs metrics.service.enabled",
        ),
        (["--set=serviceAccount.create=false"], "serviceAccount.name must be set"),
        (['--set-json=signers.vault.audiences=["a b"]'], "/signers/vault/audiences/0"),
        (["--set=signers.pkcs11.module=/hsm.so"], "module and signers.pkcs11.pinSecret go together"),
        (["--set=signers.pkcs11.pinSecret=pin"], "module and signers.pkcs11.pinSecret go together"),
        (["--set=signers.pkcs11.module=hsm.so"], "/signers/pkcs11/module"),
        (
            ['--set-json=signers.vault.audiences=["a:b", "a/b"]'],
            "a:b and a/b, whose tokens would have the same file",
        ),
        (["--set=signers.vault.tokenSeconds=10000000000"], "/signers/vault/tokenSeconds"),
        (["--set=fullnameOverride=My_Name"], "/fullnameOverride"),
        (["--set-string=fullnameOverride=1st"], "/fullnameOverride"),
        (["--set=nameOverride=-"], "/nameOverride"),
        (["--set=nameOverride=a.b", "--set=fullnameOverride=ok"], "/nameOverride"),
        (["--set=commonLabels.helm\\.sh/chart=x"], "commonLabels has helm.sh/chart, which the chart sets itself"),
        (
            ["--set=podLabels.app\\.kubernetes\\.io/name=x"],
            "podLabels has app.kubernetes.io/name",
        ),
        (
            ["--set=commonLabels.team=a", "--set=podLabels.team=b"],
            "podLabels has team, which commonLabels sets",
        ),
        (
            ["--set=commonLabels.release=p", "--set=metrics.podMonitor.labels.release=p"],
            "metrics.podMonitor.labels has release, which commonLabels sets already",
        ),
        (["--set=podAnnotations.bad key=x"], "invalid propertyName 'bad key'"),
        (["--set=commonLabels.team=an owner"], "/commonLabels/team"),
        (["--set=networkPolicy.enabled=true", "--set-json=networkPolicy.egressPorts=[]"], "egressPorts is empty"),
        (["--set=extraArgs={--no-leader-elect}"], "extraArgs has --no-leader-elect"),
        (["--set=extraArgs={--namespaces=a}"], "extraArgs has --namespaces: set scope.namespaces"),
        (["--set=extraArgs={--namespaces,a}"], "extraArgs has --namespaces: set scope.namespaces"),
        (["--set=extraArgs={--health-address=:9000}"], "extraArgs has --health-address, which the chart's rights and"),
        (["--set=extraEnv[0].name=GITHUBTOKEN_LEADER_ELECT"], "extraEnv has GITHUBTOKEN_LEADER_ELECT: two pods run"),
        (['--set-json=extraEnv=[{"name": "A"}, {"name": "A"}]'], "extraEnv has A twice"),
        (["--set=extraEnv[0].name=POD_NAMESPACE"], "extraEnv has POD_NAMESPACE, which the chart sets itself"),
        (
            ["--set=extraEnv[0].name=GITHUBTOKEN_POD_UID"],
            "extraEnv has GITHUBTOKEN_POD_UID, which the chart sets itself",
        ),
        (["--set=extraEnv[0].name=GITHUBTOKEN_LOG_LEVEL"], "own flag is what counts: set operator.logLevel instead"),
        (["--set=extraEnv[0].name=GITHUBTOKEN_NAMESPACES"], "own flag is what counts: set scope.namespaces instead"),
        (['--set-json=extraEnv=[{"name": "A", "value": 1}]'], "/extraEnv/0/value"),
        (["--set-json=imagePullSecrets=[{}]"], "/imagePullSecrets/0"),
        (["--set=image.repository=r.example/o:v1"], "put its tag into image.tag"),
        (["--set=operator.leaseDuration=1s"], "operator.leaseDuration is 1s: it must be from 2s to 10m"),
        (["--set=livenessProbe.httpGet.path=/"], "invalid propertyName 'httpGet'"),
        (["--set=trustedCA.configMap=ca", "--set=trustedCA.key=../ca.crt"], "/trustedCA/key"),
        (["--set=metrics.podMonitor.scrapeTimeout=40s"], "podMonitor.scrapeTimeout is longer than its interval"),
        (["--set=metrics=null"], "missing property 'metrics'"),
        # As with `--reuse-values` of a release from before there was this value: names would not be resolved any more.
        (["--set=networkPolicy.dnsPorts=null"], "missing property 'dnsPorts'"),
        (["--set=operator.leaseDuration=null"], "missing property 'leaseDuration'"),
        (["--set=signers.vault=null"], "missing property 'vault'"),
        (
            ["--set=simulator.enabled=true", "--set=scope.namespaces={elsewhere}"],
            "the simulator's namespace where must be one of scope.namespaces",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_wrong_value_is_refused(helm: Helm, arguments: list[str], said: str) -> None:
    result = run(helm.helm3, "template", "name", CHART, "--namespace=where", *arguments)
    assert result.code != 0
    assert said in result.error


@pytest.mark.parametrize("release", ["2024", "a.b"])
def test_a_release_whose_objects_kubernetes_would_refuse_is_told_what_to_set(helm: Helm, release: str) -> None:
    result = run(helm.helm3, "template", release, CHART)
    assert "set fullnameOverride" in result.error
    assert run(helm.helm3, "template", release, CHART, "--set=fullnameOverride=tokens").code == 0


def test_the_operator_is_told_what_the_values_say(helm: Helm) -> None:
    operator = render(
        helm,
        "--set=operator.allowedHosts={github.example.com,*.corp.example}",
        "--set=operator.concurrency=4",
        "--set=operator.githubRequestsPerMinute=60",
        "--set=operator.leaseDuration=30s",
        "--set=operator.verifyBeforePublish=false",
        "--set=operator.logFormat=text",
        "--set=operator.logLevel=debug",
        "--set=scope.namespaces={a,b}",
        "--set=extraArgs={--more}",
        "--set=terminationGracePeriodSeconds=120",
    ).operator()
    assert operator["args"] == [
        "run",
        "--operator-namespace=$(POD_NAMESPACE)",
        "--namespaces=a,b",
        "--metrics-address=:8080",
        "--health-address=:8081",
        "--journal-dir=/var/lib/githubtoken/journal",
        "--allowed-hosts=github.example.com,*.corp.example",
        "--lease-duration=30s",
        "--concurrency=4",
        "--github-requests-per-minute=60",
        "--no-verify-before-publish",
        "--log-format=text",
        "--log-level=debug",
        "--more",
    ]
    assert {"name": "GITHUBTOKEN_GRACE_PERIOD", "value": "120s"} in operator["env"]


def told(rendered: Rendered) -> dict[str, Any]:
    """The settings that the command reads out of the operator's container. Raises where it takes one of them not."""
    [operator] = [
        container
        for deployment in rendered.of_kind("Deployment")
        for container in deployment["spec"]["template"]["spec"]["containers"]
        if container["name"] == "operator"
    ]
    first, *flags = (each.replace("$(POD_NAMESPACE)", "tokens") for each in operator["args"])
    assert first == "run"
    of_the_pod = {"GITHUBTOKEN_POD_NAME": "operator-a", "GITHUBTOKEN_POD_UID": "0f6d3d5e-7f3a-4a6e-9a53-9df2a1e5a5f0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**{each["name"]: each.get("value", "") for each in operator["env"]}, **of_the_pod}.items():
            patch.setenv(name, value)
        command = cli.get_command(click.Context(cli), "run")
        assert command is not None
        return command.make_context("run", flags).params


@pytest.mark.parametrize("values", VALUES, ids=name_of)
def test_the_command_takes_what_the_chart_tells_it(helm: Helm, values: Path | None) -> None:
    settings = Settings(**told(render(helm, *values_file(values))))
    assert settings.pod == Pod("tokens", "operator-a", "0f6d3d5e-7f3a-4a6e-9a53-9df2a1e5a5f0")


def test_the_defaults_of_the_values_are_those_of_the_flags(helm: Helm) -> None:
    changed = {field for field, value in told(render(helm)).items() if value != getattr(Settings(), field)}
    assert changed == {"operator_namespace", "pod_name", "pod_uid", "journal_dir", "grace_period"}


def test_the_operator_is_known_by_a_label_that_no_value_changes(helm: Helm) -> None:
    deployment = render(helm, "--set=nameOverride=gh").one("Deployment")
    for labels in (deployment["metadata"]["labels"], deployment["spec"]["template"]["metadata"]["labels"]):
        assert labels["app.kubernetes.io/part-of"] == "githubtoken-operator"
        assert labels["app.kubernetes.io/component"] == "operator"
        assert labels["app.kubernetes.io/name"] == "gh"


def test_the_operator_is_told_its_pod(helm: Helm) -> None:
    told = {each["name"]: each.get("valueFrom") for each in render(helm).operator()["env"]}
    assert told["GITHUBTOKEN_POD_NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert told["GITHUBTOKEN_POD_UID"] == {"fieldRef": {"fieldPath": "metadata.uid"}}


@pytest.mark.parametrize(
    ("arguments", "image"),
    [
        ([], "localhost/githubtoken-operator:0.1.0"),
        (["--set=image.repository=r.example/o", "--set=image.tag=v1"], "r.example/o:v1"),
        ([f"--set=image.digest=sha256:{'0' * 64}"], f"localhost/githubtoken-operator:0.1.0@sha256:{'0' * 64}"),
    ],
    ids=["default", "tag", "digest"],
)
def test_the_image_has_a_tag_and_perhaps_a_digest(helm: Helm, arguments: list[str], image: str) -> None:
    assert render(helm, *arguments).operator()["image"] == image


def test_the_drain_fits_into_the_grace_period(helm: Helm) -> None:
    pod = render(helm).one("Deployment")["spec"]["template"]["spec"]
    # 5 s to send a refresh, 60 s for GitHub's answer, and the rest to save it.
    assert pod["terminationGracePeriodSeconds"] >= 5 + 60 + 20


def test_the_journal_is_in_memory_and_the_root_read_only(helm: Helm) -> None:
    rendered = render(helm)
    (volume,) = rendered.one("Deployment")["spec"]["template"]["spec"]["volumes"]
    assert volume["emptyDir"]["medium"] == "Memory"
    operator = rendered.operator()
    assert operator["securityContext"]["readOnlyRootFilesystem"] is True
    (mount,) = operator["volumeMounts"]
    assert f"--journal-dir={mount['mountPath']}/journal" in operator["args"]


def test_in_a_pod_of_the_chart_the_command_knows_where_the_journal_is(helm: Helm, tmp_path: Path) -> None:
    operator = render(helm).operator()
    told = {each["name"]: each["value"] for each in operator["env"] if "value" in each}
    assert f"--journal-dir={told['GITHUBTOKEN_JOURNAL_DIR']}" in operator["args"]
    # The running operator holds it.
    (tmp_path / HOLDER).touch()
    shown = CliRunner(env={**told, "GITHUBTOKEN_JOURNAL_DIR": str(tmp_path)}).invoke(cli, ["journal"])
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert "Nothing waits" in shown.stderr


def test_two_replicas_are_spread_and_one_survives_a_drain(helm: Helm) -> None:
    rendered = render(helm)
    deployment = rendered.one("Deployment")["spec"]
    assert deployment["replicas"] == 2
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [each["labelSelector"]["matchLabels"] for each in spread]
    selectors += [rendered.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
    selectors += [rendered.one("Service")["spec"]["selector"], deployment["selector"]["matchLabels"]]
    assert all(selector.items() <= labels.items() for selector in selectors)


def test_one_replica_blocks_no_drain(helm: Helm) -> None:
    assert render(helm, "--set=replicaCount=1").of_kind("PodDisruptionBudget") == []


def test_with_namespaces_nothing_cluster_wide_is_granted(helm: Helm) -> None:
    rendered = render(
        helm,
        "--set=scope.namespaces={a,b}",
        "--set=rbac.immediatePropagation.enabled=true",
        "--set=rbac.restartTargets.enabled=true",
    )
    assert rendered.of_kind(*CLUSTER_WIDE) == []
    where = [each["metadata"]["namespace"] for each in rendered.of_kind("Role")]
    assert sorted(where) == sorted(["githubtoken-system"] * 2 + ["a", "b"] * 5)
    assert "clustergithub" not in str(rendered.of_kind("Role"))


def test_crds_are_kept_when_the_release_goes_unless_told_otherwise(helm: Helm) -> None:
    kept, lost = render(helm), render(helm, "--set=crds.keep=false")
    policies = {
        each["metadata"].get("annotations", {}).get("helm.sh/resource-policy")
        for each in kept.of_kind("CustomResourceDefinition")
    }
    assert policies == {"keep"}
    assert "resource-policy" not in lost.text
    assert render(helm, "--set=crds.enabled=false").of_kind("CustomResourceDefinition") == []


@pytest.mark.parametrize("monitor", ["serviceMonitor", "podMonitor"])
def test_a_monitor_keeps_the_labels_of_the_series(helm: Helm, monitor: str) -> None:
    rendered = render(helm, f"--set=metrics.{monitor}.enabled=true", f"--set=metrics.{monitor}.labels.release=p")
    found = rendered.one(monitor[0].upper() + monitor[1:])
    (endpoint,) = found["spec"].get("endpoints") or found["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] is True
    assert endpoint["port"] in {port["name"] for port in rendered.operator()["ports"]}
    assert found["metadata"]["labels"]["release"] == "p"
    target = rendered.one("Service" if monitor == "serviceMonitor" else "Deployment", "")
    labels = target["metadata"]["labels"]
    assert found["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_the_rules_are_those_that_promtool_tests(helm: Helm) -> None:
    rule = render(helm, "--set=metrics.prometheusRule.enabled=true").one("PrometheusRule")
    assert rule["spec"] == yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())


def test_the_network_policy_lets_in_probes_and_metrics_and_out_dns_the_api_server_and_github(helm: Helm) -> None:
    policy = render(helm, "--set=networkPolicy.enabled=true").one("NetworkPolicy")["spec"]
    incoming = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    outgoing = {(port["port"], port["protocol"]) for rule in policy["egress"] for port in rule["ports"]}
    assert incoming == {"http-metrics", "http-health"}
    # Of OpenShift's DNS, the pods have another port than the Service.
    dns = {(port, protocol) for port in (53, 5353) for protocol in ("UDP", "TCP")}
    assert outgoing == dns | {(443, "TCP"), (6443, "TCP")}


def test_the_ports_of_dns_are_a_value(helm: Helm) -> None:
    def outgoing(ports: str) -> list[object]:
        values = ("--set=networkPolicy.enabled=true", f"--set-json=networkPolicy.dnsPorts={ports}")
        policy = render(helm, *values).one("NetworkPolicy")["spec"]
        return [port["port"] for rule in policy["egress"] for port in rule["ports"]]

    assert outgoing("[8053]") == [8053, 8053, 443, 6443]
    assert outgoing("[]") == [443, 6443]


@pytest.mark.parametrize("path", ["/opt/a b/lib.so", "/opt/lib: x.so", "/opt/lib #1.so"])
def test_a_path_is_one_whatever_yaml_would_read_in_it(helm: Helm, path: str) -> None:
    module = json.dumps({"module": path, "pinSecret": "hsm"})
    assert f"--pkcs11-module={path}" in render(helm, f"--set-json=signers.pkcs11={module}").operator()["args"]


def test_the_network_policy_lets_out_to_a_vault_where_there_is_one(helm: Helm) -> None:
    values = ("--set=networkPolicy.enabled=true", "--set=signers.vault.ports={8200,8443}")

    def ports(*more: str) -> set[object]:
        policy = render(helm, *values, *more).one("NetworkPolicy")["spec"]
        return {port["port"] for rule in policy["egress"] for port in rule["ports"]}

    assert ports("--set=signers.vault.audiences={vault}") - ports() == {8200, 8443}


def test_the_network_policy_lets_out_to_where_a_pods_identity_at_a_cloud_comes_from(helm: Helm) -> None:
    values = ("--set=networkPolicy.enabled=true", "--set=signers.aws.podIdentity=true")
    policy = render(helm, *values, "--set=signers.gcp.metadataServer=true").one("NetworkPolicy")["spec"]
    ways = {
        (to["ipBlock"]["cidr"], port["port"])
        for rule in policy["egress"]
        for to in rule.get("to", ())
        for port in rule["ports"]
    }
    assert ways == {
        ("169.254.170.23/32", 80),
        ("fd00:ec2::23/128", 80),
        ("169.254.169.254/32", 80),
        ("169.254.169.252/32", 988),
    }
