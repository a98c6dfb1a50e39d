"""What the chart renders, held against the schemas of every Kubernetes that it says it runs on.

The API servers of the tests are of the newest and of the oldest version; `kubernetes-validate` carries the schemas of
those between them too. Its strict form refuses a field that a version does not know. Kinds that come from
CustomResourceDefinitions have no schema there. Ours are validated by the API server (test_api_server.py). Of the
Prometheus operator's, only the rules in a PrometheusRule are looked at, by promtool.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from kubernetes_validate import SchemaNotFoundError, ValidationError, validate
from kubernetes_validate.utils import all_versions

from tests.integration.chart.conftest import CHART, REPOSITORY, VALUES, Object, Rendered, name_of, render, values_file

if TYPE_CHECKING:
    from localcluster.helm import Helm

DEPLOY: Final = sorted(path for path in (REPOSITORY / "deploy").rglob("*.yaml") if path.name != "kustomization.yaml")
WITHOUT_SCHEMA: Final = {"githubtoken.dev", "monitoring.coreos.com"}


def versions() -> list[str]:
    """The versions from the chart's `kubeVersion` to the newest that has schemas."""
    asked = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"]
    oldest = re.fullmatch(r">=1\.(\d+)\.0-0", asked)
    assert oldest, f"{asked!r} is not understood here"
    known = {int(version.split(".")[1]) for version in all_versions()}
    return [f"1.{minor}" for minor in sorted(known) if minor >= int(oldest[1])]


@functools.cache
def fault(version: str, manifest: str) -> str:
    """What is wrong with an object, as JSON, in that version of Kubernetes; "" if nothing is. Raises KeyError."""
    try:
        validate(json.loads(manifest), version, strict=True)
    except SchemaNotFoundError as error:
        raise KeyError(error.message) from error
    except ValidationError as error:
        return f"{error.json_path}: {error.message}"
    return ""


def faults(version: str, objects: list[Object]) -> list[str]:
    """What is wrong with these objects, as far as their kinds have a schema."""
    return [
        f"{each['kind']} {each['metadata']['name']}: {said}"
        for each in objects
        if each["apiVersion"].partition("/")[0] not in WITHOUT_SCHEMA and (said := fault(version, json.dumps(each)))
    ]


@functools.cache
def rendered(helm: Helm, values: Path | None) -> Rendered:
    """What the chart renders with that file of values."""
    return render(helm, *values_file(values))


@pytest.mark.parametrize("module", ["", "oldest", "node"])
def test_there_is_a_schema_for_each_version_that_is_run(module: str) -> None:
    pinned = re.search(r"k8s\.io/kubernetes v(1\.\d+)", (REPOSITORY / "tools" / module / "go.mod").read_text())
    assert pinned
    assert pinned[1] in versions()


@pytest.mark.parametrize("version", versions())
@pytest.mark.parametrize("values", VALUES, ids=name_of)
def test_a_version_knows_all_that_the_chart_renders(helm: Helm, version: str, values: Path | None) -> None:
    assert faults(version, rendered(helm, values).objects) == []


def test_names_that_yaml_takes_for_numbers_or_truth_stay_names(helm: Helm) -> None:
    texts = ("nameOverride=123", "fullnameOverride=true", "serviceAccount.name=007", "priorityClassName=1e3")
    names = ("trustedCA.configMap=0", "signers.pkcs11.pinSecret=1", "signers.pkcs11.module=/hsm.so")
    values = [f"--set-string={each}" for each in (*texts, *names)]
    scope = ('--set-json=scope.namespaces=["456"]', "--set=simulator.enabled=true")
    rendered = render(helm, *values, *scope, "--set=replicaCount=2000000", name="789", namespace="456")
    assert faults(versions()[-1], rendered.objects) == []
    assert {each["metadata"].get("namespace", "456") for each in rendered.objects} == {"456"}


@pytest.mark.parametrize("version", versions())
@pytest.mark.parametrize("path", DEPLOY, ids=lambda path: path.name)
def test_a_version_knows_all_that_is_applied_without_helm(version: str, path: Path) -> None:
    assert faults(version, Rendered(path.read_text()).objects) == []


def broken(helm: Helm, *path: str | int, value: object) -> Object:
    """The operator's Deployment with another value at that path."""
    deployment = copy.deepcopy(rendered(helm, None).one("Deployment"))
    *outer, last = path
    part: Any = deployment
    for key in outer:
        part = part[key]
    part[last] = value
    return deployment


CONTAINER: Final = ("spec", "template", "spec", "containers", 0)
BROKEN: Final[dict[str, tuple[tuple[str | int, ...], object, str]]] = {
    "an unknown field": (("spec", "replica"), 2, "'replica' was unexpected"),
    "an unknown field far inside": ((*CONTAINER, "livenessProbe", "httpGet", "url"), "/", "'url' was unexpected"),
    "a wrong type": (("spec", "replicas"), "two", "'two' is not of type 'integer'"),
    "a missing field": (("spec",), {"replicas": 2}, "'selector' is a required property"),
}


@pytest.mark.parametrize("version", versions())
@pytest.mark.parametrize(("path", "value", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_manifest_is_seen(
    helm: Helm, version: str, path: tuple[str | int, ...], value: object, said: str
) -> None:
    [found] = faults(version, [broken(helm, *path, value=value)])
    assert said in found


def test_a_field_that_came_later_is_refused_by_the_versions_before(helm: Helm) -> None:
    deployment = broken(helm, "spec", "template", "spec", "hostnameOverride", value="operator")
    refusing = [version for version in versions() if faults(version, [deployment])]
    assert refusing == ["1.32", "1.33"]


def test_a_kind_that_a_version_does_not_have_is_seen() -> None:
    unknown = {"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "old"}}
    with pytest.raises(KeyError, match="Couldn't find schema for kind Deployment"):
        faults(versions()[0], [unknown])
