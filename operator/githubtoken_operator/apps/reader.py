"""Reads an App with its Secrets, and who may use it, into what requests need.

The Secrets of a GitHubApp are in its own namespace, those of a ClusterGitHubApp in the operator's; no field can name
another.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from githubtoken_operator.adapters.github.jwt import read_private_key
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.adapters.network import client_certificate, tls
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.apps import hosts, signers
from githubtoken_operator.domain.objects import named
from githubtoken_operator.domain.objects.secrets import decoded_bytes, labels_of
from githubtoken_operator.domain.objects.specs.github_app import GitHubApp, parse_app
from githubtoken_operator.domain.objects.specs.sources import KeyRef
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.certificates import CABundle
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, App, ClientCertificate, PrivateKey, Server, Token
from githubtoken_operator.engine.cache.objects import Read, each_once
from githubtoken_operator.engine.cache.watched import Ref

_SEAL = b"githubtoken.dev/seal "


@dataclass(frozen=True, slots=True)
class Resolved:
    """An App with its Secrets, as they were at one moment.

    `app` is None where the spec cannot be used. `error` concerns every token, `key_error` installation tokens only,
    `client_secret_error` user tokens only. `digest` changes with anything that could mend a failure.
    """

    at: datetime
    source: GitHubApp | None = None
    body: JSON | None = None
    app: App | None = None
    error: TokenError | None = None
    key_error: TokenError | None = None
    client_secret_error: TokenError | None = None
    digest: str = ""

    @property
    def key(self) -> PrivateKey | None:
        """The parsed private key."""
        return self.app.private_key if self.app else None


class AppReader:
    """Reads Apps."""

    def __init__(self, ground: Ground) -> None:
        self._objects = ground.objects
        self._signing = ground.signing
        self._watched = ground.watched
        self._own_namespace = ground.home
        self._allowed_hosts = ground.settings.allowed_hosts
        self._now = ground.clocks.now
        self._bundles: weakref.WeakValueDictionary[str, CABundle] = weakref.WeakValueDictionary()

    async def read(self, ref: Ref, *, fresh: bool = False) -> Resolved:
        """The App with its Secrets, `fresh` as the API server has them at this moment. Raises `ApiError`.

        What is missing of them is an error in the answer.
        """
        try:
            # The private key and the client secret may be in one Secret.
            return await self._read(ref, each_once(self._objects.now if fresh else self._objects.known))
        except Forbidden as error:
            return Resolved(self._now(), error=_may_not_read(error))

    async def not_admitted(self, source: GitHubApp, namespace: str) -> Terminal | None:
        """Why tokens of `namespace` may not use a ClusterGitHubApp, or None. Raises `ApiError`."""
        allowed = source.allowed_namespaces
        try:
            labels = await self._labels(namespace) if allowed.by_labels else {}
        except Forbidden as error:
            return _may_not_read(error)
        if allowed.admit(namespace, own=self._own_namespace, labels=labels):
            return None
        return Terminal(
            reasons.APP_NOT_ALLOWED,
            f"ClusterGitHubApp `{source.name}` may not be used from namespace `{namespace}`: ask who administers it to "
            "admit the namespace in its `spec.allowedNamespaces`, or make the GitHubToken anew with a GitHubApp",
        )

    async def _labels(self, namespace: str) -> Mapping[str, str]:
        found = await self._objects.known(Kind.NAMESPACE, "", namespace)
        return labels_of(found) if found is not None else {}

    async def _read(self, ref: Ref, read: Read) -> Resolved:
        now = self._now()
        body = await read(ref.kind, ref.namespace, ref.name)
        source = parse_app(body) if body is not None else None
        if body is None or source is None or source.deleting:
            self._signing.forget(ref)
            return Resolved(now, error=_not_found(ref))
        where = source.namespace or self._own_namespace
        # Said before they are read, so that what changes meanwhile wakes the App.
        self._watched.depends(
            ref, [ref, *(Ref(Kind.SECRET, where, name) for name in named.secrets(body.get("spec", {})))]
        )
        key_pem, key_error = await self._read_key(
            read, where, source.private_key, "private key", reasons.PRIVATE_KEY_MISSING
        )
        secret, secret_error = await self._read_key(
            read, where, source.client_secret, "client secret", reasons.CLIENT_SECRET_MISSING
        )
        unusable = await self._unusable(source)
        # Whom it may not ask, it does not ask any more either.
        key: PrivateKey | None = self._signing.key_of(ref, replace(source, signer=None) if unusable else source)
        try:
            key = key or (await read_private_key(key_pem) if key_pem else None)
        except Terminal as error:
            key_error = error
        shown, certificate_error = await self._read_certificate(read, where, source.client_certificate)
        app = App(
            app_id=source.app_id,
            client_id=source.client_id,
            server=self._shared(replace(source.server, client_certificate=shown)),
            private_key=key,
            client_secret=Token(secret.decode(errors="replace").strip()) if secret else None,
            limits=source.limits,
            seal=hashlib.sha256(_SEAL + key_pem).digest() if key_pem else None,
        )
        return Resolved(
            at=now,
            source=source,
            body=body,
            app=app,
            error=unusable or certificate_error,
            key_error=key_error if source.private_key or source.signer else _no_private_key(source),
            client_secret_error=secret_error,
            digest=_digest(source, key_pem, secret, shown.pem if shown else None),
        )

    def _shared(self, server: Server) -> Server:
        """Each token remembers its App, so all that name one set of CAs share it."""
        bundle = server.ca_bundle
        return replace(server, ca_bundle=self._bundles.setdefault(bundle.digest, bundle)) if bundle else server

    async def _read_key(
        self, read: Read, namespace: str, where: KeyRef | None, what: str, reason: str
    ) -> tuple[bytes | None, Terminal | None]:
        """The bytes under a Secret's key, or why there are none."""
        if where is None:
            return None, None
        secret = await read(Kind.SECRET, namespace, where.name)
        if secret is None:
            missing = f"there is no Secret `{where.name}` in namespace `{namespace}`; create it"
            return None, Terminal(reason, f"the {what} is missing: {missing}")
        value = decoded_bytes(secret, where.key)
        if not value:
            return None, Terminal(reason, f"the {what} is missing: put it under `{where.key}` of Secret `{where.name}`")
        return value, None

    async def _read_certificate(
        self, read: Read, namespace: str, name: str | None
    ) -> tuple[ClientCertificate | None, Terminal | None]:
        """The client certificate in a Secret, or what is wrong with it."""
        if name is None:
            return None, None
        secret = await read(Kind.SECRET, namespace, name)
        if secret is None:
            problem = (
                f"there is no Secret `{name}` in namespace `{namespace}`; create it, of the type kubernetes.io/tls"
            )
            return None, Terminal(reasons.INVALID_SPEC, f"the client certificate is missing: {problem}")
        parts = [decoded_bytes(secret, key) or b"" for key in (client_certificate.CERTIFICATE, client_certificate.KEY)]
        try:
            return await client_certificate.read_pair(*parts), None
        except ValueError as error:
            problem = f"the client certificate in Secret `{name}` cannot be used: {error}"
            return None, Terminal(reasons.INVALID_SPEC, problem)

    async def _unusable(self, source: GitHubApp) -> TokenError | None:
        if denied := hosts.refusal(source.server, self._allowed_hosts):
            return denied
        if source.signer and (denied := signers.refusal(source.signer, self._allowed_hosts)):
            return denied
        bundles = {"caBundle": source.server.ca_bundle, "signer.vault.caBundle": signers.ca_bundle(source.signer)}
        for field, bundle in bundles.items():
            if bundle is not None and (problem := await tls.problem_of(bundle)):
                return Terminal(reasons.INVALID_SPEC, f"`spec.{field}` {problem}")
        return None


