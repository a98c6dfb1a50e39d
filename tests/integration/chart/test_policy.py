"""What checkov says of the chart, of deploy/ and of the Dockerfile; `make policy` says it too."""

from __future__ import annotations

from pathlib import Path

import pytest

import policy

pytestmark = pytest.mark.skipif(not policy.CHECKOV.exists(), reason="checkov is not installed: run `make policy`")

PRIVILEGED = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: team}
spec:
  hostNetwork: true
  containers:
    - {name: web, image: "web:1", securityContext: {privileged: true}}
"""
READS_ALL = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: all}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
"""


def test_whatever_it_finds_has_a_reason_to_stay(capsys: pytest.CaptureFixture[str]) -> None:
    code = policy.main([])
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert "checks passed" in said.out


def test_it_finds_what_is_wrong_and_which_file_it_passes_over(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(PRIVILEGED)
    (tmp_path / "role.yaml").write_text(READS_ALL)
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN chmod 777 /tmp\n")
    (tmp_path / "torn.yaml").write_text(f"{PRIVILEGED}  containers: [{{")
    report = policy.ask(policy.CHECKOV, tmp_path)
    found = {(each.check, each.resource.partition(".")[0]) for each in report.findings}
    assert found >= {
        ("CKV_K8S_16", "Pod"),  # privileged
        ("CKV_K8S_19", "Pod"),  # the host's network
        ("CKV_K8S_49", "ClusterRole"),  # wildcards
        ("CKV_DOCKER_3", "/Dockerfile"),  # no user
    }
    assert policy.unread(report, tmp_path) == ["torn.yaml"]
    exempt = policy.exemptions(policy.EXCEPTIONS.read_text())
    assert any("CKV_K8S_16" in line for line in policy.complaints(report.findings, exempt))
