"""Somebody's admission policies, which deny what is done to Secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World


@contextmanager
def denied(world: World, operation: str, message: str, **conditions: str) -> Iterator[None]:
    """The operation on Secrets is denied meanwhile where all conditions, in CEL, hold; no reason is named, as usual."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": ["secrets"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": name, "expression": expression} for name, expression in conditions.items()],
        "validations": [{"expression": "false", "message": message}],
    }
    admission, kinds = "admissionregistration.k8s.io/v1", "validatingadmissionpolic"
    plane, name = world.cluster.control_plane, f"denied-{operation.lower()}-{world.namespace}"
    policy = {"apiVersion": admission, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec}
    bound = {"policyName": name, "validationActions": ["Deny"]}
    plane.apply(policy)
    plane.apply({**policy, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound})
    try:
        # A policy counts some moments after it was made.
        world.settle(3)
        yield
    finally:
        plane.kubectl("delete", f"{kinds}ybinding,{kinds}y", name)
        world.settle(3)
