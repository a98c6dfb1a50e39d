"""The runs of GitHubTokens and Apps: made and connected here, on the cluster, the GitHub and the clocks that are given.

The process gives them the real ones (`wiring`), unit tests theirs; what is between is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.journal import Journal
from githubtoken_operator.adapters.kubernetes.cluster import Cluster
from githubtoken_operator.adapters.kubernetes.pods import Pods
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.apps.checks import Checks, Wake
from githubtoken_operator.apps.reader import AppReader
from githubtoken_operator.apps.resolving import Apps
from githubtoken_operator.apps.runs import AppRuns
from githubtoken_operator.apps.signing import Signing
from githubtoken_operator.domain.user.entry import SecretKey
from githubtoken_operator.engine.cache.objects import Objects
from githubtoken_operator.engine.cache.watched import TOKENS, Ref, Watched
from githubtoken_operator.engine.scheduling.fence import Fence
from githubtoken_operator.engine.scheduling.scheduler import Next
from githubtoken_operator.engine.scheduling.turns import Turns
from githubtoken_operator.settings import Settings
from githubtoken_operator.tokens.consumer.claims import Claims
from githubtoken_operator.tokens.consumer.followers import Followers
from githubtoken_operator.tokens.consumer.mounting_pods import MountingPods
from githubtoken_operator.tokens.installation.kind import InstallationKind
from githubtoken_operator.tokens.installation.minting import InstallationTokens
from githubtoken_operator.tokens.installation.revocation import InstallationRevocation
from githubtoken_operator.tokens.kind import TokenKinds
from githubtoken_operator.tokens.moments import Moments
from githubtoken_operator.tokens.personal.checking import PersonalTokens
from githubtoken_operator.tokens.personal.kind import PersonalKind
from githubtoken_operator.tokens.recorder import Recorder
from githubtoken_operator.tokens.runs.acting import Actions
from githubtoken_operator.tokens.runs.finalizer import Finalizer
from githubtoken_operator.tokens.runs.gatherer import Gatherer
from githubtoken_operator.tokens.runs.issuing import Issuer
from githubtoken_operator.tokens.runs.publishing import Publisher
from githubtoken_operator.tokens.runs.reconciler import Reconciler
from githubtoken_operator.tokens.runs.revocation import Revocations
from githubtoken_operator.tokens.runs.settling import Settlement
from githubtoken_operator.tokens.runs.turn import TokenTurns
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.spread.spreads import Spreads
from githubtoken_operator.tokens.user.announcements import Announcements
from githubtoken_operator.tokens.user.credentials import Credentials
from githubtoken_operator.tokens.user.kind import UserKind
from githubtoken_operator.tokens.user.observing import UserInputs
from githubtoken_operator.tokens.user.revocation import PairRevocation
from githubtoken_operator.tokens.user.rotation import Rotation
from githubtoken_operator.tokens.user.seeds import Seeds
from githubtoken_operator.tokens.user.sign_in import SignIns
from githubtoken_operator.tokens.user.storing.credential_store import CredentialStore
from githubtoken_operator.tokens.user.storing.saving import Savings


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """`now` is the time that nobody sets, `wall` the machine's; the others are seconds, `boottime` in sleep as well."""

    now: Callable[[], datetime]
    wall: Callable[[], datetime]
    monotonic: Callable[[], float]
    boottime: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What runs stand on. `wake` makes an object's run due, `saved` is told of a credential with a late answer."""

    settings: Settings
    clocks: Clocks
    cluster: Cluster
    github: GitHub
    metrics: Metrics
    journal: Journal
    pods: Pods
    fence: Fence
    watched: Watched
    objects: Objects
    turns: Turns[Ref]
    signing: Signing
    wake: Wake
    saved: Callable[[SecretKey], None]

    @property
    def clusterwide(self) -> bool:
        """Whether what is cluster-scoped is served."""
        return not self.settings.namespaces

    @property
    def moments(self) -> Moments:
        """GitHub's time."""
        return Moments(self.github, now=self.clocks.now)

    @property
    def recorder(self) -> Recorder:
        """What writes down what users see."""
        return Recorder(cluster=self.cluster, metrics=self.metrics, now=self.clocks.now)


