"""The images that the Dockerfile builds, and that the chart runs."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcluster.errors import ImagesError
from localcluster.helm import locate_helm
from localcluster.images import BASE
from localcluster.launch import free_ports
from tests.integration.chart.conftest import Object, Rendered, render
from tests.integration.image.conftest import OPERATOR, SIMULATOR, USER, Container, config, container

if TYPE_CHECKING:
    from localcluster import ControlPlane
    from localcluster.images import Images

pytestmark = [pytest.mark.xdist_group("images"), pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[3]
WITHIN = 120.0
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def wait_for(url: str, process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + WITHIN
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)


@pytest.mark.parametrize("tag", [OPERATOR, SIMULATOR])
def test_an_image_says_what_it_is_and_runs_as_nobody_in_particular(built: Images, tag: str) -> None:
    found = config(built, tag)
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in found["Labels"].items()}
    assert found["User"] == f"{USER}:{USER}"
    assert labels["version"] == version
    assert labels["licenses"] == "Apache-2.0"
    assert labels["title"] == tag.removeprefix("localhost/").partition(":")[0]
    assert labels["description"]
    assert labels["base.name"] == BASE


def test_a_base_with_another_digest_is_not_taken(built: Images) -> None:
    base = f"--build-arg=PYTHON_IMAGE={BASE}@sha256:{'0' * 64}"
    with pytest.raises(ImagesError, match="image not known"):
        built.buildah("build", "--isolation=chroot", "--pull-never", base, REPOSITORY)


def test_the_base_has_a_digest_where_no_other_is_asked_for() -> None:
    assert re.search(
        r"^ARG PYTHON_IMAGE=\S+@sha256:[0-9a-f]{64}$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE
    )


def test_the_entry_point_needs_no_shell_and_no_file_that_it_may_write(built: Images) -> None:
    with container(built, OPERATOR) as box:
        for name in ("bin/sh", "bin/bash", "usr/bin/sh"):
            (box.root / name).unlink(missing_ok=True)
        output, _ = box.start(["version"]).communicate(timeout=WITHIN)
    assert output.startswith("githubtoken-operator 0.1.0 (Python 3.")


def test_the_operators_image_holds_neither_an_installer_nor_the_simulator(built: Images) -> None:
    with container(built, OPERATOR) as box:
        packages = {path.name for path in (box.root / "app/lib").glob("python3.*/site-packages/*")}
        assert "githubtoken_operator" in packages
        assert packages & {"pip", "setuptools", "hatchling", "github_simulator", "pytest"} == set()
        assert not (box.root / "simulator").exists()
        assert [path for path in (box.root / "app").rglob("*") if path.lstat().st_uid == USER] == []


def test_the_operator_works_under_the_user_that_openshift_gives(built: Images) -> None:
    """A number of the namespace's range, in group 0, which is not in /etc/passwd; the journal is in the volume."""
    journal = "from githubtoken_operator.adapters.journal import Journal; from pathlib import Path; import os; "
    journal += "Journal(Path('/var/lib/githubtoken/journal')); print(os.getuid(), os.getgid())"
    imports = "import githubtoken_operator.process.serve; "
    with container(built, OPERATOR) as box:
        user, memory = "1000900000:0", ["/var/lib/githubtoken"]
        version, _ = box.start(["version"], user=user).communicate(timeout=WITHIN)
        command = ["/app/bin/python", "-c", imports + journal]
        output, _ = box.start([], command=command, user=user, memory=memory).communicate(timeout=WITHIN)
    assert version.startswith("githubtoken-operator 0.1.0")
    assert output == "1000900000 0\n"


def files(rendered: Rendered, name: str) -> dict[str, bytes]:
    """What a volume of that Secret holds."""
    return {key: base64.b64decode(value) for key, value in rendered.one("Secret", name)["data"].items()}


def apply(control_plane: ControlPlane, objects: list[Object]) -> None:
    control_plane.apply(*objects)


