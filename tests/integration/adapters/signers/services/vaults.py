"""A real OpenBao that asks a real API server who logs in, as tests of different folders need it."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from githubtoken_operator.adapters.signers.services.vault import token_file
from localcluster import BinariesError
from localcluster.openbao import OpenBao, provide_openbao
from tests import cas

if TYPE_CHECKING:
    from localcluster import ControlPlane

ROLE: Final = "githubtoken"
AUDIENCE: Final = "vault"
NAMESPACE: Final = "default"
SERVICE_ACCOUNT: Final = "signing-operator"
REVIEWER: Final = "openbao"


@dataclass(frozen=True)
class Vault:
    """The server, and the folder with the operator's projected tokens."""

    bao: OpenBao
    ca: bytes
    tokens: Path
    control_plane: ControlPlane

    def signer(self, key: str = "acme", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the spec
        """`spec.signer` for a key there."""
        found = {
            "address": self.bao.address,
            "key": key,
            "caBundle": b64encode(self.ca).decode(),
            "auth": {"kubernetes": {"role": ROLE}},
            **fields,
        }
        return {"vault": found}

    def project(self, audience: str = AUDIENCE, *, account: str = SERVICE_ACCOUNT, show_as: str = AUDIENCE) -> str:
        """Kubelet's part: a token of an account for an audience, put where the token for `show_as` is looked for."""
        token = self.control_plane.kubectl(
            "create", "token", account, f"--namespace={NAMESPACE}", f"--audience={audience}", "--duration=1h"
        ).strip()
        token_file(self.tokens, show_as).write_text(token + "\n")
        return token

    def role(self, *, ttl: int = 3600, keys: tuple[str, ...] = ("acme",), audience: str = AUDIENCE) -> None:
        """The role, with the two rights for each of the keys."""
        rules = [rule for key in keys for rule in ((f"transit/sign/{key}", "update"), (f"transit/keys/{key}", "read"))]
        self.bao.policy("sign", *rules)
        self.bao.ask(
            "POST",
            f"auth/kubernetes/role/{ROLE}",
            {
                "bound_service_account_names": [SERVICE_ACCOUNT],
                "bound_service_account_namespaces": [NAMESPACE],
                "audience": audience,
                "token_policies": ["sign"],
                "token_ttl": ttl,
            },
        )


@contextmanager
def running_vault(control_plane: ControlPlane, folder: Path, *, port: int | None = None) -> Iterator[Vault]:
    """A Vault whose Kubernetes auth is set up; the test is skipped where OpenBao cannot be had."""
    try:
        program = provide_openbao(os.environ)
    except BinariesError as error:
        pytest.skip(str(error).splitlines()[0])
    made, tokens, data = cas.made(), folder / "tokens", folder / "bao"
    for each in (tokens, data):
        each.mkdir()
    with OpenBao(program, data, certificate=made.write(folder / "server.pem"), ca=made.ca_pem, port=port) as bao:
        vault = Vault(bao, made.ca_pem, tokens, control_plane)
        for account in (SERVICE_ACCOUNT, REVIEWER):
            # A module that was here before has made it.
            control_plane.kubectl("apply", "--server-side", "--filename=-", stdin=_account(account))
        reviewer = control_plane.kubectl("create", "token", REVIEWER, f"--namespace={NAMESPACE}").strip()
        bao.enable("transit")
        bao.enable("kubernetes", auth=True)
        bao.ask(
            "POST",
            "auth/kubernetes/config",
            {
                "kubernetes_host": control_plane.server,
                "kubernetes_ca_cert": control_plane.ca_file.read_text(),
                "token_reviewer_jwt": reviewer,
                "disable_local_ca_jwt": True,
            },
        )
        vault.role()
        vault.project()
        yield vault


def _account(name: str) -> str:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{name}-reviews"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}}

    return yaml.safe_dump_all([account, *([binding] if name == REVIEWER else [])])
