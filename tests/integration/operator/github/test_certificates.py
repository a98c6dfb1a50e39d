"""CAs of clusters and Enterprise Servers that are older than the letter of RFC 5280, through the process.

kubectl, git and Go accept them, and so does Python before 3.13; the image's Python would refuse them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from github_simulator.process import SimulatorProcess
from localcluster import ControlPlane
from localcluster.kubeconfig import write_kubeconfig
from localcluster.operator_process import (
    NAMESPACE,
    SERVICE_ACCOUNT,
    OperatorDied,
    operator_kubeconfig,
    running_operator,
)
from tests.cas import ANOTHER_NAME, EXPIRED, LEGACY, TO_THE_LETTER, Made, made
from tests.integration.operator.command_line import Commands
from tests.integration.operator.conftest import ALLOWED_HOSTS, RIGHTS
from tests.integration.operator.fronts import front
from tests.integration.operator.stage.cluster import Cluster
from tests.integration.operator.stage.world import World, world_in

pytestmark = [pytest.mark.every_python, pytest.mark.xdist_group("certificates")]


@contextmanager
def kubeconfig_of(plane: ControlPlane, server: Made, ca: Made, folder: Path) -> Iterator[Path]:
    """The operator's access to the API server behind a front with that certificate, whose CA is said to be `ca`."""
    operator_kubeconfig(plane, *RIGHTS)
    token = plane.kubectl("create", "token", SERVICE_ACCOUNT, f"--namespace={NAMESPACE}", "--duration=1h").strip()
    ca_file = folder / "ca.crt"
    ca_file.write_bytes(ca.ca_pem)
    with front(server.write(folder / "front.pem"), plane.server) as address:
        path = folder / "kubeconfig"
        write_kubeconfig(path, server=address, ca_file=ca_file, user=SERVICE_ACCOUNT, token=token, namespace="default")
        yield path


def serve(world: World, ca: bytes) -> None:
    app = world.register()
    world.install(app)
    world.app_secret(app)
    world.github_app(app, caBundle=base64.b64encode(ca).decode())
    world.installation_token()


@pytest.mark.parametrize("shape", LEGACY)
def test_cas_that_kubectl_accepts_are_accepted(
    shape: str, control_plane: ControlPlane, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    certificates = made(shape)
    leaf = certificates.write(tmp_path / "github.pem")
    with (
        kubeconfig_of(control_plane, certificates, certificates, tmp_path) as kubeconfig,
        SimulatorProcess("--ghes", "--tls-cert", str(leaf)) as simulator,
        running_operator(kubeconfig, tmp_path / "log", *ALLOWED_HOSTS, "--namespaces", namespace) as operator,
        world_in(cluster, simulator, operator, namespace) as world,
    ):
        serve(world, "# Société Générale\n".encode() + certificates.ca_pem)
        world.wait_ready()
        listed = Commands(kubeconfig, namespace)("list")
        assert (listed.code, listed.err) == (0, "")
        assert "Fresh" in listed.out


@pytest.mark.parametrize(
    ("shape", "trusted", "words"),
    [
        (TO_THE_LETTER, LEGACY[0], "unable to get local issuer certificate"),
        (EXPIRED, EXPIRED, "certificate has expired"),
        (ANOTHER_NAME, ANOTHER_NAME, "certificate is not valid for '127.0.0.1'"),
    ],
    ids=["another CA", "expired", "another name"],
)
def test_what_is_refused_is_refused_with_the_check_that_failed(
    shape: str, trusted: str, words: str, control_plane: ControlPlane, tmp_path: Path
) -> None:
    with kubeconfig_of(control_plane, made(shape), made(trusted), tmp_path) as kubeconfig:
        complaint = Commands(kubeconfig, "default")("list").complaint
        assert "its certificate is refused (" in complaint
        assert words in complaint
        with (
            pytest.raises(OperatorDied, match="its certificate is refused"),
            running_operator(kubeconfig, tmp_path / "log", *ALLOWED_HOSTS),
        ):
            pass
        assert words in (tmp_path / "log").read_text()


def test_of_github_too_the_check_that_failed_is_told(world: World, tmp_path: Path) -> None:
    leaf = made(ANOTHER_NAME).write(tmp_path / "github.pem")
    with SimulatorProcess("--ghes", "--tls-cert", str(leaf)) as simulator:
        app = world.register()
        world.app_secret(app)
        for name, ca, words in (
            ("name", made(ANOTHER_NAME), "certificate is not valid for '127.0.0.1'"),
            ("ca", made(TO_THE_LETTER), "unable to get local issuer certificate"),
        ):
            bundle = base64.b64encode(ca.ca_pem).decode()
            world.secret(f"{name}-app", {"private-key.pem": app.private_key or ""}, role="app")
            world.github_app(app, name, apiURL=simulator.api_url, webURL=simulator.web_url, caBundle=bundle)
            world.installation_token(name, app=name)
            assert words in world.wait_reason(name, "GitHubUnavailable").message
