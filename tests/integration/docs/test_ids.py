"""docs/apps.md: ids that stand in one place are numbers in the objects that kustomize makes of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from localcluster import ControlPlane

PAGE = Path(__file__).parents[3] / "docs" / "apps.md"
APP = """
apiVersion: githubtoken.dev/v1alpha1
kind: GitHubApp
metadata: {name: acme}
spec: {appID: 1, privateKeySecretRef: {name: acme-app}}
---
apiVersion: githubtoken.dev/v1alpha1
kind: GitHubToken
metadata: {name: ci}
spec: {appRef: {name: acme}, installation: {id: 1}}
"""


def blocks() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_replacements_of_kustomize_keep_ids_numbers(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    (kustomization,) = (block for block in blocks() if block.startswith("# kustomization.yaml"))
    (tmp_path / "kustomization.yaml").write_text(kustomization)
    (tmp_path / "app.yaml").write_text(APP)
    made = control_plane.kubectl("kustomize", str(tmp_path))
    app, token = yaml.safe_load_all(made)
    assert (app["spec"]["appID"], token["spec"]["installation"]["id"]) == (67890, 4711)
    control_plane.kubectl("apply", f"--namespace={namespace}", "--filename=-", "--validate=strict", stdin=made)


@pytest.mark.parametrize("kind", ["GitHubApp", "ClusterGitHubApp"])
def test_the_apps_of_the_page_are_accepted(control_plane: ControlPlane, namespace: str, kind: str) -> None:
    found = [part for block in blocks() for part in yaml.safe_load_all(block) if part and part.get("kind") == kind]
    assert found
    for app in found:
        text = yaml.safe_dump(app)
        options = (f"--namespace={namespace}", "--filename=-", "--dry-run=server", "--validate=strict")
        control_plane.kubectl("apply", *options, stdin=text)
