"""Every manifest, query and program of every page is taken by what it is for: the API server, helm, promtool, Python.

A block of YAML without a kind is a part of an object or of a file; of which one, its first keys say. Objects of other
projects were held against the CRDs that those publish when the page was written; here they are parsed.
"""

from __future__ import annotations

import ast
import copy
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from localcluster import KubectlError
from localcluster.helm import locate_helm
from tests.integration.docs import pages
from tests.integration.docs.pages import REPOSITORY, Block

if TYPE_CHECKING:
    from pathlib import Path

    from localcluster import ControlPlane

Object = dict[str, Any]

FOREIGN: Final = {
    "external-secrets.io": "External Secrets",
    "generators.external-secrets.io": "External Secrets",
    "argoproj.io": "Argo CD",
    "source.toolkit.fluxcd.io": "Flux",
    "tekton.dev": "Tekton",
}
"""API groups of other projects."""
RUNNERS: Final = frozenset({"githubConfigUrl", "githubConfigSecret"})
"""Values of the chart `gha-runner-scale-set` of the Actions Runner Controller."""
TALKED: Final = {"console", "sh", "bash", "shell"}
"""Languages of `test_commands`."""
BASES: Final = (
    {"kind": "GitHubToken", "spec": {"appRef": {"name": "acme"}, "installation": {"owner": "acme"}}},
    {"kind": "GitHubApp", "spec": {"appID": 1, "privateKeySecretRef": {"name": "acme-app"}}},
    {"kind": "ClusterGitHubApp", "spec": {"appID": 1}},
)
"""What a `spec` alone may be of: one of these must take it."""
CHART: Final = REPOSITORY / "charts" / "githubtoken-operator"
VALUES: Final = frozenset(json.loads((CHART / "values.schema.json").read_text())["properties"])


def parts() -> Iterator[Any]:
    for block in pages.of("yaml", "yml"):
        for number, part in enumerate(yaml.safe_load_all(block.text)):
            if part is not None:
                yield pytest.param(block, part, id=f"{block}/{number}")


def merged(base: Object, part: Object) -> Object:
    """`part` over `base`."""
    found = copy.deepcopy(base)
    for key, value in part.items():
        inner = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if inner else value
    return found


class Reader:
    """Gives each part to what it is for; each way returns what is wrong, "" where nothing is."""

    def __init__(self, plane: ControlPlane, namespace: str, folder: Path) -> None:
        self._plane = plane
        self._namespace = namespace
        self._folder = folder

    def judge(self, part: Object) -> str:
        """What is wrong with a part, or that nobody knows what it is."""
        group = part.get("apiVersion", "").partition("/")[0]
        keys = part.keys()
        if part.get("kind") == "Kustomization" and group.startswith("kustomize.config"):
            return self._kustomized(part)
        if "kind" in part:
            return "" if group in FOREIGN else self._applied(part)
        if keys <= {"resources", "patches", "configMapGenerator", "replacements", "images"}:
            return self._kustomized(part)
        if keys == {"signer"}:
            # What is cut on the page (`LS0t…`) is left out.
            whole = yaml.safe_load(re.sub(r"(?m)^.*….*\n", "", yaml.safe_dump(part, allow_unicode=True)))
            spec = {"clientID": "Iv23liabc", "allowedNamespaces": {"from": "All"}, **whole}
            return self._applied({**self._ours({"kind": "ClusterGitHubApp"}), "spec": spec})
        if keys == {"spec"}:
            told = [self._applied(merged(self._ours(base), part)) for base in BASES]
            return "" if "" in told else " / ".join(told)
        if keys == {"data"}:
            return self._applied({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "part"}, **part})
        if keys & {"scrape_configs", "rule_files"}:
            return self._scraped(part)
        if keys == {"healthChecks"}:
            named = {"apiVersion", "kind", "name", "namespace"}
            return "" if all(check.keys() == named for check in part["healthChecks"]) else "of Flux's fields"
        if keys <= VALUES:
            return self._rendered(part)
        if keys <= RUNNERS:
            return ""
        return f"nobody knows what {sorted(keys)} is of: give it a place in {__name__}"

    def _ours(self, base: Object) -> Object:
        return {"apiVersion": "githubtoken.dev/v1alpha1", "metadata": {"name": "part"}, **base}

    def _applied(self, part: Object) -> str:
        where = part["metadata"].get("namespace") or self._namespace
        if where != self._namespace and part["kind"] != "Namespace":
            part = merged(part, {"metadata": {"namespace": self._namespace}})
        options = (f"--namespace={self._namespace}", "--filename=-", "--dry-run=server", "--validate=strict")
        try:
            self._plane.kubectl("apply", *options, stdin=yaml.safe_dump(part))
        except KubectlError as error:
            return str(error)
        return ""

    def _kustomized(self, part: Object) -> str:
        """The real kustomize, with `deploy/` and a file of ours beside it."""
        shutil.copytree(REPOSITORY / "deploy", self._folder / "deploy")
        (self._folder / "app.yaml").write_text(
            yaml.safe_dump_all(merged(self._ours(base), {"spec": {}}) for base in BASES)
        )
        whole = {"resources": ["deploy"], **part}
        (self._folder / "kustomization.yaml").write_text(yaml.safe_dump(whole))
        # `replacements` are of installations by number: tests/integration/docs/test_ids.py has them whole.
        try:
            self._plane.kubectl("kustomize", str(self._folder))
        except KubectlError as error:
            return "" if "unable to find field" in str(error) and "replacements" in part else str(error)
        return ""

    def _rendered(self, part: Object) -> str:
        values = self._folder / "values.yaml"
        values.write_text(yaml.safe_dump(part))
        return _said(locate_helm().helm4, "template", "release", CHART, "--values", values)

    def _scraped(self, part: Object) -> str:
        # Debian's Prometheus is built without the discovery of Kubernetes.
        told = copy.deepcopy(part)
        for job in told.get("scrape_configs", ()):
            job.pop("kubernetes_sd_configs", None)
        (self._folder / "prometheus.yaml").write_text(yaml.safe_dump(told))
        shutil.copy(CHART / "files" / "alerts.yaml", self._folder)
        return _said(_promtool(), "check", "config", self._folder / "prometheus.yaml")


