"""What the trial applies: Apps, GitHubTokens in four cells, a ClusterGitHubToken, and the pods that use them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from github_simulator.control_client import App, Pair

Manifest = dict[str, Any]

NAMESPACE: Final = "team"
SHARED_BY: Final = (NAMESPACE, "other-team")
"""The namespaces that have the ClusterGitHubToken."""
OPERATOR_NAMESPACE: Final = "githubtoken-system"
"""Where the Secrets of a ClusterGitHubApp and of a ClusterGitHubToken are."""
API_VERSION: Final = "githubtoken.dev/v1alpha1"
USER: Final = "alice"
CONSUMERS: Final = {"Kubelet": 3, "Immediate": 1}
"""Pods of each cell. kubelet looks at each in its own minute, so that several see more than one."""
_CODE: Final = Path(__file__).with_name("consumer.py")
_RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How long tokens live, and how long before their end they are renewed."""

    life: int
    renew_before: str


PACES: Final = {
    # What is left when a token is renewed must outlast kubelet's 90 seconds and a failover.
    "Kubelet": Pace(life=300, renew_before="3m"),
    "Immediate": Pace(life=150, renew_before="2m"),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A GitHubToken that is tried, one for each cell; a ClusterGitHubToken where it is `shared`."""

    kind: str
    propagation: str
    shared: bool = False

    @property
    def resource(self) -> str:
        """What kubectl calls its kind."""
        return "cght" if self.shared else "ght"

    @property
    def app(self) -> str:
        """The name of its App."""
        return "shared" if self.shared else self.propagation.lower()

    @property
    def name(self) -> str:
        """The names of the object and its Secret."""
        return f"{'shared-' if self.shared else ''}{self.kind}-{self.propagation.lower()}"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where its consumers are."""
        return SHARED_BY if self.shared else (NAMESPACE,)

    @property
    def probe(self) -> str:
        """A request of GitHub's API that this kind of token may make."""
        return "/user" if self.kind == "user" else "/installation/repositories"

    @property
    def pods(self) -> list[tuple[str, str]]:
        """Namespace and name of each of its consumers."""
        names = [f"{self.name}-{number}" for number in range(CONSUMERS[self.propagation])]
        return [(namespace, name) for namespace in self.namespaces for name in names]


SUBJECTS: Final = (
    *(Subject(kind, propagation) for propagation in PACES for kind in ("installation", "user")),
    Subject("user", "Immediate", shared=True),
)


@dataclass(frozen=True, slots=True)
class GitHub:
    """The simulator as pods see it: its address, its CA (PEM), and its image."""

    url: str
    ca: str
    image: str


def app_objects(name: str, app: App, pair: Pair, github: GitHub, *, shared: bool = False) -> list[Manifest]:
    """An App, its key, and a user's first refresh token; of a ClusterGitHubApp where it is `shared`."""
    spec: Manifest = {
        "appID": app.id,
        "clientID": app.client_id,
        "privateKeySecretRef": {"name": f"{name}-app"},
        "clientSecretSecretRef": {"name": f"{name}-app"},
        "apiURL": github.url,
        "webURL": github.url,
        "caBundle": base64.b64encode(github.ca.encode()).decode(),
    }
    where = OPERATOR_NAMESPACE if shared else NAMESPACE
    key = {"private-key.pem": app.private_key or "", "client-secret": app.client_secret}
    return [
        _secret(f"{name}-app", "app", key, where),
        _secret(f"{name}-seed", "seed", {"refresh_token": pair.refresh_token or ""}, where),
        _object(API_VERSION, "ClusterGitHubApp", name, "", spec={**spec, "allowedNamespaces": {"from": "All"}})
        if shared
        else _object(API_VERSION, "GitHubApp", name, spec=spec),
    ]


def github_token(subject: Subject, account: str) -> Manifest:
    """The GitHubToken of a cell, or the ClusterGitHubToken."""
    name = subject.app
    what: Manifest = {"installation": {"owner": account}}
    if subject.kind == "user":
        what = {"user": {"seedSecretRef": {"name": f"{name}-seed"}}}
    pace = PACES[subject.propagation].renew_before
    spec = {"appRef": {"name": name}, **what, "renewBefore": pace, "propagation": subject.propagation}
    if subject.shared:
        spec["namespaces"] = {"names": [*subject.namespaces]}
        return _object(API_VERSION, "ClusterGitHubToken", subject.name, "", spec=spec)
    return _object(API_VERSION, "GitHubToken", subject.name, spec=spec)


def consumer_objects(github: GitHub) -> list[Manifest]:
    """The consumers' program, and the CA that they trust."""
    data = {"consumer.py": _CODE.read_text(encoding="utf-8"), "ca.crt": github.ca}
    return [_object("v1", "ConfigMap", "consumer", namespace, data=data) for namespace in SHARED_BY]


def consumer_pod(name: str, subject: Subject, github: GitHub, namespace: str = NAMESPACE) -> Manifest:
    """A pod that mounts the cell's Secret."""
    url = f"{github.url}{subject.probe}"
    container = {
        "name": "consumer",
        "image": github.image,
        "command": ["python", "/consumer/consumer.py", url, "/consumer/ca.crt", "/github/token"],
        "securityContext": _RESTRICTED,
        "volumeMounts": [
            {"name": "consumer", "mountPath": "/consumer", "readOnly": True},
            {"name": "github", "mountPath": "/github", "readOnly": True},
        ],
    }
    spec = {
        "containers": [container],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [
            {"name": "consumer", "configMap": {"name": "consumer"}},
            {"name": "github", "secret": {"secretName": subject.name}},
        ],
    }
    return _object("v1", "Pod", name, namespace, spec=spec)


def namespaces() -> list[Manifest]:
    """Where the consumers are; each holds its pods to Pod Security `restricted`."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}} for name in SHARED_BY
    ]


def _object(
    version: str, kind: str, name: str, namespace: str = NAMESPACE, **fields: Manifest | dict[str, str]
) -> Manifest:
    """What is cluster-scoped has no namespace ("")."""
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **fields}


def _secret(name: str, role: str, values: dict[str, str], namespace: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {"githubtoken.dev/role": role}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }
