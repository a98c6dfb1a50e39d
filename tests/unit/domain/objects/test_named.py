"""The Secrets that objects name, by every field of the CRDs that names one to be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from githubtoken_operator.domain.objects import named

CRDS = Path(__file__).parents[4] / "deploy" / "crds"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"installation": {"owner": "acme"}}, set()),
        ({"user": {"deviceFlow": {}}}, set()),
        ({"user": {"seedSecretRef": {"name": "a", "key": "k"}, "credentialSecretName": "own"}}, {"a"}),
        ({"personal": {"secretRef": {"name": "a"}}, "secret": {"name": "own"}}, {"a"}),
        (
            {
                "privateKeySecretRef": {"name": "a"},
                "clientSecretSecretRef": {"name": "a"},
                "clientCertificateSecretRef": {"name": "b"},
            },
            {"a", "b"},
        ),
        ({}, set()),
    ],
)
def test_a_spec_names_the_secrets_that_a_human_fills(spec: dict[str, Any], expected: set[str]) -> None:
    assert named.secrets(spec) == expected


def references(schema: dict[str, Any], path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The paths of all fields that are called `…SecretRef`."""
    found = {path} if path and path[-1].endswith(("SecretRef", "secretRef")) else set()
    for name, inner in schema.get("properties", {}).items():
        found |= references(inner, (*path, name))
    return found


@pytest.mark.parametrize("crd", sorted(CRDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_field_that_names_a_secret_is_forgotten(crd: Path) -> None:
    for version in yaml.safe_load(crd.read_text())["spec"]["versions"]:
        schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for path in references(schema):
            spec: dict[str, Any] = {"name": "found"}
            for part in reversed(path):
                spec = {part: spec}
            assert named.secrets(spec) == {"found"}, ".".join(path)
