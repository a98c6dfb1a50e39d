"""From an earlier chart, with the operator of its day, to the present one, and back, on the real API server.

Nothing has been released yet, so the earlier charts are those of this repository's history: the first one, and the one
before the last change. No node runs the pods; the operator of either day is a process, with the ServiceAccount and the
rights that the release gives it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from github_simulator.process import SimulatorProcess
from localcluster import Binaries, ControlPlane
from localcluster.helm import Helm
from localcluster.operator_process import operator_kubeconfig, start_operator
from tests.integration.chart.conftest import CHART, NAMESPACE, RELEASE, REPOSITORY, Release, run
from tests.integration.operator.conftest import ALLOWED_HOSTS
from tests.integration.operator.stage.cluster import Cluster, new_namespace
from tests.integration.operator.stage.world import World, world_in

pytestmark = pytest.mark.xdist_group("chart-releases")

OURS: Final = ("githubtokens", "githubapps", "clustergithubapps")
"""The kinds that every release has had."""
TOKENS: Final = ("ci", "alice")
SECRETS: Final = ("ci", "alice", "alice-credential")


@dataclass(frozen=True, slots=True)
class Earlier:
    """A chart of the past, and the operator of that day."""

    root: Path

    @property
    def chart(self) -> Path:
        return self.root / CHART.relative_to(REPOSITORY)

    @property
    def operator(self) -> Path:
        return self.root / "operator"

    @property
    def libraries(self) -> Path:
        return self.root / "libraries"

    def environment(self) -> dict[str, str]:
        """In which Python finds that operator, and its libraries where they were brought, before the present ones."""
        return {**os.environ, "PYTHONPATH": f"{self.operator}{os.pathsep}{self.libraries}"}

    def bring_libraries(self) -> None:
        """The versions that its own lock file names: what it imports may be no dependency any more."""
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        locked = ["--no-deps", "--require-hashes", "--requirement", str(self.root / "requirements.lock")]
        done = subprocess.run(
            [*pip, *locked, "--target", str(self.libraries)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", REPOSITORY, *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the history has the earlier charts, and git cannot read it: {done.stderr.decode().strip()}")
    return done.stdout


def changes() -> list[str]:
    """The commits that changed the chart, newest first."""
    if git("rev-parse", "--is-shallow-repository").strip() == b"true":
        pytest.skip("the history has the earlier charts, and this clone is shallow: git fetch --unshallow")
    return git("log", "--format=%H", "--", str(CHART.relative_to(REPOSITORY))).decode().split()


WHICH: Final = {
    "the first chart, by helm 3": (-1, "helm3"),
    "the chart before the last change, by helm 4": (1, "helm4"),
}


@pytest.fixture
def earlier(which: int, tmp_path: Path) -> Earlier:
    archive = git("archive", changes()[which], "charts", "operator", "requirements.lock")
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(tmp_path / "earlier", filter="data")
    return Earlier(tmp_path / "earlier")


@pytest.fixture
def plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """A control plane without our CRDs: the earlier chart brings them."""
    with ControlPlane(binaries) as plane:
        yield plane


def schemas(plane: ControlPlane) -> dict[str, Any]:
    """The schemas that the API server has of our kinds."""
    names = [f"{kind}.githubtoken.dev" for kind in OURS]
    crds = plane.get("customresourcedefinitions", *names)["items"]
    return {crd["metadata"]["name"]: crd["spec"]["versions"][0]["schema"] for crd in crds}


def of_a_chart(chart: Path) -> dict[str, Any]:
    """The schemas of these kinds in a chart's templates."""
    found = {}
    names = {f"{kind}.githubtoken.dev" for kind in OURS}
    for path in (chart / "templates" / "crds").glob("*.yaml"):
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("{{")]
        crd = yaml.safe_load("\n".join(lines))
        if crd["metadata"]["name"] in names:
            found[crd["metadata"]["name"]] = crd["spec"]["versions"][0]["schema"]
    return found


def kept(world: World) -> dict[str, Any]:
    """What neither an upgrade nor a rollback may change: the objects, and their Secrets with the tokens in them."""
    objects = {name: world.get("GitHubToken", name) or {} for name in TOKENS}
    found: dict[str, Any] = {name: (each["metadata"]["uid"], each["spec"]) for name, each in objects.items()}
    for name in SECRETS:
        secret = world.get("Secret", name) or {}
        found[f"Secret {name}"] = (secret["metadata"]["uid"], secret["data"])
    return found


