"""ServiceAccounts with exactly the rights that a test gives them.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/ describes the objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# One rule of a Role: apiGroups, resources, verbs, and perhaps resourceNames.
PolicyRule = Mapping[str, Sequence[str]]

_RBAC = "rbac.authorization.k8s.io"


def service_account_objects(
    name: str, namespace: str, *, rules: Sequence[PolicyRule], cluster_rules: Sequence[PolicyRule]
) -> dict[str, Any]:
    """A List with a ServiceAccount, a Role and a ClusterRole of that name, each bound to it.

    `rules` hold in the namespace, `cluster_rules` everywhere. Both roles are written even when they are empty: applied
    again, fewer rules take rights away.
    """
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
    # ClusterRoles have no namespace; its name keeps accounts of equal names in two namespaces apart.
    cluster_name = f"{namespace}:{name}"
    local = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": local},
            _rbac("Role", local, rules=rules),
            _rbac("RoleBinding", local, roleRef=_role_ref("Role", name), subjects=subjects),
            _rbac("ClusterRole", {"name": cluster_name}, rules=cluster_rules),
            _rbac(
                "ClusterRoleBinding",
                {"name": cluster_name},
                roleRef=_role_ref("ClusterRole", cluster_name),
                subjects=subjects,
            ),
        ],
    }


def _rbac(kind: str, metadata: Mapping[str, str], **fields: object) -> dict[str, Any]:
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata, **fields}


def _role_ref(kind: str, name: str) -> dict[str, str]:
    return {"apiGroup": _RBAC, "kind": kind, "name": name}
