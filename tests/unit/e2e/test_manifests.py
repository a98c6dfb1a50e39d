"""What the trial on a node applies."""

from __future__ import annotations

import pytest

from e2e.manifests import PACES, SUBJECTS, GitHub, Subject, consumer_pod, github_token
from githubtoken_operator.domain.vocabulary.durations import parse_duration

GITHUB = GitHub(url="https://github.team.svc:8443", ca="PEM", image="localhost/simulator:1")
KUBELET = 90
FAILOVER = 30


def test_there_is_a_cell_for_each_kind_of_token_and_each_propagation() -> None:
    assert {(each.kind, each.propagation) for each in SUBJECTS} == {
        (kind, way) for kind in ("installation", "user") for way in ("Kubelet", "Immediate")
    }


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_a_consumer_mounts_the_secret_of_its_cell_and_may_call_what_it_calls(subject: Subject) -> None:
    pod = consumer_pod("pod", subject, GITHUB)["spec"]
    assert {"name": "github", "secret": {"secretName": subject.name}} in pod["volumes"]
    path = "/user" if subject.kind == "user" else "/installation/repositories"
    assert pod["containers"][0]["command"][2] == f"https://github.team.svc:8443{path}"
    spec = github_token(subject, "acme")["spec"]
    assert subject.kind in spec
    assert spec["propagation"] == subject.propagation


@pytest.mark.parametrize("propagation", PACES)
def test_what_is_left_of_a_renewed_token_outlasts_kubelets_wait_and_a_failover(propagation: str) -> None:
    pace = PACES[propagation]
    left = parse_duration(pace.renew_before).total_seconds()
    assert KUBELET + FAILOVER <= left < pace.life
