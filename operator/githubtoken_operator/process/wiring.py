"""The composition root: makes the parts of one process and hands each what it needs. Nothing begins here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Final

from githubtoken_operator.adapters.clock import boottime, unix_now, utc_now, wall_now
from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.journal import Journal
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.lease import Leadership
from githubtoken_operator.adapters.kubernetes.one_secret import OneSecret
from githubtoken_operator.adapters.kubernetes.pods import Pods
from githubtoken_operator.adapters.metrics import Metrics
from githubtoken_operator.adapters.process_metrics import ProcessMetrics, RunResult
from githubtoken_operator.adapters.signers.port import Surroundings
from githubtoken_operator.adapters.waiting_metrics import Unanswered, Waiting
from githubtoken_operator.apps.checks import Apps
from githubtoken_operator.apps.reader import AppReader
from githubtoken_operator.apps.signing import Signing
from githubtoken_operator.domain.lanes.order import Lanes
from githubtoken_operator.domain.runs import causes
from githubtoken_operator.domain.user.entry import SecretKey
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.api_outage import ApiOutage, retry_after
from githubtoken_operator.engine.fence import Fence, send_limit
from githubtoken_operator.engine.first_lists import FirstLists
from githubtoken_operator.engine.objects import Objects
from githubtoken_operator.engine.scheduler import Next, Ran, Scheduler
from githubtoken_operator.engine.turns import Turns
from githubtoken_operator.engine.watched import TOKENS, Ref, Watched
from githubtoken_operator.process import footprint
from githubtoken_operator.settings import Settings
from githubtoken_operator.tokens.acting import Actions
from githubtoken_operator.tokens.claims import Claims
from githubtoken_operator.tokens.finalizer import Finalizer
from githubtoken_operator.tokens.followers import Followers
from githubtoken_operator.tokens.gatherer import Gatherer
from githubtoken_operator.tokens.installation.kind import InstallationKind
from githubtoken_operator.tokens.installation.minting import InstallationTokens
from githubtoken_operator.tokens.installation.revocation import InstallationRevocation
from githubtoken_operator.tokens.issuing import Issuer
from githubtoken_operator.tokens.kind import TokenKinds
from githubtoken_operator.tokens.moments import Moments
from githubtoken_operator.tokens.mounting_pods import MountingPods
from githubtoken_operator.tokens.personal.checking import PersonalTokens
from githubtoken_operator.tokens.personal.kind import PersonalKind
from githubtoken_operator.tokens.publishing import Publisher
from githubtoken_operator.tokens.reconciler import Reconciler
from githubtoken_operator.tokens.recorder import Recorder
from githubtoken_operator.tokens.revocation import Revocations
from githubtoken_operator.tokens.settling import Settlement
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.spread.spreads import Spreads
from githubtoken_operator.tokens.turn import TokenTurns
from githubtoken_operator.tokens.user.announcements import Announcements
from githubtoken_operator.tokens.user.credential_store import CredentialStore
from githubtoken_operator.tokens.user.credentials import Credentials
from githubtoken_operator.tokens.user.kind import UserKind
from githubtoken_operator.tokens.user.observing import UserInputs
from githubtoken_operator.tokens.user.revocation import PairRevocation
from githubtoken_operator.tokens.user.rotation import Rotation
from githubtoken_operator.tokens.user.saving import Savings
from githubtoken_operator.tokens.user.seeds import Seeds
from githubtoken_operator.tokens.user.sign_in import SignIns
from githubtoken_operator.watching import handlers
from githubtoken_operator.watching.named_secrets import NamedSecrets
from githubtoken_operator.watching.orphan_count import OrphanCount

SAVES_BEFORE_RELEASE: Final = 2.0
"""Seconds for which the end waits, with the Lease, for pairs that are not stored yet."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the process begins and ends: what kopf's handlers need, the pairs of users, the first lists, the signers."""

    wiring: handlers.Wiring
    turns: Turns[Ref]
    api_outage: ApiOutage
    store: CredentialStore
    savings: Savings
    first_lists: FirstLists
    signing: Signing
    named: NamedSecrets

    def tasks(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """What the process does for as long as it leads, by names."""
        listed = self.first_lists.complete
        yield "named Secrets", self.named.run(listed)
        yield "looks at Secrets", self.named.look_around(listed)
        yield "scheduler", self._run_keys()
        yield "turns", self.turns.run()
        yield "looks at the API server", self.api_outage.run()

    async def _run_keys(self) -> None:
        """Runs keys until `drain`, as soon as it is known what there is."""
        await self.first_lists.wait()
        footprint.settled()
        await self.wiring.scheduler.run()

    async def drain(self) -> None:
        """Returns once nothing runs any more, and what GitHub answered is in the store, as far as that takes it."""
        await self.named.end()
        await self.wiring.scheduler.drain()
        await self.savings.late.finish(SAVES_BEFORE_RELEASE)

    async def finish(self, seconds: float) -> None:
        """The end: goes on with saving for so long, and says goodbye to the services that sign."""
        await self.savings.late.finish(seconds)
        await self.signing.aclose()


def wire(
    settings: Settings,
    *,
    api: Api,
    watches: Api,
    github: GitHub,
    metrics: Metrics,
    journal: Journal,
    leadership: Leadership,
    pods: Pods,
    stop: asyncio.Event,
) -> Parts:
    """The parts of one process, made and connected. `watches` has room for the watches of single Secrets."""
    clusterwide = not settings.namespaces
    of_cluster = [Kind.CLUSTER_APP, Kind.CLUSTER_TOKEN, Kind.NAMESPACE] if clusterwide else []
    listed = [Kind.TOKEN, Kind.APP, Kind.SECRET, *of_cluster]
    watched = Watched(listed)

    def announce(kind: Kind, namespace: str, name: str, body: JSON | None) -> None:
        watched.saw(Ref(kind, namespace, name), body)

    async def run_key(key: Ref) -> Next | None:
        return await (reconciler.run(key) if key.kind in TOKENS else apps.run(key))

    cluster = Cluster(api, announce=announce, answered=watched.answered)
    objects = Objects(cluster, watched)
    fence = Fence(leadership, stopping=stop.is_set, send_margin=send_limit(settings.lease_duration))
    scheduler: Scheduler[Ref] = Scheduler(
        run_key,
        concurrency=settings.concurrency,
        now=unix_now,
        must_finish=fence.must_finish,
        tell=lambda ran: count(metrics.process, ran),
        held=lambda: api_outage.out,
    )
    api_outage = ApiOutage(lambda: api.request("GET", "/version"), now=unix_now, ended=scheduler.go_on)
    api.heard = lambda status, later: api_outage.heard(status, retry_after(later))
    signing = Signing(
        Surroundings(
            token_folder=settings.signer_tokens,
            ca_file=settings.ca_file,
            pkcs11_module=settings.pkcs11_module,
            pkcs11_pin_file=settings.pkcs11_pin_file,
        ),
        observer=metrics,
        now=utc_now,
        changed=scheduler.wake,
    )
    lanes: Lanes[Ref] = Lanes(requests_per_minute=settings.github_requests_per_minute, places=settings.concurrency)
    turns = Turns(lanes, monotonic=boottime, wake=scheduler.wake)
    apps = Apps(
        cluster=cluster,
        github=github,
        reader=AppReader(
            objects=objects,
            own_namespace=settings.operator_namespace,
            allowed_hosts=settings.allowed_hosts,
            watched=watched,
            signing=signing,
            now=utc_now,
        ),
        watched=watched,
        metrics=metrics,
        turns=turns,
        wake=scheduler.wake,
        now=utc_now,
        clusterwide=clusterwide,
    )

    def wake_for(key: SecretKey) -> None:
        for ref in watched.dependents(Ref(Kind.SECRET, *key)):
            scheduler.wake(ref)

    savings = Savings(cluster, journal, wake=wake_for, monotonic=time.monotonic)
    store = CredentialStore(cluster, savings, holder=journal.holder)
    seeds = Seeds()
    announcements = Announcements(holder=journal.holder, fence=fence, pods=pods, now=utc_now)
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
    sign_ins = SignIns(store=store, savings=savings, github=github, fence=fence, monotonic=time.monotonic)
    recorder = Recorder(cluster=cluster, metrics=metrics, now=utc_now)
    moments = Moments(github, now=utc_now)
    kinds: TokenKinds = {
        "Installation": InstallationKind(
            apps=apps,
            tokens=InstallationTokens(github, verify=settings.verify_before_publish, monotonic=time.monotonic),
            revocation=InstallationRevocation(github, allowed_hosts=settings.allowed_hosts),
            moments=moments,
            recorder=recorder,
        ),
        "User": UserKind(
            github=github,
            apps=apps,
            inputs=UserInputs(credentials=credentials, savings=savings, seeds=seeds, sign_ins=sign_ins),
            credentials=credentials,
            savings=savings,
            rotation=rotation,
            sign_ins=sign_ins,
            revocation=PairRevocation(
                cluster=cluster, github=github, credentials=credentials, allowed_hosts=settings.allowed_hosts
            ),
        ),
        "Personal": PersonalKind(PersonalTokens(github, allowed_hosts=settings.allowed_hosts)),
    }
    known, claims = Known(), Claims(objects, watched)
    spreads = Spreads(
        cluster=cluster,
        known=known,
        watched=watched,
        claims=claims,
        recorder=recorder,
        metrics=metrics,
        home=settings.operator_namespace,
        now=utc_now,
    )
    finalizer = Finalizer(cluster, now=utc_now, clusterwide=clusterwide)
    gatherer = Gatherer(
        objects=objects,
        kinds=kinds,
        apps=apps,
        moments=moments,
        finalizer=finalizer,
        claims=claims,
        spreads=spreads,
        home=settings.operator_namespace,
        turns=turns,
        watched=watched,
        now=utc_now,
        monotonic=boottime,
    )
    # It looks at what the API server's clock wrote, which is the machine's or as good.
    revocations = Revocations(
        cluster=cluster,
        kinds=kinds,
        apps=apps,
        finalizer=finalizer,
        spreads=spreads,
        home=settings.operator_namespace,
        recorder=recorder,
        metrics=metrics,
        now=wall_now,
    )
    token_turns = TokenTurns(turns, kinds)
    reconciler = Reconciler(
        kinds=kinds,
        gatherer=gatherer,
        actions=Actions(
            kinds=kinds,
            moments=moments,
            apps=apps,
            issuer=Issuer(kinds=kinds, metrics=metrics, monotonic=time.monotonic),
            turns=token_turns,
            finalizer=finalizer,
            publisher=Publisher(cluster=cluster, kinds=kinds, spreads=spreads, metrics=metrics),
            settlement=Settlement(
                kinds=kinds,
                spreads=spreads,
                recorder=recorder,
                followers=Followers(
                    cluster=cluster,
                    pods=MountingPods(cluster, monotonic=time.monotonic),
                    recorder=recorder,
                    metrics=metrics,
                    now=utc_now,
                ),
                metrics=metrics,
                monotonic=time.monotonic,
            ),
            metrics=metrics,
        ),
        turns=token_turns,
        revocations=revocations,
        spreads=spreads,
        watched=watched,
        metrics=metrics,
        now=utc_now,
    )

    def found(ref: Ref, secret: JSON | None) -> None:
        handlers.found(wiring, ref, secret)

    named = NamedSecrets(
        OneSecret(watches, silence=handlers.SILENCE),
        own_namespace=settings.operator_namespace,
        delivered=watched.is_delivered,
        tell=found,
        forget=watched.forget,
    )
    metrics.process.watch_named(lambda: {"watch": named.watched, "look": named.looked_at})
    first_lists = FirstLists(cluster=cluster, watched=watched, kinds=listed, namespaces=settings.namespaces)
    metrics.process.watch_scheduler(
        pending=lambda: scheduler.pending, overdue=lambda: scheduler.overdue, waiting=scheduler.causes
    )
    metrics.process.watch_turns(lambda: waiting(turns, metrics), lambda: unanswered(turns, metrics))
    orphans = OrphanCount(watched)
    metrics.process.watch_orphans(lambda: orphans.count() if first_lists.complete.is_set() else None)
    wiring = handlers.Wiring(
        watched=watched,
        apps=apps,
        seeds=seeds,
        savings=savings,
        orphans=orphans,
        known=known,
        metrics=metrics,
        scheduler=scheduler,
        first_lists=first_lists,
        named=named,
    )
    return Parts(wiring, turns, api_outage, store, savings, first_lists, signing, named)


def waiting(turns: Turns[Ref], metrics: Metrics) -> Iterator[Waiting]:
    """Who waits for a turn at GitHub, as metrics show it."""
    for key, lane, seconds in turns.waiting():
        if key.kind in TOKENS:
            yield Waiting(key.namespace, key.name, seconds, metrics.host_label(lane.host), *turns.owner(lane))


def unanswered(turns: Turns[Ref], metrics: Metrics) -> Iterator[Unanswered]:
    """Whom GitHub does not answer, as metrics show it; an App whose name was forgotten has no series."""
    for lane, seconds in turns.out():
        namespace, app = turns.owner(lane)
        if namespace or app or not lane.credential:
            yield Unanswered(metrics.host_label(lane.host), namespace, app, seconds)


def count(metrics: ProcessMetrics, ran: Ran[Ref]) -> None:
    """Counts a run that ended."""
    following = ran.next.cause if ran.next else causes.EVENT
    result: RunResult = "crashed" if ran.crashed else "interrupted" if following in causes.INTERRUPTED else "done"
    metrics.ran(ran.key.kind.value[1], result, following, ran.seconds)