def _said(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return (done.stderr or done.stdout) if done.returncode else ""


def _promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is missing: install prometheus")
    return program


@pytest.fixture
def reader(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Reader:
    return Reader(control_plane, namespace, tmp_path)


@pytest.mark.parametrize(("block", "part"), list(parts()))
def test_a_manifest_is_taken_by_what_it_is_for(block: Block, part: Object, reader: Reader) -> None:
    assert reader.judge(part) == "", str(block)


@pytest.mark.parametrize("block", pages.of("promql"), ids=str)
def test_a_query_is_one(block: Block, tmp_path: Path) -> None:
    queries = re.split(r"\n+(?=\S)", block.text.strip())
    rules = [{"record": f"of:{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "page", "rules": rules}]}))
    assert _said(_promtool(), "check", "rules", path) == ""


@pytest.mark.parametrize("block", pages.of("python"), ids=str)
def test_a_program_is_one(block: Block) -> None:
    text = block.text
    # A decorator stands alone on a page.
    ast.parse(f"{text}def decorated(): ...\n" if text.startswith("@") else text)


@pytest.mark.parametrize("block", pages.of("json"), ids=str)
def test_a_document_is_one(block: Block) -> None:
    assert json.loads(block.text)


def test_no_block_is_of_a_language_that_nobody_tries() -> None:
    tried = TALKED | {"yaml", "yml", "promql", "python", "json"}
    assert [str(block) for block in pages.BLOCKS if block.language not in tried] == []


def test_each_group_of_another_project_is_used() -> None:
    used = {part.values[1].get("apiVersion", "").partition("/")[0] for part in parts()}
    assert FOREIGN.keys() - used == set()


@pytest.mark.parametrize(
    "part",
    [
        pytest.param({"spec": {"wrong": 1}}, id="a field that there is not"),
        pytest.param({"metrics": {"wrong": 1}}, id="a value that the chart has not"),
        pytest.param({"wrong": 1}, id="nothing that is known"),
        pytest.param({"scrape_configs": [{"wrong": 1}]}, id="what Prometheus does not know"),
        pytest.param({"resources": ["nowhere.yaml"]}, id="a file that there is not"),
        pytest.param({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}}, id="half a Pod"),
        pytest.param({"apiVersion": "example.com/v1", "kind": "X", "metadata": {"name": "x"}}, id="an unknown group"),
    ],
)
def test_a_manifest_that_is_wrong_is_found(part: Object, reader: Reader) -> None:
    assert reader.judge(part) != ""