def test_a_token_comes_about_end_to_end_as_helm_test_shows_it(
    built: Images, control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    values = ("--set=simulator.enabled=true", f"--set=scope.namespaces={{{namespace}}}")
    rendered = render(locate_helm(), *values, namespace=namespace)
    release = Release(rendered, namespace)
    apply(control_plane, rendered.of_kind("ServiceAccount", "Role", "RoleBinding", "Secret"))
    token = control_plane.kubectl("create", "token", "githubtoken-operator", f"--namespace={namespace}").strip()
    address, _, port = control_plane.server.removeprefix("https://").partition(":")
    with container(built, SIMULATOR) as github, container(built, OPERATOR) as box:
        github.mount("/etc", release.hosts)
        github.mount("/etc/simulator", files(rendered, "-simulator"))
        with running(github.start(release.simulator(), log=tmp_path / "simulator")) as simulator:
            wait_for(f"http://127.0.0.1:{release.control}/ledger", simulator, tmp_path / "simulator")
            box.mount("/etc", release.hosts)
            box.mount(SERVICE_ACCOUNT, {"token": token.encode(), "namespace": namespace.encode()})
            box.mount(SERVICE_ACCOUNT, {"ca.crt": control_plane.ca_file.read_bytes()})
            process = box.start(
                release.operator(),
                environment={"KUBERNETES_SERVICE_HOST": address, "KUBERNETES_SERVICE_PORT": port},
                memory=[rendered.operator()["volumeMounts"][0]["mountPath"]],
                log=tmp_path / "operator",
            )
            with running(process) as operator:
                wait_for(f"http://127.0.0.1:{release.health}/readyz", operator, tmp_path / "operator")
                app, github_token, pod = release.hooks()
                apply(control_plane, [app, github_token])
                secret = wait_for_secret(control_plane, namespace, pod["metadata"]["name"])
                assert check(github, pod, secret["token"]) == (0, "accepts the token of /github/token")
                assert check(github, pod, b"ghs_wrong") == (1, "the token of /github/token is not accepted")
                control_plane.kubectl("delete", "ght,gha", "--all", f"--namespace={namespace}")
            assert operator.returncode == 0, (tmp_path / "operator").read_text()
    assert "PRIVATE KEY" not in (tmp_path / "simulator").read_text()


class Release:
    """What the chart says of its containers, at free ports: without a node all of them have this machine's network."""

    def __init__(self, rendered: Rendered, namespace: str) -> None:
        self._rendered = rendered
        self.metrics, self.health, self._api, self.control = free_ports(4)
        name = f"githubtoken-operator-simulator.{namespace}.svc"
        self.hosts = {"hosts": f"127.0.0.1 localhost {name}\n".encode()}
        self._changes = {
            "=:8080": f"=127.0.0.1:{self.metrics}",
            "=:8081": f"=127.0.0.1:{self.health}",
            "=0.0.0.0": "=127.0.0.1",
            "=8443": f"={self._api}",
            "=8444": f"={self.control}",
            f"{name}:8443": f"{name}:{self._api}",
            "$(POD_NAMESPACE)": namespace,
        }

    def operator(self) -> list[str]:
        """The arguments of the operator."""
        return [self._moved(word) for word in self._rendered.operator()["args"]]

    def simulator(self) -> list[str]:
        """The arguments of the simulator."""
        pod = self._rendered.one("Deployment", "-simulator")["spec"]["template"]["spec"]
        return [self._moved(word) for word in pod["containers"][0]["args"]]

    def hooks(self) -> list[Object]:
        """The App, the GitHubToken and the pod of `helm test`, in their order."""
        found = [each for each in self._rendered.objects if "helm.sh/hook" in each["metadata"].get("annotations", {})]
        found.sort(key=lambda each: int(each["metadata"]["annotations"]["helm.sh/hook-weight"]))
        moved: list[Object] = json.loads(self._moved(json.dumps(found)))
        return moved

    def _moved(self, text: str) -> str:
        for old, new in self._changes.items():
            text = text.replace(old, new)
        return text


def wait_for_secret(control_plane: ControlPlane, namespace: str, name: str) -> dict[str, bytes]:
    """The data of a Secret once it is there."""
    control_plane.kubectl("wait", "--for=create", "--timeout=55s", f"secret/{name}", f"--namespace={namespace}")
    data = control_plane.get("secret", name, f"--namespace={namespace}")["data"]
    return {key: base64.b64decode(value) for key, value in data.items()}


def check(github: Container, pod: Object, token: bytes) -> tuple[int, str]:
    """Runs the pod of `helm test` with this token mounted: its exit code, and what it says of the token."""
    github.mount("/github", {"token": token})
    test = pod["spec"]["containers"][0]
    process = github.start(test["args"], command=test["command"])
    said, _ = process.communicate(timeout=WITHIN)
    found = re.search(r"(accepts the token|the token) of /github/token( is not accepted)?", said)
    assert found, said
    return process.returncode, found[0]
