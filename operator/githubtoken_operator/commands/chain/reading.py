"""Reads what a GitHubToken hangs on and what hangs on it, each with its own refusal where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from githubtoken_operator.adapters.kubernetes.cluster import KINDS, Kind
from githubtoken_operator.adapters.kubernetes.commands.survey import SecretLook, Survey
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.terminal.checks import Look, look
from githubtoken_operator.domain.objects.specs.github_app import GitHubApp, parse_app
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken, parse_token
from githubtoken_operator.domain.objects.specs.sources import KeyRef
from githubtoken_operator.domain.vocabulary.model import JSON

SecretSeen = Look[SecretLook]


@dataclass(frozen=True, slots=True)
class Chain:
    """All that was read at one moment; None for a link that this GitHubToken has not, or that is not known to be.

    Of a ClusterGitHubToken the Secret and what uses it are those of `view`, one of its namespaces; none without one.
    `home` is where the operator is said to be, and so what is cluster-scoped has its Secrets. Each of `workloads` is by
    its kind and name.
    """

    token: Snapshot
    app: Look[JSON] | None
    private_key: SecretSeen | None
    client_secret: SecretSeen | None
    source: SecretSeen | None
    credential: SecretSeen | None
    secret: SecretSeen | None
    pods: Look[Sequence[JSON]] | None
    workloads: Sequence[tuple[str, Look[JSON]]]
    now: datetime
    view: str = ""
    home: str = ""

    @property
    def wanted(self) -> GitHubToken:
        """The spec."""
        return parse_token(self.token.body)

    @property
    def of_app(self) -> GitHubApp | None:
        """The App's spec, where it could be read."""
        return _parsed(self.app)


async def read(survey: Survey, token: Snapshot, operator_namespace: str, now: datetime, *, view: str = "") -> Chain:
    """Reads all links; `operator_namespace` has the Secrets of what is cluster-scoped."""
    wanted = parse_token(token.body, operator_namespace)
    view = token.namespace or view
    app = await _app(survey, wanted)
    source = _parsed(app)
    where, home = token.namespace if wanted.app_kind == "GitHubApp" else operator_namespace, wanted.namespace
    user = wanted.user

    async def secret(ref: KeyRef | None, namespace: str, *, is_key: bool = False) -> SecretSeen | None:
        if ref is None:
            return None
        return await look(survey.secret(namespace, ref.name, private_key=ref.key if is_key else ""))

    async def workload(kind: str, name: str) -> tuple[str, Look[JSON]]:
        return f"{kind} {name}", await look(survey.read(KINDS[kind], view, name))

    async def pods_there() -> Look[Sequence[JSON]] | None:
        return await look(survey.pods(view)) if view else None

    secrets, consumer, pods, workloads = await asyncio.gather(
        asyncio.gather(
            secret(source.private_key if source else None, where, is_key=True),
            secret(source.client_secret if source and user else None, where),
            secret(wanted.source.given, home),
            secret(KeyRef(user.credential, "") if user else None, home),
        ),
        secret(KeyRef(token.secret, "") if view else None, view),
        pods_there(),
        asyncio.gather(*(workload(each.kind, each.name) for each in wanted.restart_targets if view)),
    )
    return Chain(token, app, *secrets, consumer, pods, workloads, now, view, operator_namespace)


def _parsed(app: Look[JSON] | None) -> GitHubApp | None:
    found = app.seen if app else None
    return None if found is None else parse_app(found)


async def _app(survey: Survey, wanted: GitHubToken) -> Look[JSON] | None:
    if not wanted.app:
        return None
    kind = Kind.APP if wanted.app_kind == "GitHubApp" else Kind.CLUSTER_APP
    namespace = wanted.namespace if kind is Kind.APP else ""
    return await look(survey.read(kind, namespace, wanted.app))