@dataclass(frozen=True, slots=True)
class Users:
    """What only users' tokens have: their credentials, and how these are rotated, saved and begun by a sign-in."""

    store: CredentialStore
    savings: Savings
    seeds: Seeds
    credentials: Credentials
    rotation: Rotation
    sign_ins: SignIns


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs, and of their parts what the process begins, feeds and ends."""

    apps: Apps
    checks: Checks
    app_runs: AppRuns
    users: Users
    kinds: TokenKinds
    known: Known
    reconciler: Reconciler

    async def run(self, key: Ref) -> Next | None:
        """One run for an object, and when it is due again."""
        return await (self.reconciler.run(key) if key.kind in TOKENS else self.app_runs.run(key))


def runs_on(ground: Ground) -> Runs:
    """The runs of all kinds."""
    apps, users, known = _apps(ground), _users(ground), Known()
    checks = Checks(apps=apps, github=ground.github, turns=ground.turns, wake=ground.wake, now=ground.clocks.now)
    kinds = _kinds(ground, checks, users)
    app_runs, reconciler = _app_runs(ground, apps, checks), _reconciler(ground, apps, kinds, known)
    return Runs(apps, checks, app_runs, users, kinds, known, reconciler)


def _apps(ground: Ground) -> Apps:
    settings = ground.settings
    return Apps(
        reader=AppReader(
            objects=ground.objects,
            own_namespace=settings.operator_namespace,
            allowed_hosts=settings.allowed_hosts,
            watched=ground.watched,
            signing=ground.signing,
            now=ground.clocks.now,
        ),
        watched=ground.watched,
        now=ground.clocks.now,
        clusterwide=ground.clusterwide,
    )


def _app_runs(ground: Ground, apps: Apps, checks: Checks) -> AppRuns:
    return AppRuns(
        apps=apps,
        checks=checks,
        cluster=ground.cluster,
        github=ground.github,
        watched=ground.watched,
        metrics=ground.metrics,
        turns=ground.turns,
        wake=ground.wake,
        now=ground.clocks.now,
    )


def _users(ground: Ground) -> Users:
    github, fence, holder, monotonic = ground.github, ground.fence, ground.journal.holder, ground.clocks.monotonic
    savings = Savings(ground.cluster, ground.journal, wake=ground.saved, monotonic=monotonic)
    store = CredentialStore(ground.cluster, savings, holder=holder)
    seeds = Seeds()
    announcements = Announcements(holder=holder, fence=fence, pods=ground.pods, now=ground.clocks.now)
    credentials = Credentials(store=store, savings=savings, seeds=seeds, announcements=announcements)
    rotation = Rotation(
        credentials=credentials,
        announcements=announcements,
        store=store,
        savings=savings,
        seeds=seeds,
        github=github,
        fence=fence,
    )
    sign_ins = SignIns(store=store, savings=savings, github=github, fence=fence, monotonic=monotonic)
    return Users(store, savings, seeds, credentials, rotation, sign_ins)


def _kinds(ground: Ground, checks: Checks, users: Users) -> TokenKinds:
    github, settings = ground.github, ground.settings
    return {
        "Installation": InstallationKind(
            checks=checks,
            tokens=InstallationTokens(github, verify=settings.verify_before_publish, monotonic=ground.clocks.monotonic),
            revocation=InstallationRevocation(github, allowed_hosts=settings.allowed_hosts),
            moments=ground.moments,
            recorder=ground.recorder,
        ),
        "User": UserKind(
            github=github,
            checks=checks,
            inputs=UserInputs(
                credentials=users.credentials, savings=users.savings, seeds=users.seeds, sign_ins=users.sign_ins
            ),
            credentials=users.credentials,
            savings=users.savings,
            rotation=users.rotation,
            sign_ins=users.sign_ins,
            revocation=PairRevocation(
                cluster=ground.cluster,
                github=github,
                credentials=users.credentials,
                allowed_hosts=settings.allowed_hosts,
            ),
            turns=ground.turns,
        ),
        "Personal": PersonalKind(PersonalTokens(github, allowed_hosts=settings.allowed_hosts)),
    }


def _reconciler(ground: Ground, apps: Apps, kinds: TokenKinds, known: Known) -> Reconciler:
    moments, recorder = ground.moments, ground.recorder
    cluster, metrics, clocks = ground.cluster, ground.metrics, ground.clocks
    home = ground.settings.operator_namespace
    claims = Claims(ground.objects, ground.watched)
    spreads = Spreads(
        cluster=cluster,
        known=known,
        watched=ground.watched,
        claims=claims,
        recorder=recorder,
        metrics=metrics,
        home=home,
        now=clocks.now,
    )
    finalizer = Finalizer(cluster, now=clocks.now, clusterwide=ground.clusterwide)
    gatherer = Gatherer(
        objects=ground.objects,
        kinds=kinds,
        apps=apps,
        moments=moments,
        finalizer=finalizer,
        claims=claims,
        spreads=spreads,
        home=home,
        turns=ground.turns,
        watched=ground.watched,
        now=clocks.now,
        monotonic=clocks.boottime,
    )
    # It looks at what the API server's clock wrote, which is the machine's or as good.
    revocations = Revocations(
        cluster=cluster,
        kinds=kinds,
        apps=apps,
        finalizer=finalizer,
        spreads=spreads,
        home=home,
        recorder=recorder,
        metrics=metrics,
        turns=ground.turns,
        now=clocks.wall,
    )
    followers = Followers(
        cluster=cluster,
        pods=MountingPods(cluster, monotonic=clocks.monotonic),
        recorder=recorder,
        metrics=metrics,
        now=clocks.now,
    )
    turns = TokenTurns(ground.turns, kinds)
    actions = Actions(
        kinds=kinds,
        moments=moments,
        apps=apps,
        issuer=Issuer(kinds=kinds, metrics=metrics, monotonic=clocks.monotonic),
        turns=turns,
        finalizer=finalizer,
        publisher=Publisher(cluster=cluster, kinds=kinds, spreads=spreads, metrics=metrics),
        settlement=Settlement(
            kinds=kinds,
            spreads=spreads,
            recorder=recorder,
            followers=followers,
            metrics=metrics,
            monotonic=clocks.monotonic,
        ),
    )
    return Reconciler(
        kinds=kinds,
        gatherer=gatherer,
        actions=actions,
        turns=turns,
        revocations=revocations,
        spreads=spreads,
        watched=ground.watched,
        metrics=metrics,
        now=clocks.now,
    )
