"""What the trial on a node applies."""

from __future__ import annotations

import pytest

from e2e.manifests import (
    PACES,
    SUBJECTS,
    GitHub,
    Subject,
    app_objects,
    consumer_objects,
    consumer_pod,
    github_token,
    namespaces,
)
from github_simulator.control_client import App, Pair
from githubtoken_operator.domain.vocabulary.times import parse_duration

GITHUB = GitHub(url="https://github.team.svc:8443", ca="PEM", image="localhost/simulator:1")
KUBELET = 90
FAILOVER = 30


def test_there_is_a_cell_for_each_kind_of_token_and_each_propagation() -> None:
    assert {(each.kind, each.propagation) for each in SUBJECTS if not each.shared} == {
        (kind, way) for kind in ("installation", "user") for way in ("Kubelet", "Immediate")
    }


def test_one_is_shared_by_two_namespaces_and_keeps_its_secrets_with_the_operator() -> None:
    (subject,) = (each for each in SUBJECTS if each.shared)
    token = github_token(subject, "acme")
    assert (token["kind"], token["metadata"]) == ("ClusterGitHubToken", {"name": "shared-user-immediate"})
    assert token["spec"]["namespaces"] == {"names": ["team", "other-team"]}
    assert [namespace for namespace, _ in subject.pods] == ["team", "other-team"]
    assert {each["metadata"]["namespace"] for each in consumer_objects(GITHUB)} == {"team", "other-team"}
    assert {each["metadata"]["name"] for each in namespaces()} == {"team", "other-team"}
    app = App(1, "bot", "Iv1", "secret", "PEM", None)
    *kept, found = app_objects(
        subject.app, app, Pair("ghu_1", "bearer", "", refresh_token="ghr_1"), GITHUB, shared=True
    )
    assert {each["metadata"]["namespace"] for each in kept} == {"githubtoken-system"}
    assert (found["kind"], found["metadata"]) == ("ClusterGitHubApp", {"name": token["spec"]["appRef"]["name"]})


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
