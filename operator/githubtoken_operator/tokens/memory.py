"""What earlier runs of a GitHubToken left, and by what names it and its App are known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.spread import WantedNamespace
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.runs.status import Granted
from githubtoken_operator.domain.vocabulary.errors import TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, App
from githubtoken_operator.engine.cache.watched import Ref


@dataclass(frozen=True, slots=True)
class Told:
    """What the last event spoke of: the status and reason of `Ready`, and why the next token fails, or ""."""

    ready: str
    reason: str
    failing: str


@dataclass(slots=True)
class Spreading:
    """Of a ClusterGitHubToken: what was published last, its seal, what came of each namespace, and what was told."""

    published: Issued | None = None
    sealed: tuple[str, str] = ("", "")
    namespaces: dict[str, WantedNamespace] = field(default_factory=dict)
    told: tuple[str, str] | None = None


_Part = TypeVar("_Part")


@dataclass(slots=True)
class Memory:
    """What one run leaves for the next of the same object. Losing it, as a restart does, costs nothing but a look.

    `held` is the token last seen, from which a deleted Secret is restored, where its kind keeps it. `error` is how the
    last attempt failed, `answered` the last refresh request that got its token. `began` is when the attempt did, in
    monotonic seconds, whose token GitHub is not seen to accept yet, `obtained_from` when that did whose token is not in
    the consumer's Secret yet.
    `unwritten` is the status that was decided and that the API server did not take, on which the next run goes on: what
    failed is not asked of GitHub again for that.
    `app` is the App as it was when this object might last use it, also after it went.
    `published` is the mark of a token that this process published and of which not all consumers were told yet,
    `touched` is the mark of the token that all pods were touched for, `told_consumers` of which token which consumers
    were told, `consumer_attempts` how often that failed, `revocations` how often the revocation did, `ends` when an
    object that is being deleted is let go at the latest, `refusals` how many runs in a row the API server refused,
    `restarted` the revision that every workload has, and `warned` what events have said of it. `spread` is what
    only a ClusterGitHubToken leaves, `part` what only its kind of token does, which its room reads by `of`.
    """

    uid: str
    held: Issued | None = None
    granted: Granted | None = None
    error: TokenError | None = None
    answered: str | None = None
    unwritten: JSON | None = None
    began: float | None = None
    obtained_from: float | None = None
    app: App | None = None
    told: Told | None = None
    published: str = ""
    touched: str = ""
    told_consumers: object = None
    consumer_attempts: int = 0
    revocations: int = 0
    ends: datetime | None = None
    refusals: int = 0
    restarted: int | None = None
    warned: frozenset[str] = frozenset()
    spread: Spreading | None = None
    part: object = None

    @property
    def spreading(self) -> Spreading:
        """What a ClusterGitHubToken leaves; nothing yet, in a process that has just begun: Secrets and status tell."""
        self.spread = self.spread or Spreading()
        return self.spread

    def of(self, part: type[_Part]) -> _Part:
        """What a kind leaves, an empty one where it has left nothing yet. A spec may have come to ask for another."""
        if not isinstance(self.part, part):
            self.part = part()
        return self.part


def newer(held: Issued | None, stored: Issued | None, now: datetime) -> Issued | None:
    """The token to go on with: the remembered one, unless another valid one of a later revision is in the Secret."""
    if held is None or stored is None:
        return held or stored
    if stored.access.token == held.access.token:
        # What the Secret says of it otherwise was edited.
        return held
    expired = held.access.expires_at is not None and held.access.expires_at <= now
    return stored if expired or stored.revision > held.revision else held


def with_place(token: GitHubToken, memory: Memory) -> GitHubToken:
    """The same with what this process knows of where its tokens come from, whether or not status has it yet."""
    granted = memory.granted
    if granted is None or not granted.place:
        return token
    return replace(token, status={**token.status, **granted.place, "account": granted.account})


def ref_of(token: GitHubToken) -> Ref:
    """The object itself."""
    return Ref(Kind.CLUSTER_TOKEN if token.clusterwide else Kind.TOKEN, *token.namespaced_name)


def app_ref(token: GitHubToken) -> Ref:
    """The App that `appRef` names, whether or not it is there."""
    if token.app_kind == "GitHubApp":
        return Ref(Kind.APP, token.namespace, token.app)
    return Ref(Kind.CLUSTER_APP, "", token.app)
