"""What the tests of the chart share: the real helm, and the chart rendered by it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from localcluster.helm import Helm, locate_helm
from tests.integration.standins import know, standin_crds

if TYPE_CHECKING:
    from localcluster import ControlPlane

REPOSITORY: Final = Path(__file__).parents[3]
CHART: Final = REPOSITORY / "charts" / "githubtoken-operator"
NAMESPACE: Final = "githubtoken-system"
RELEASE: Final = "githubtoken-operator"
VALUES: Final = (None, *sorted((CHART / "ci").glob("*-values.yaml")))
"""The defaults, and the combinations that are tried."""

Object = dict[str, Any]

# The Prometheus operator's kinds, as far as an API server must know them to take an object of them.
_MONITORING: Final = ("ServiceMonitor", "PodMonitor", "PrometheusRule")


@dataclass(frozen=True, slots=True)
class Result:
    """How a run of helm ended."""

    code: int
    output: str
    error: str


class Rendered:
    """The objects that helm renders."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.objects: list[Object] = [part for part in yaml.safe_load_all(text) if part]

    def of_kind(self, *kinds: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] in kinds]

    def one(self, kind: str, suffix: str = "") -> Object:
        """The only object of that kind whose name ends so."""
        (found,) = (each for each in self.of_kind(kind) if each["metadata"]["name"].endswith(suffix))
        return found

    def operator(self) -> Object:
        """The operator's container."""
        pod: Object = self.one("Deployment", "operator")["spec"]["template"]["spec"]
        container: Object = pod["containers"][0]
        return container


def run(program: Path, *arguments: str | Path, stdin: str = "") -> Result:
    """Runs helm and says how it ended."""
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=120)
    return Result(done.returncode, done.stdout, done.stderr)


class Release:
    """The release, by one of the two helms."""

    def __init__(self, program: Path, plane: ControlPlane) -> None:
        self._program = program
        self._plane = plane

    def helm(self, *arguments: str | Path) -> Result:
        result = run(self._program, *arguments, f"--kubeconfig={self._plane.kubeconfig}", f"--namespace={NAMESPACE}")
        assert result.code == 0, result.error
        return result

    def status(self) -> str:
        (release,) = json.loads(self.helm("list", "--output=json").output)
        return f"{release['status']} {release['revision']}"

    def objects(self, kinds: str) -> list[Object]:
        """The release's objects of these kinds, in its own namespace or in none."""
        selector = f"--selector=app.kubernetes.io/instance={RELEASE}"
        items: list[Object] = self._plane.get(kinds, selector, f"--namespace={NAMESPACE}")["items"]
        return items

    def names(self, kinds: str) -> list[str]:
        return sorted(each["metadata"]["name"] for each in self.objects(kinds))


def values_file(path: Path | None) -> Sequence[str]:
    return () if path is None else ("--values", str(path))


def name_of(path: Path | None) -> str:
    return "defaults" if path is None else path.name.removesuffix("-values.yaml")


@pytest.fixture(scope="session")
def helm() -> Helm:
    """helm 3 and helm 4; `make helm` builds them."""
    return locate_helm()


def render(helm: Helm, *arguments: str, name: str = RELEASE, namespace: str = NAMESPACE) -> Rendered:
    """The chart rendered by helm 3 with these arguments."""
    result = run(helm.helm3, "template", name, CHART, "--namespace", namespace, *arguments)
    assert result.code == 0, result.error
    return Rendered(result.output)


@pytest.fixture(scope="session")
def monitoring_kinds() -> str:
    """CRDs that let an API server take any object of the Prometheus operator's kinds."""
    return standin_crds("monitoring.coreos.com", "v1", *_MONITORING)


@pytest.fixture(scope="session")
def monitored(control_plane: ControlPlane, monitoring_kinds: str) -> ControlPlane:
    """The shared control plane, which knows the Prometheus operator's kinds."""
    know(control_plane, monitoring_kinds)
    return control_plane
