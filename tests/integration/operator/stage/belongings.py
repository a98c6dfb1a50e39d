"""What a test makes: Apps at the simulator, and objects and Secrets in the cluster, each in one call."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from github_simulator.control_client import App, Control, Installation
from github_simulator.process import SimulatorProcess
from localcluster.operator_process import OperatorProcess
from tests.integration.operator.stage.cluster import Cluster, Object

OPERATOR_NAMESPACE: Final = "default"
"""Where the operator looks for the Secrets of ClusterGitHubApps, and keeps what ClusterGitHubTokens keep."""
_NUMBERS = itertools.count(1)


def pem(
    *, password: bytes | None = None, form: serialization.PrivateFormat = serialization.PrivateFormat.TraditionalOpenSSL
) -> str:
    """A new RSA key in PEM."""
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(serialization.Encoding.PEM, form, protection)
        .decode()
    )


_KEY: Final = pem()
"""One key for most Apps: making one takes a tenth of a second."""


@dataclass
class Belongings:
    """What a test makes. Names are of objects in its namespace."""

    cluster: Cluster
    namespace: str
    simulator: SimulatorProcess
    operator: OperatorProcess
    home: str = OPERATOR_NAMESPACE
    canaries: list[str] = field(default_factory=list, repr=False)
    cluster_apps: list[str] = field(default_factory=list)
    cluster_tokens: list[str] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)
    _identities: set[int | str | None] = field(default_factory=set)

    @property
    def github(self) -> Control:
        return self.simulator.control

    @property
    def account(self) -> str:
        """An organisation of this test alone."""
        return f"acme-{self.namespace}"

    def register(self, *, own_key: bool = False, **settings: Any) -> App:  # noqa: ANN401 - the simulator's settings
        """An App at the simulator, not yet known to the cluster."""
        key: dict[str, Any] = {} if own_key else {"private_key": _KEY}
        app = self.github.create_app(f"bot-{self.namespace}-{next(_NUMBERS)}", **key, **settings)
        self.canaries += [app.client_secret, *(line for line in (app.private_key or "").splitlines() if len(line) > 40)]
        return app

    def install(self, app: App, **settings: Any) -> Installation:  # noqa: ANN401 - the simulator's settings
        return self.github.install(
            app, self.account, **{"repositories": ["website", "api"], "permissions": {"contents": "write"}, **settings}
        )

    def app(self, name: str = "acme", *, installed: bool = True, **settings: Any) -> App:  # noqa: ANN401 - as above
        """An App at the simulator, installed on `account`, with its Secret and GitHubApp."""
        app = self.register(**settings)
        if installed:
            self.install(app)
        self.app_secret(app, f"{name}-app")
        self.github_app(app, name)
        return app

    def app_secret(
        self, app: App, name: str = "acme-app", *, namespace: str | None = None, **changes: str | None
    ) -> None:
        """The Secret of an App; keys are given with `_` for `-` and `.`, and None leaves one out."""
        data = {"private-key.pem": app.private_key, "client-secret": app.client_secret}
        data |= {
            {"private_key_pem": "private-key.pem", "client_secret": "client-secret"}[k]: v for k, v in changes.items()
        }
        present = {key: value for key, value in data.items() if value is not None}
        self.secret(name, present, role="app", namespace=namespace)

    def cluster_app(self, app: App, name: str | None = None, **spec: Any) -> str:  # noqa: ANN401 - fields of any kind
        """A ClusterGitHubApp with its Secret in the operator's namespace, named as nobody else's."""
        name = name or f"acme-{self.namespace}"
        self.cluster_apps.append(name)
        self.app_secret(app, f"{name}-app", namespace=self.home)
        self.github_app(app, name, kind="ClusterGitHubApp", **spec)
        return name

    def github_app(self, app: App, name: str = "acme", *, kind: str = "GitHubApp", **spec: Any) -> None:  # noqa: ANN401
        """A GitHubApp; a field that is None is left out."""
        whole = {
            "appID": app.id,
            "clientID": app.client_id,
            "privateKeySecretRef": {"name": f"{name}-app"},
            "clientSecretSecretRef": {"name": f"{name}-app"},
            "apiURL": self.simulator.api_url,
            "webURL": self.simulator.web_url,
            **spec,
        }
        self._identities |= {app.id, app.client_id, *(whole[key] for key in ("appID", "clientID") if whole[key])}
        self.create(kind, name, {key: value for key, value in whole.items() if value is not None})

    def installation_token(
        self,
        name: str = "ci",
        *,
        app: str = "acme",
        secret: Object | None = None,
        **source: Any,  # noqa: ANN401
    ) -> None:
        """A GitHubToken of the installation on `account`, or of what `source` says."""
        selected = {"id", "owner", "repository", "enterprise"} & source.keys()
        installation = source if selected else {"owner": self.account, **source}
        self.token(
            name, {"appRef": {"name": app}, "installation": installation, **({"secret": secret} if secret else {})}
        )

    def user_token(self, name: str = "alice", *, app: str = "acme", seed: str | None = None) -> None:
        """A GitHubToken of a user, and the Secret with its seed if there is one."""
        if seed is not None:
            self.seed(name, seed)
        self.token(name, {"appRef": {"name": app}, "user": {"seedSecretRef": {"name": f"{name}-seed"}}})

    def seed(self, name: str, refresh_token: str) -> None:
        """The seed's Secret of a user token, made or changed."""
        self.secret(f"{name}-seed", {"refresh_token": refresh_token}, role="seed")

    def sign_in(self, app: App, user: str = "alice", **settings: Any) -> str:  # noqa: ANN401 - the simulator's
        """A refresh token of a fresh sign-in."""
        refresh_token = self.github.sign_in(app, user, **settings).refresh_token
        assert refresh_token is not None
        self.canaries.append(refresh_token)
        return refresh_token

    def made_by_hand(self, user: str = "alice", *, life: float | None = 30 * 86400, **settings: Any) -> str:  # noqa: ANN401
        """A personal token that a human made at GitHub."""
        token = self.github.create_personal_token(user, life=life, **settings)
        self.canaries.append(token)
        return token

    def personal_token(self, token: str | None, name: str = "robot", *, role: str | None = "seed", **spec: Any) -> None:  # noqa: ANN401
        """A GitHubToken for the personal token in Secret `NAME-pat`, and that Secret if there is a token."""
        if token is not None:
            self.secret(f"{name}-pat", {"token": token}, role=role)
        urls = {"apiURL": self.simulator.api_url, "webURL": self.simulator.web_url}
        self.token(name, {"personal": {"secretRef": {"name": f"{name}-pat"}, **urls}, **spec})

    def token(self, name: str, spec: Mapping[str, Any]) -> None:
        self.create("GitHubToken", name, spec)

    def cluster_token(self, spec: Mapping[str, Any], name: str | None = None) -> str:
        """A ClusterGitHubToken, named as nobody else's."""
        name = name or f"pull-{self.namespace}"
        self.cluster_tokens.append(name)
        self.create("ClusterGitHubToken", name, spec)
        return name

    def another_namespace(self, suffix: str, **labels: str) -> str:
        """A namespace beside the test's own, with these labels and one that names the test."""
        name = f"{self.namespace}-{suffix}"
        labels = {"test": self.namespace, **labels}
        self.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, "")
        self.namespaces.append(name)
        return name

    def create(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        manifest = {"apiVersion": "githubtoken.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.cluster.create(manifest, self.namespace)

    def secret(
        self,
        name: str,
        data: Mapping[str, str],
        *,
        role: str | None = None,
        annotations: Mapping[str, str] | None = None,
        namespace: str | None = None,
    ) -> None:
        """A Secret of somebody else than the operator; one that is there is replaced."""
        where = namespace or self.namespace
        labels = {"githubtoken.dev/role": role} if role else {}
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": labels, "annotations": dict(annotations or {})},
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
        }
        if self.cluster.get("Secret", where, name) is None:
            self.cluster.create(manifest, where)
        else:
            self.cluster.send("PUT", "Secret", where, name, manifest).raise_for_status()

    def secret_key(self, name: str, key: str, value: str) -> None:
        """Somebody changes one key of a Secret."""
        self.patch(name, {"data": {key: base64.b64encode(value.encode()).decode()}}, kind="Secret")

    def patch(self, name: str, patch: Mapping[str, Any], *, kind: str = "GitHubToken") -> None:
        self.cluster.patch(kind, self.namespace, name, patch)

    def change(self, name: str, *, kind: str = "GitHubToken", **spec: Any) -> None:  # noqa: ANN401 - fields of any kind
        """Changes fields of a spec."""
        self.patch(name, {"spec": spec}, kind=kind)

    def annotate(self, name: str, *, kind: str = "GitHubToken", **annotations: str | None) -> None:
        """Sets our annotations, given with `_` for `-`."""
        ours = {f"githubtoken.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self.patch(name, {"metadata": {"annotations": ours}}, kind=kind)

    def workload(self, name: str = "web", *, kind: str = "Deployment") -> None:
        """A workload whose pods read Secret `ci` once, at their start."""
        env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "ci", "key": "token"}}}]
        template = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": "example.com/main", "env": env}]},
        }
        spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
        version = "argoproj.io/v1alpha1" if kind == "Rollout" else "apps/v1"
        self.cluster.create(
            {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}, self.namespace
        )

    def delete(self, kind: str, name: str) -> None:
        self.cluster.delete(kind, self.namespace, name)