def _not_found(ref: Ref) -> Terminal:
    where = " in this namespace" if ref.namespace else ""
    # Who forgets the kind means an App of the cluster.
    kind = " (`kind: ClusterGitHubApp` for one of the whole cluster)" if ref.namespace else ""
    return Terminal(
        reasons.APP_NOT_FOUND,
        f"there is no {ref.kind} `{ref.name}`{where}: create it, or make this object anew with another "
        f"`spec.appRef`{kind}",
    )


def _no_private_key(source: GitHubApp) -> Terminal:
    return Terminal(
        reasons.PRIVATE_KEY_MISSING,
        f"set `spec.privateKeySecretRef`{'' if source.namespace else ' or `spec.signer`'} of {source.kind} "
        f"`{source.name}`: installation tokens need the App's private key",
    )


def _may_not_read(error: Forbidden) -> Terminal:
    return Terminal(reasons.MISSING_PERMISSION, f"the API server refuses a read: {error.message}")


def _digest(source: GitHubApp, *secrets: bytes | None) -> str:
    """Changes with anything of the App that could mend a failure."""
    parts = [source.uid, str(source.generation), *(hashlib.sha256(item or b"").hexdigest() for item in secrets)]
    return hashlib.sha256("/".join(parts).encode()).hexdigest()
