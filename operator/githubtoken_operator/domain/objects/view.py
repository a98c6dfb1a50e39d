"""What is shown of an object outside of its status: the input of the metrics.

A view is taken of an object as it stands in the API, so an object is seen from its first sight on, also where no run of
it has ended yet: its Ready is Unknown then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, cast

from githubtoken_operator.domain.objects.specs import sources
from githubtoken_operator.domain.objects.specs.sources import KindName
from githubtoken_operator.domain.vocabulary import conditions
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time

ConditionStatus = Literal["True", "False", "Unknown"]
"""The status of a Kubernetes condition."""

NAMESPACE_STATES: Final = ("wanted", "current", "failed")
"""What `status.namespaces` of a ClusterGitHubToken counts."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """The present state of one GitHubToken, or of a ClusterGitHubToken, whose namespace is empty.

    It holds no secret; times are aware, and None until they are known.

    `app` is the App's name as `appRef` gives it, `secret` the name of the consumer's Secret.
    `needs_human` is a reason, set only while a human must act.
    `namespaces` is of a ClusterGitHubToken: of how many each of `NAMESPACE_STATES` is said, empty until it is known.
    """

    namespace: str
    name: str
    kind: KindName | None
    app: str
    secret: str
    ready: ConditionStatus
    needs_human: str | None = None
    issued: datetime | None = None
    expires: datetime | None = None
    renews: datetime | None = None
    refresh_token_expires: datetime | None = None
    namespaces: Mapping[str, int] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, str]:
        """What names it."""
        return self.namespace, self.name

    @classmethod
    def of(cls, body: JSON, status: JSON) -> TokenView:
        """A GitHubToken as the API server has it, with the status that it has or is about to get."""
        meta, spec, counts = body["metadata"], body.get("spec") or {}, status.get("namespaces") or {}
        secret = status.get("secretName") or (spec.get("secret") or {}).get("name") or meta["name"]
        return cls(
            namespace=meta.get("namespace", ""),
            name=meta["name"],
            kind=sources.kind_in(spec),
            app=str((spec.get("appRef") or {}).get("name", "")),
            secret=str(secret),
            ready=_ready(status),
            needs_human=conditions.needs_human(status),
            issued=parse_time(status.get("issuedTime")),
            expires=parse_time(status.get("expirationTime")),
            renews=parse_time(status.get("renewalTime")),
            refresh_token_expires=parse_time(status.get("refreshTokenExpirationTime")),
            namespaces={state: int(counts[state]) for state in NAMESPACE_STATES if state in counts},
        )


@dataclass(frozen=True, slots=True)
class AppView:
    """The present state of one App, of either kind; the namespace of what is cluster-scoped is empty."""

    kind: str
    namespace: str
    name: str
    ready: ConditionStatus
    needs_human: str | None = None

    @property
    def labels(self) -> tuple[str, str, str]:
        """What names it."""
        return self.kind, self.namespace, self.name

    @classmethod
    def of(cls, kind: str, body: JSON, status: JSON) -> AppView:
        """An App as the API server has it, with the status that it has or is about to get."""
        meta = body["metadata"]
        return cls(kind, meta.get("namespace", ""), meta["name"], _ready(status), conditions.needs_human(status))


def _ready(status: JSON) -> ConditionStatus:
    return cast("ConditionStatus", conditions.ready_of(status)[0])
