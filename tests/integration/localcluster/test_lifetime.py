"""How a control plane starts, is interrupted, and ends: on control planes of these tests' own."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from localcluster import Binaries, ControlPlane, ControlPlaneError, KubectlError, launch

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}
UP_TIMEOUT_SECONDS = 120.0


# One worker runs the tests that share the control plane of this module.
SHARED = pytest.mark.xdist_group("localcluster-lifetime")


@pytest.fixture(scope="module")
def own(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    crds = tmp_path_factory.mktemp("crds") / "widgets.json"
    crds.write_text(json.dumps(WIDGETS), encoding="utf-8")
    with ControlPlane(binaries, crds=crds) as cluster:
        yield cluster


def create_widget_with_secret(cluster: ControlPlane, name: str) -> None:
    cluster.apply({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}})
    owner = {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "name": name,
        "uid": cluster.get("widget", name)["metadata"]["uid"],
    }
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "ownerReferences": [owner]}})


def wait_until_collected(cluster: ControlPlane, name: str) -> None:
    cluster.kubectl("wait", "secret", name, "--for=delete", "--timeout=50s")


@SHARED
def test_what_a_custom_resource_owns_goes_with_it(own: ControlPlane) -> None:
    create_widget_with_secret(own, "owner")
    own.kubectl("delete", "widget", "owner")
    wait_until_collected(own, "owner")


@SHARED
def test_without_the_api_server_connections_are_refused(own: ControlPlane) -> None:
    own.stop_api_server()
    try:
        with pytest.raises(KubectlError, match="refused"):
            own.kubectl("get", "namespaces")
    finally:
        own.start_api_server()
    own.check()


@SHARED
def test_a_restarted_api_server_has_its_address_its_data_and_its_controllers(own: ControlPlane) -> None:
    create_widget_with_secret(own, "survivor")
    uid = own.get("widget", "survivor")["metadata"]["uid"]
    server, before = own.server, own.pids()
    own.stop_api_server()
    own.start_api_server()
    assert own.server == server
    assert own.get("widget", "survivor")["metadata"]["uid"] == uid
    changed = {name for name, pid in own.pids().items() if pid != before[name]}
    assert changed == {"kube-apiserver", "kube-controller-manager"}
    own.kubectl("delete", "widget", "survivor")
    wait_until_collected(own, "survivor")


def test_nothing_is_left_after_the_end(binaries: Binaries) -> None:
    with ControlPlane(binaries) as cluster:
        processes = [psutil.Process(pid) for pid in cluster.pids().values()]
        assert {process.name() for process in processes} == {
            "etcd",
            "kube-apiserver",
            # The kernel cuts names after 15 characters; psutil completes them where the command line tells.
            "kube-controller-manager",
        }
        assert cluster.folder.is_dir()
    assert not any(process.is_running() for process in processes)
    assert not cluster.folder.exists()
    cluster.stop()


def test_a_start_that_fails_shows_the_end_of_the_log_and_leaves_nothing(binaries: Binaries) -> None:
    cluster = ControlPlane(binaries, api_server_flags=["--no-such-flag"])
    with pytest.raises(ControlPlaneError, match=r"(?s)kube-apiserver ended with exit code 1.*unknown flag"), cluster:
        pytest.fail("started with an unknown flag")
    assert cluster.folder.is_absolute()
    assert not cluster.folder.exists()
    assert cluster.pids() == {}


def test_a_process_that_died_is_reported(binaries: Binaries) -> None:
    with ControlPlane(binaries) as cluster:
        cluster.check()
        pid = cluster.pids()["kube-controller-manager"]
        os.kill(pid, signal.SIGKILL)
        # Waits for the end and leaves the exit code for the control plane to read.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ControlPlaneError, match="kube-controller-manager ended with exit code -9"):
            cluster.check()


def test_ports_are_different_and_none_that_a_connection_may_take_before_it_is_listened_on() -> None:
    ports = launch.free_ports(50)
    assert len(set(ports)) == len(ports)
    assert max(ports) < 32_768


def test_a_port_that_somebody_took_meanwhile_is_replaced(binaries: Binaries, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = launch.free_ports
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        choices = [[*choose(2), taken.getsockname()[1]]]
        monkeypatch.setattr(launch, "free_ports", lambda count: choices.pop() if choices else choose(count))
        with ControlPlane(binaries) as cluster:
            assert not choices
            assert not cluster.server.endswith(f":{taken.getsockname()[1]}")
            cluster.kubectl("get", "namespaces")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_is_left_when_the_starter_is_ended_by(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "localcluster", "up"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as starter:
        try:
            kubeconfig = read_kubeconfig(starter)
            processes = psutil.Process(starter.pid).children(recursive=True)
            assert {"etcd", "kube-apiserver", "kube-controller-manager"} < {process.name() for process in processes}
            starter.send_signal(number)
            starter.wait(30)
        finally:
            starter.kill()
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert alive == []
    # The guard removes the folder last, and was waited for with the others.
    assert not kubeconfig.parent.exists()
    assert starter.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 0)


def read_kubeconfig(starter: subprocess.Popen[str]) -> Path:
    """The path in the line `export KUBECONFIG=...`, which comes when all is ready."""
    assert starter.stdout is not None
    ready, _, _ = select.select([starter.stdout], [], [], UP_TIMEOUT_SECONDS)
    assert ready, "the control plane did not get ready"
    variable, _, value = starter.stdout.readline().strip().partition("=")
    assert variable == "export KUBECONFIG"
    kubeconfig = Path(value)
    assert kubeconfig.is_file()
    return kubeconfig
