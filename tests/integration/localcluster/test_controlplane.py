"""What the shared control plane offers to every test."""

from __future__ import annotations

import json
import stat
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from localcluster import ControlPlane, KubectlError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRETS_READER = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}


def eventually(holds: Callable[[], bool], *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail("did not come true in time")
        time.sleep(0.1)


def is_absent(cluster: ControlPlane, *arguments: str) -> bool:
    return cluster.kubectl("get", *arguments, "--ignore-not-found", "--output=name") == ""


def test_kubectl_understands_the_version_of_both_sides(control_plane: ControlPlane) -> None:
    answer = json.loads(control_plane.kubectl("version", "--output=json"))
    for side in ("clientVersion", "serverVersion"):
        assert answer[side]["major"] == "1"
        assert answer[side]["gitVersion"].startswith(f"v1.{answer[side]['minor']}.")


def test_the_administrator_may_do_everything(control_plane: ControlPlane) -> None:
    assert control_plane.kubectl("auth", "can-i", "*", "*", "--all-namespaces").strip() == "yes"


def test_the_kubeconfig_is_readable_by_its_owner_only(control_plane: ControlPlane) -> None:
    assert stat.S_IMODE(control_plane.kubeconfig.stat().st_mode) == 0o600


def test_our_crds_are_served(control_plane: ControlPlane, pytestconfig: pytest.Config) -> None:
    files = sorted((pytestconfig.rootpath / "deploy" / "crds").glob("*.yaml"))
    assert files
    for file in files:
        crd = yaml.safe_load(file.read_text(encoding="utf-8"))
        served = control_plane.get("crd", crd["metadata"]["name"])
        established = [each["status"] for each in served["status"]["conditions"] if each["type"] == "Established"]
        assert established == ["True"]


def test_a_new_namespace_gets_its_service_account(control_plane: ControlPlane, namespace: str) -> None:
    eventually(lambda: not is_absent(control_plane, "serviceaccount", "default", f"--namespace={namespace}"))


def test_a_deleted_namespace_goes_with_what_it_holds(control_plane: ControlPlane) -> None:
    control_plane.kubectl("create", "namespace", "short-lived")
    control_plane.kubectl("create", "configmap", "content", "--namespace=short-lived")
    control_plane.kubectl("delete", "namespace", "short-lived", "--wait=false")
    eventually(lambda: is_absent(control_plane, "namespace", "short-lived"))


def test_a_failing_kubectl_tells_what_the_server_said(control_plane: ControlPlane) -> None:
    with pytest.raises(KubectlError, match=r"`kubectl get pods nobody` ended with exit code 1: .*NotFound"):
        control_plane.kubectl("get", "pods", "nobody")


class TestAServiceAccountWithGivenRights:
    @pytest.fixture
    def reader(self, control_plane: ControlPlane, namespace: str) -> Path:
        return control_plane.service_account_kubeconfig("reader", namespace=namespace, rules=[SECRETS_READER])

    def test_is_who_it_says(self, control_plane: ControlPlane, namespace: str, reader: Path) -> None:
        answer = json.loads(control_plane.kubectl("auth", "whoami", "--output=json", kubeconfig=reader))
        assert answer["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:reader"

    def test_may_do_what_its_rules_say_in_its_namespace(self, control_plane: ControlPlane, reader: Path) -> None:
        assert control_plane.kubectl("get", "secrets", "--output=name", kubeconfig=reader) == ""

    @pytest.mark.parametrize(
        "arguments",
        [
            pytest.param(("get", "configmaps"), id="another resource"),
            pytest.param(("create", "secret", "generic", "mine"), id="another verb"),
            pytest.param(("get", "secrets", "--namespace=default"), id="another namespace"),
            pytest.param(("get", "secrets", "--all-namespaces"), id="all namespaces"),
        ],
    )
    def test_is_forbidden_everything_else(
        self, control_plane: ControlPlane, reader: Path, arguments: tuple[str, ...]
    ) -> None:
        with pytest.raises(KubectlError, match=r"(?i)forbidden"):
            control_plane.kubectl(*arguments, kubeconfig=reader)

    def test_may_do_it_everywhere_when_the_rule_is_the_clusters(
        self, control_plane: ControlPlane, namespace: str
    ) -> None:
        everywhere = control_plane.service_account_kubeconfig(
            "everywhere", namespace=namespace, cluster_rules=[SECRETS_READER]
        )
        control_plane.kubectl("get", "secrets", "--all-namespaces", kubeconfig=everywhere)

    def test_loses_rights_that_are_not_given_again(
        self, control_plane: ControlPlane, namespace: str, reader: Path
    ) -> None:
        control_plane.service_account_kubeconfig("reader", namespace=namespace)

        def is_forbidden() -> bool:
            # The API server's authorizer follows the change of a role a moment later.
            try:
                control_plane.kubectl("get", "secrets", kubeconfig=reader)
            except KubectlError as error:
                return "Forbidden" in error.stderr
            return False

        eventually(is_forbidden)
