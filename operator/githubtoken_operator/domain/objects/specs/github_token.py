"""GitHubTokens and ClusterGitHubTokens as a frozen value: where an API object becomes something to decide on.

The API server has validated what the CRD's schema and CEL rules can say; what is left to check here is what would make
a Secret that cannot be written. Such a field is refused by name (`InvalidSpec`), never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from sys import intern
from typing import Final, Literal

from githubtoken_operator.domain.objects.specs import formats, sources
from githubtoken_operator.domain.objects.specs.github_app import AppKind
from githubtoken_operator.domain.objects.specs.namespaces import NamespacesWish
from githubtoken_operator.domain.objects.specs.sources import (
    InstallationSource,
    KindName,
    PersonalSource,
    Source,
    UserSource,
)
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_duration, parse_time

ObjectKind = Literal["GitHubToken", "ClusterGitHubToken"]

PREFIX: Final = "githubtoken.dev/"
"""Of every label and annotation that is ours."""
API_VERSION: Final = PREFIX + "v1alpha1"
"""Of all our kinds."""
REFRESH_REQUESTED_AT: Final = PREFIX + "refresh-requested-at"
"""Annotation of a GitHubToken: a new value asks for a renewal at once."""
LOGIN_REQUESTED_AT: Final = PREFIX + "login-requested-at"
"""Annotation of a GitHubToken: a new value asks for a new device code."""
ECHO_LIMIT: Final = 64
"""So many characters of a request annotation are kept in status."""
FINALIZER: Final = PREFIX + "revocation"
"""Holds a GitHubToken with `deletionPolicy: Revoke` until its tokens are revoked."""


@dataclass(frozen=True, slots=True)
class SecretTemplate:
    """`spec.secret`: what the consumer's Secret looks like beside the token."""

    name: str
    type: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    formats: tuple[str, ...]
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RestartTarget:
    """One of `spec.restartTargets`: `kind` is Deployment, StatefulSet, DaemonSet or Rollout."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Failures:
    """What status remembers of failed attempts; all empty after a success.

    `inputs` is a digest of what the last one was made with, "" where that is not known or could mend nothing.
    """

    attempts: int = 0
    last: datetime | None = None
    next: datetime | None = None
    inputs: str = ""


NO_FAILURES: Final = Failures()


@dataclass(frozen=True, slots=True)
class GitHubToken:
    """A GitHubToken. `app` is empty where the source needs none.

    With `wish` it is a ClusterGitHubToken, whose consumers are in the namespaces that it wishes for. `namespace` is
    then the operator's: what it reads and keeps is there.
    `created` is its `creationTimestamp`, whose text sorts as the time does.
    `revoke` says that its tokens are to be revoked when it is deleted, `held` that our finalizer sees to that.
    `immediate` says that pods which mount the Secret are touched after it was written.
    """

    namespace: str
    name: str
    uid: str
    created: str
    generation: int
    deleting: bool
    app: str
    app_kind: AppKind
    source: Source
    secret: SecretTemplate
    renew_before: timedelta | None
    renew_before_percentage: int | None
    retain: bool
    revoke: bool
    held: bool
    restart_targets: tuple[RestartTarget, ...]
    immediate: bool
    suspend: bool
    refresh_requested: str | None
    login_requested: str | None
    status: JSON
    invalid: Terminal | None
    wish: NamespacesWish | None = None

    @property
    def clusterwide(self) -> bool:
        """Whether it is a ClusterGitHubToken."""
        return self.wish is not None

    @property
    def object_kind(self) -> ObjectKind:
        """The kind of the object, as the API calls it."""
        return "ClusterGitHubToken" if self.wish else "GitHubToken"

    @property
    def namespaced_name(self) -> tuple[str, str]:
        """Of the object: a ClusterGitHubToken has no namespace ("")."""
        return ("" if self.wish else self.namespace), self.name

    @property
    def kind(self) -> KindName:
        """The kind of token, as `status.kind` shows it."""
        return self.source.kind

    @property
    def user(self) -> UserSource | None:
        """`spec.user`."""
        return self.source if isinstance(self.source, UserSource) else None

    @property
    def installation(self) -> InstallationSource | None:
        """`spec.installation`."""
        return self.source if isinstance(self.source, InstallationSource) else None

    @property
    def personal(self) -> PersonalSource | None:
        """`spec.personal`."""
        return self.source if isinstance(self.source, PersonalSource) else None

    @property
    def failures(self) -> Failures:
        """What the last run wrote of its failures, so that a restart goes on waiting where it was."""
        return Failures(
            attempts=int(self.status.get("failedAttempts", 0)),
            last=parse_time(self.status.get("lastFailureTime")),
            next=parse_time(self.status.get("nextAttemptTime")),
            inputs=str(self.status.get("lastFailureInputs", "")),
        )

    @property
    def seen(self) -> bool:
        """Whether status speaks of the present spec."""
        return self.status.get("observedGeneration") == self.generation

    @property
    def refresh_pending(self) -> bool:
        """Whether somebody asked for a renewal that was not handled yet."""
        return self.refresh_requested is not None and self.refresh_requested != self.status.get("lastHandledRefreshAt")

    @property
    def login_pending(self) -> bool:
        """Whether somebody asked for a device code that was not shown yet."""
        return self.login_requested is not None and self.login_requested != self.status.get("lastHandledLoginAt")


def parse_token(body: JSON, home: str = "") -> GitHubToken:
    """The value of a GitHubToken or ClusterGitHubToken that the API server accepted: one spec, but for the namespaces.

    `home` is the operator's namespace, where what a ClusterGitHubToken reads and keeps is.
    """
    meta, spec = body["metadata"], body.get("spec", {})
    clusterwide = "namespace" not in meta
    # Names are kept in many places for as long as the object lives: once each.
    name = intern(meta["name"])
    secret = _secret(name, spec.get("secret") or {})
    source = sources.of(name, spec)
    renew_before = spec.get("renewBefore")
    annotations = meta.get("annotations") or {}
    return GitHubToken(
        namespace=intern(meta.get("namespace", home)),
        name=name,
        uid=meta["uid"],
        created=meta.get("creationTimestamp", ""),
        generation=meta.get("generation", 0),
        deleting="deletionTimestamp" in meta,
        app=intern((spec.get("appRef") or {}).get("name", "")),
        app_kind="ClusterGitHubApp" if clusterwide else (spec.get("appRef") or {}).get("kind", "GitHubApp"),
        source=source,
        secret=secret,
        renew_before=parse_duration(renew_before) if renew_before else None,
        renew_before_percentage=spec.get("renewBeforePercentage"),
        retain=spec.get("deletionPolicy") == "Retain",
        revoke=spec.get("deletionPolicy") == "Revoke",
        restart_targets=tuple(RestartTarget(it["kind"], it["name"]) for it in spec.get("restartTargets") or ()),
        immediate=spec.get("propagation") == "Immediate",
        held=FINALIZER in (meta.get("finalizers") or ()),
        suspend=bool(spec.get("suspend")),
        refresh_requested=_request(annotations.get(REFRESH_REQUESTED_AT)),
        login_requested=_request(annotations.get(LOGIN_REQUESTED_AT)),
        status=body.get("status") or {},
        invalid=_unwritable(secret, source),
        wish=NamespacesWish.of(spec.get("namespaces") or {}) if clusterwide else None,
    )


def _secret(name: str, secret: JSON) -> SecretTemplate:
    wanted = tuple(secret.get("formats") or ())
    return SecretTemplate(
        name=intern(secret.get("name", name)),
        type=secret.get("type", formats.secret_type(wanted)),
        labels=secret.get("labels") or {},
        annotations=secret.get("annotations") or {},
        formats=wanted,
        data=secret.get("data") or {},
    )


def _unwritable(secret: SecretTemplate, source: Source) -> Terminal | None:
    problem = formats.problem(formats.SecretWish(secret.formats, secret.type, secret.data, source.path))
    return Terminal(reasons.INVALID_SPEC, problem) if problem else None


def _request(value: str | None) -> str | None:
    return value[:ECHO_LIMIT] if value else None
