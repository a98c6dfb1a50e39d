"""GitHubApps and ClusterGitHubApps as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from githubtoken_operator.domain.apps import signers
from githubtoken_operator.domain.apps.admission import AllowedNamespaces
from githubtoken_operator.domain.apps.signers import SignerKey
from githubtoken_operator.domain.objects.specs import sources
from githubtoken_operator.domain.objects.specs.sources import KeyRef, key_ref
from githubtoken_operator.domain.vocabulary.model import JSON, Limits, Server

AppKind = Literal["GitHubApp", "ClusterGitHubApp"]


@dataclass(frozen=True, slots=True)
class GitHubApp:
    """A GitHubApp or a ClusterGitHubApp: ids, hosts, limits, and where its secrets are.

    A ClusterGitHubApp has no namespace (""); `allowed_namespaces` and `signer` concern it alone. It has `private_key`
    or `signer`, or neither. `client_certificate` is the name of a Secret of the type kubernetes.io/tls.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    deleting: bool
    app_id: int | None
    client_id: str | None
    private_key: KeyRef | None
    client_secret: KeyRef | None
    client_certificate: str | None
    server: Server
    limits: Limits
    allowed_namespaces: AllowedNamespaces
    status: JSON
    signer: SignerKey | None = None

    @property
    def kind(self) -> AppKind:
        """The kind of the object."""
        return "GitHubApp" if self.namespace else "ClusterGitHubApp"


def parse_app(body: JSON) -> GitHubApp:
    """The value of a GitHubApp or ClusterGitHubApp that the API server accepted."""
    meta, spec = body["metadata"], body.get("spec", {})
    allowed = spec.get("allowedNamespaces") or {}
    return GitHubApp(
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        deleting="deletionTimestamp" in meta,
        app_id=spec.get("appID"),
        client_id=spec.get("clientID"),
        private_key=key_ref(spec.get("privateKeySecretRef"), "private-key.pem"),
        client_secret=key_ref(spec.get("clientSecretSecretRef"), "client-secret"),
        client_certificate=(spec.get("clientCertificateSecretRef") or {}).get("name"),
        server=sources.server(spec),
        limits=_limits(spec),
        allowed_namespaces=AllowedNamespaces(allowed.get("from", "Same"), allowed.get("selector") or {}),
        status=body.get("status") or {},
        signer=signers.parse(spec["signer"]) if spec.get("signer") and "namespace" not in meta else None,
    )


def _limits(spec: JSON) -> Limits:
    permissions, repositories = spec.get("maxPermissions"), spec.get("allowedRepositories")
    return Limits(
        permissions=tuple(sorted(permissions.items())) if permissions is not None else None,
        repositories=tuple(sorted(repositories)) if repositories is not None else None,
    )
