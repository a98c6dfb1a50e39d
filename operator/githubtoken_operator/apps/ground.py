"""What all runs stand on: the cluster, GitHub and the clocks, from which each of their parts takes what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.journal import Journal
from githubtoken_operator.adapters.kubernetes.cluster import Cluster
from githubtoken_operator.adapters.kubernetes.pods import Pods
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.apps.signing import Signing
from githubtoken_operator.engine.cache.objects import Objects
from githubtoken_operator.engine.cache.watched import Ref, Watched
from githubtoken_operator.engine.scheduling.fence import Fence
from githubtoken_operator.engine.scheduling.turns import Turns
from githubtoken_operator.settings import Settings


class Wake(Protocol):
    """Makes an object's run due, in `delay` seconds at the latest."""

    def __call__(self, key: Ref, *, delay: float = 0.0) -> None:
        """What `Scheduler.wake` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """`now` is the time that nobody sets, `wall` the machine's; the others are seconds, `boottime` in sleep as well."""

    now: Callable[[], datetime]
    wall: Callable[[], datetime]
    monotonic: Callable[[], float]
    boottime: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The process gives the real ones (`wiring`), unit tests theirs. `wake` makes an object's run due."""

    settings: Settings
    clocks: Clocks
    cluster: Cluster
    github: GitHub
    metrics: Metrics
    journal: Journal
    pods: Pods
    fence: Fence
    watched: Watched
    turns: Turns[Ref]
    signing: Signing
    wake: Wake

    @property
    def clusterwide(self) -> bool:
        """Whether what is cluster-scoped is served."""
        return not self.settings.namespaces

    @property
    def home(self) -> str:
        """The operator's namespace, where ClusterGitHubTokens keep what is theirs."""
        return self.settings.operator_namespace

    @property
    def objects(self) -> Objects:
        """How runs read objects."""
        return Objects(self.cluster, self.watched)
