from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import policy
from policy import Exemption, Finding, PolicyError, Report

CPU = Finding("CKV_K8S_11", "Deployment.a.operator", "/a.yaml", "CPU limits should be set")
PROBE = Finding("CKV_K8S_8", "Pod.a.test", "/a.yaml", "Liveness Probe Should be Configured")
NO_LIMIT = Exemption("CKV_K8S_11", ("Deployment.*",), "It would renew late.")


def part(*failed: Finding, passed: tuple[Finding, ...] = ()) -> dict[str, Any]:
    """What checkov says of the files of one kind."""
    rows = [
        [
            {"check_id": each.check, "resource": each.resource, "file_path": each.file, "check_name": each.title}
            for each in checks
        ]
        for checks in (failed, passed)
    ]
    return {"results": {"failed_checks": rows[0], "passed_checks": rows[1]}}


def test_a_finding_that_nothing_exempts_is_told_with_its_place() -> None:
    assert policy.complaints([CPU, PROBE], [NO_LIMIT]) == [
        "a.yaml: Pod.a.test: CKV_K8S_8: Liveness Probe Should be Configured"
    ]


@pytest.mark.parametrize(
    ("exemption", "covered"),
    [
        (NO_LIMIT, True),
        (Exemption("CKV_K8S_11", ("Pod.*", "Deployment.a.operator"), "so"), True),
        (Exemption("CKV_K8S_12", ("*",), "so"), False),
        (Exemption("CKV_K8S_11", ("Deployment.a",), "so"), False),
        (Exemption("CKV_K8S_11", ("deployment.*",), "so"), False),
    ],
    ids=["a pattern", "one of several", "another check", "a part of the name", "another case"],
)
def test_an_exemption_is_for_its_check_and_its_resources(exemption: Exemption, *, covered: bool) -> None:
    assert exemption.covers(CPU) is covered


def test_an_exemption_that_covers_nothing_is_to_be_removed() -> None:
    [said] = policy.complaints([], [NO_LIMIT])
    assert said == "policy.yaml: nothing needs the exemption of CKV_K8S_11 for Deployment.*: remove it"


@pytest.mark.parametrize("reason", ["", "  reason:\n", "  reason: ''\n"], ids=["none", "empty", "a blank"])
def test_an_exemption_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(ValueError, match="must have a reason: CKV_1"):
        policy.exemptions(f"- check: CKV_1\n  resources: ['*']\n{reason}")


def test_one_kind_of_files_is_reported_as_several_are() -> None:
    other = replace(PROBE, file="/b.yaml")
    one = policy.report(json.dumps(part(CPU, passed=(PROBE,))))
    several = policy.report(json.dumps([part(CPU, passed=(PROBE,)), part(other, passed=(PROBE, PROBE))]))
    assert one == Report([CPU], 1, frozenset({"/a.yaml"}))
    assert several == Report([CPU, other], 3, frozenset({"/a.yaml", "/b.yaml"}))


def test_without_checkov_one_is_told_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="`make policy` installs it"):
        policy.run(tmp_path / "checkov", tmp_path)


def test_a_file_that_it_passes_over_is_no_success(tmp_path: Path) -> None:
    folder, checkov = tmp_path / "folder", tmp_path / "checkov"
    folder.mkdir()
    for name in ("a.yaml", "torn.yaml"):
        (folder / name).touch()
    checkov.write_text(f"#!/bin/sh\necho '{json.dumps(part(CPU))}'\nexit 1\n")
    checkov.chmod(0o755)
    with pytest.raises(PolicyError, match=r"looked at nothing in torn\.yaml"):
        policy.run(checkov, folder)
