"""A healthy cluster, of which each test changes one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from githubtoken_operator.adapters.kubernetes.commands.survey import SecretLook
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden
from githubtoken_operator.adapters.network.reach import Reached
from githubtoken_operator.commands.crds import packaged
from githubtoken_operator.commands.doctor.command import judged
from githubtoken_operator.commands.doctor.findings import Findings, Inventory, Platform, Rights
from githubtoken_operator.commands.terminal.checks import Check, Look
from githubtoken_operator.domain.vocabulary.model import JSON
from tests.unit.builders import NAMESPACE, NOW, app_body
from tests.unit.commands.snapshots import at, condition, snapshot

DENIED = Forbidden(403, "User x cannot get it")
SYSTEM = "githubtoken-system"
VERSION = "0.1.0"
ACCEPTED = {"conditions": [condition("Ready", "True", "Accepted", "GitHub accepts it")]}
CRDS = packaged()


def deployment(
    *arguments: str,
    replicas: int = 2,
    ready: int = 2,
    namespace: str = SYSTEM,
    name: str = "githubtoken-operator",
) -> dict[str, Any]:
    container = {"name": "operator", "args": ["run", *arguments]}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}},
        "status": {"readyReplicas": ready},
    }


def replica(name: str = "a", *, version: str = VERSION, waiting: str = "") -> dict[str, Any]:
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return {
        "metadata": {"name": name, "namespace": SYSTEM, "labels": {"app.kubernetes.io/version": version}},
        "spec": {"containers": [{"name": "operator", "image": "example.com/operator:9"}]},
        "status": {"containerStatuses": [{"name": "operator", "state": state}]},
    }


def lease(*, holder: str = "a_1", ago: timedelta = timedelta(seconds=3), namespace: str = SYSTEM) -> dict[str, Any]:
    spec = {"holderIdentity": holder, "renewTime": at(-ago), "leaseDurationSeconds": 15}
    return {"metadata": {"name": "githubtoken-operator", "namespace": namespace}, "spec": spec}


def platform(**changes: Any) -> Platform:  # noqa: ANN401 - fields of any kind
    whole: dict[str, Any] = {
        "server": "https://api",
        "api_server": Look("v1.34.4"),
        "served": Look(frozenset({"githubtokens", "githubapps", "clustergithubapps", "clustergithubtokens"})),
        "crds": {crd["metadata"]["name"]: Look(crd) for crd in CRDS},
        "packaged": CRDS,
        "namespace": SYSTEM,
        "deployments": Look([deployment()]),
        "replicas": Look([replica()]),
        "lease": Look(lease()),
        "leases": Look([lease()]),
        "elsewhere": Look([deployment()]),
        "version": VERSION,
        "now": NOW,
    }
    return Platform(**{**whole, **changes})


def objects(*, tokens: Sequence[object] | ApiError | None = None, **changes: Any) -> Inventory:  # noqa: ANN401 - as above
    key = SecretLook("Opaque", ("private-key.pem",), {}, {}, fingerprint="SHA256:abc")
    granted = {"account": "acme", "permissions": {"contents": "read"}}
    whole: dict[str, Any] = {
        "scope": "",
        "tokens": Look([snapshot(status=granted)] if tokens is None else tokens),
        "cluster_tokens": Look([]),
        "apps": Look([{**app_body(), "status": ACCEPTED}]),
        "cluster_apps": Look([]),
        "keys": {(NAMESPACE, "acme-app", "private-key.pem"): Look(key)},
        "unlabelled": Look([]),
        "orphans": Look([]),
        "leftovers": Look([]),
        "operator_namespace": SYSTEM,
        "served": [],
        "now": NOW,
    }
    return Inventory(**{**whole, **changes})


HEALTHY = Findings(
    platform(),
    Rights(Look([]), f"{SYSTEM}/githubtoken-operator", guessed=False, operators=Look([])),
    objects(),
    [Reached("https://api.github.com", 200, 0.12, timedelta(seconds=-1))],
    {"externalsecrets": Look([]), "tokens": Look(None)},
)


def checked(**changes: Any) -> dict[str, Check]:  # noqa: ANN401 - fields of any kind
    """The checks by their names."""
    return {check.name: check for check in judged(replace(HEALTHY, **changes))}


def rivals(**found: Sequence[JSON] | ApiError) -> Mapping[str, Look[Sequence[JSON]]]:
    return {plural: Look(bodies) for plural, bodies in found.items()}