@pytest.mark.parametrize("which", [-1, 1], ids=["of the first chart", "of the chart before the last change"])
def test_the_earlier_operator_is_not_the_present_one(earlier: Earlier) -> None:
    command = [sys.executable, "-c", "import githubtoken_operator as it; print(it.__file__)"]
    found = subprocess.run(command, env=earlier.environment(), capture_output=True, text=True, check=True).stdout
    assert Path(found).is_relative_to(earlier.operator)


@pytest.mark.parametrize("which", [-1], ids=["the first chart"])
def test_an_upgrade_from_the_first_chart_changes_the_schemas(earlier: Earlier) -> None:
    first, present = of_a_chart(earlier.chart), of_a_chart(CHART)
    assert first.keys() == present.keys()
    assert first != present


@pytest.mark.parametrize("which", [-1], ids=["the first chart"])
def test_the_defaults_of_an_earlier_chart_are_refused_and_its_users_values_are_taken(
    helm: Helm, plane: ControlPlane, earlier: Earlier
) -> None:
    release = Release(helm.helm3, plane)
    release.helm("install", RELEASE, earlier.chart, "--create-namespace", "--set=replicaCount=3")
    where = (f"--kubeconfig={plane.kubeconfig}", f"--namespace={NAMESPACE}")
    refused = run(helm.helm3, "upgrade", RELEASE, CHART, *where, "--reuse-values")
    assert refused.code == 1
    assert "missing property" in refused.error
    release.helm("upgrade", RELEASE, CHART, "--reset-then-reuse-values")
    (deployment,) = release.objects("deployments")
    assert deployment["spec"]["replicas"] == 3


@pytest.mark.parametrize(("which", "version"), WHICH.values(), ids=WHICH)
def test_tokens_outlive_an_upgrade_a_rollback_and_the_release_itself(
    helm: Helm, plane: ControlPlane, earlier: Earlier, version: str, tmp_path: Path
) -> None:
    release = Release(getattr(helm, version), plane)
    log = tmp_path / "log"
    earlier.bring_libraries()

    release.helm("install", RELEASE, earlier.chart, "--create-namespace")
    plane.kubectl(
        "wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{kind}.githubtoken.dev" for kind in OURS)
    )
    assert schemas(plane) == of_a_chart(earlier.chart)
    kubeconfig = operator_kubeconfig(plane)
    before = start_operator(kubeconfig, log, *ALLOWED_HOSTS, environment=earlier.environment())
    before.wait_ready()

    cluster = Cluster(plane)
    with (
        SimulatorProcess() as simulator,
        new_namespace(cluster) as namespace,
        world_in(cluster, simulator, before, namespace) as world,
    ):
        app = world.app()
        world.installation_token("ci")
        world.user_token("alice", seed=world.sign_in(app))
        for name in TOKENS:
            world.wait_ready(name)
        world.wait_ready("acme", kind="GitHubApp")
        world.wait_for("alice", lambda token: token["status"].get("account"))
        assert before.stop() == 0
        first, asked = kept(world), len(world.requests())

        release.helm("upgrade", RELEASE, CHART, "--reset-then-reuse-values")
        assert release.status() == "deployed 2"
        assert schemas(plane) == of_a_chart(CHART)
        assert kept(world) == first

        world.operator = start_operator(kubeconfig, log, *ALLOWED_HOSTS)
        world.operator.wait_ready()
        world.settle()
        assert kept(world) == first
        assert len(world.requests()) == asked
        for name in TOKENS:
            world.annotate(name, refresh_requested_at="after the upgrade")
            world.wait_ready(name, revision=2)
        assert world.operator.stop() == 0
        renewed = kept(world)

        release.helm("rollback", RELEASE, "1")
        assert release.status() == "deployed 3"
        assert schemas(plane) == of_a_chart(earlier.chart)
        assert kept(world) == renewed

        release.helm("uninstall", RELEASE)
        assert release.objects("deployments,serviceaccounts,clusterroles,clusterrolebindings") == []
        assert len(schemas(plane)) == len(OURS)
        assert kept(world) == renewed
    cluster.close()
