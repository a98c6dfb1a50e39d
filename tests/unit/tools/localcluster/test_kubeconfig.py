from __future__ import annotations

import base64
import stat
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from localcluster.access import service_account_objects
from localcluster.kubeconfig import write_kubeconfig, write_service_account_key

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    (tmp_path / "ca.crt").write_text("certificate", encoding="utf-8")
    path = tmp_path / "kubeconfig"
    write_kubeconfig(
        path,
        server="https://127.0.0.1:6443",
        ca_file=tmp_path / "ca.crt",
        user="admin",
        token="made-up",
        namespace="team-a",
    )
    return path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_kubeconfig_names_one_server_one_user_and_one_namespace(kubeconfig: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    (cluster,), (user,), (context,) = config["clusters"], config["users"], config["contexts"]
    assert cluster["cluster"]["server"] == "https://127.0.0.1:6443"
    assert base64.b64decode(cluster["cluster"]["certificate-authority-data"]) == b"certificate"
    assert user == {"name": "admin", "user": {"token": "made-up"}}
    assert context["context"] == {"cluster": cluster["name"], "user": "admin", "namespace": "team-a"}
    assert config["current-context"] == context["name"]


def test_a_kubeconfig_is_readable_by_its_owner_only(kubeconfig: Path) -> None:
    assert mode_of(kubeconfig) == 0o600


def test_the_service_account_key_is_private_and_of_a_kind_that_the_api_server_takes(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_service_account_key(path)
    key = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    assert mode_of(path) == 0o600


def test_accounts_of_one_name_in_two_namespaces_have_cluster_roles_of_their_own() -> None:
    def cluster_roles(namespace: str) -> set[str]:
        items = service_account_objects("operator", namespace, rules=[], cluster_rules=[])["items"]
        return {item["metadata"]["name"] for item in items if item["kind"].startswith("ClusterRole")}

    assert len(cluster_roles("a")) == 1
    assert cluster_roles("a").isdisjoint(cluster_roles("b"))
