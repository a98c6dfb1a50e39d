"""What the runs of tokens stand on: the cluster, GitHub and the clocks, from which each kind makes its room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.journal import Journal
from githubtoken_operator.adapters.kubernetes.cluster import Cluster
from githubtoken_operator.adapters.kubernetes.pods import Pods
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.apps.checks import Wake
from githubtoken_operator.apps.signing import Signing
from githubtoken_operator.engine.cache.objects import Objects
from githubtoken_operator.engine.cache.watched import Ref, Watched
from githubtoken_operator.engine.scheduling.fence import Fence
from githubtoken_operator.engine.scheduling.turns import Turns
from githubtoken_operator.settings import Settings
from githubtoken_operator.tokens.moments import Moments
from githubtoken_operator.tokens.recorder import Recorder


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

    @property
    def moments(self) -> Moments:
        """GitHub's time."""
        return Moments(self.github, now=self.clocks.now, boottime=self.clocks.boottime)

    @property
    def recorder(self) -> Recorder:
        """What writes down what users see."""
        return Recorder(cluster=self.cluster, metrics=self.metrics, now=self.clocks.now)
