"""The examples: each is accepted by the real API server, holds no secret, and refers to what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from localcluster import ControlPlane

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))
# How every token of GitHub and every private key begins.
SECRET_MATERIAL = re.compile(r"gh[opsur]_[A-Za-z0-9]|github_pat_[A-Za-z0-9]|-----BEGIN|[0-9a-f]{40}")


def objects() -> list[dict[str, Any]]:
    return [part for path in FILES for part in yaml.safe_load_all(path.read_text())]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_example_is_accepted(control_plane: ControlPlane, namespace: str, path: Path) -> None:
    output = control_plane.kubectl(
        "apply", f"--namespace={namespace}", f"--filename={path}", "--validate=strict", "--output=name"
    )

    # What belongs to no namespace would be in the way of other tests.
    control_plane.kubectl("delete", f"--namespace={namespace}", f"--filename={path}", "--wait=false")
    assert len(output.split()) == len(list(yaml.safe_load_all(path.read_text())))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_example_holds_nothing_that_looks_like_a_secret(path: Path) -> None:
    assert SECRET_MATERIAL.search(path.read_text()) is None


def test_the_examples_refer_to_what_they_bring() -> None:
    names = {(each["kind"], each["metadata"]["name"]) for each in objects()}
    tokens = [each["spec"] for each in objects() if each["kind"] == "GitHubToken"]
    apps = [each["spec"] for each in objects() if each["kind"] in {"GitHubApp", "ClusterGitHubApp"}]

    references = {
        (spec["appRef"].get("kind", "GitHubApp"), spec["appRef"]["name"]) for spec in tokens if "appRef" in spec
    }
    clusterwide = [each["spec"] for each in objects() if each["kind"] == "ClusterGitHubToken"]
    references |= {("ClusterGitHubApp", spec["appRef"]["name"]) for spec in clusterwide if "appRef" in spec}
    references |= {
        ("Secret", spec["user"]["seedSecretRef"]["name"]) for spec in tokens if "seedSecretRef" in spec.get("user", {})
    }
    references |= {("Secret", spec["personal"]["secretRef"]["name"]) for spec in tokens if "personal" in spec}
    references |= {
        ("Secret", spec[ref]["name"])
        for spec in apps
        for ref in ("privateKeySecretRef", "clientSecretSecretRef")
        if ref in spec
    }
    assert references <= names


def test_the_examples_can_be_applied_together() -> None:
    made = [(each["kind"], each["metadata"]["name"]) for each in objects()]
    tokens = [each for each in objects() if each["kind"] in {"GitHubToken", "ClusterGitHubToken"}]
    made += [("Secret", each["spec"].get("secret", {}).get("name", each["metadata"]["name"])) for each in tokens]
    assert [each for each in made if made.count(each) > 1] == []


def test_the_readme_lists_every_example() -> None:
    assert set(re.findall(r"\]\((\S+\.yaml)\)", (EXAMPLES / "README.md").read_text())) == {path.name for path in FILES}
