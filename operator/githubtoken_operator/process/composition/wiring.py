"""The composition root: makes the parts of one process and hands each what it needs. Nothing begins here."""

from __future__ import annotations

import asyncio
import time

from githubtoken_operator.adapters.clock import boottime, unix_now, utc_now, wall_now
from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.journal import Journal
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.lease import Leadership
from githubtoken_operator.adapters.kubernetes.one_secret import OneSecret
from githubtoken_operator.adapters.kubernetes.pods import Pods
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.adapters.signers.port import Surroundings
from githubtoken_operator.apps.signing import Signing
from githubtoken_operator.domain.lanes.order import Lanes
from githubtoken_operator.domain.user.entry import SecretKey
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.first_lists import FirstLists
from githubtoken_operator.engine.cache.objects import Objects
from githubtoken_operator.engine.cache.watched import Ref, Watched, served
from githubtoken_operator.engine.scheduling.api_outage import ApiOutage, retry_after
from githubtoken_operator.engine.scheduling.fence import Fence, send_limit
from githubtoken_operator.engine.scheduling.scheduler import Next, Scheduler
from githubtoken_operator.engine.scheduling.turns import Turns
from githubtoken_operator.process.composition import shown
from githubtoken_operator.process.composition.parts import Parts
from githubtoken_operator.process.composition.runs import Clocks, Ground, runs_on
from githubtoken_operator.settings import Settings
from githubtoken_operator.watching import handlers
from githubtoken_operator.watching.named_secrets import NamedSecrets
from githubtoken_operator.watching.orphan_count import OrphanCount


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
    listed = served(clusterwide=not settings.namespaces)
    watched = Watched(listed)

    def announce(kind: Kind, namespace: str, name: str, body: JSON | None) -> None:
        watched.saw(Ref(kind, namespace, name), body)

    async def run_key(key: Ref) -> Next | None:
        return await runs.run(key)

    cluster = Cluster(api, announce=announce, answered=watched.answered)
    fence = Fence(leadership, stopping=stop.is_set, send_margin=send_limit(settings.lease_duration))
    scheduler: Scheduler[Ref] = Scheduler(
        run_key,
        concurrency=settings.concurrency,
        now=unix_now,
        must_finish=fence.must_finish,
        tell=lambda ran: shown.count(metrics.process, ran),
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
    turns = Turns(
        lanes,
        monotonic=boottime,
        wake=scheduler.wake,
        paused=lambda lane, owner, seconds: metrics.process.paused(metrics.host_label(lane.host), *owner, seconds),
    )

    def wake_for(key: SecretKey) -> None:
        for ref in watched.dependents(Ref(Kind.SECRET, *key)):
            scheduler.wake(ref)

    runs = runs_on(
        Ground(
            settings=settings,
            clocks=Clocks(now=utc_now, wall=wall_now, monotonic=time.monotonic, boottime=boottime),
            cluster=cluster,
            github=github,
            metrics=metrics,
            journal=journal,
            pods=pods,
            fence=fence,
            watched=watched,
            objects=Objects(cluster, watched),
            turns=turns,
            signing=signing,
            wake=scheduler.wake,
            saved=wake_for,
        )
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
    first_lists = FirstLists(cluster=cluster, watched=watched, kinds=listed, namespaces=settings.namespaces)
    wiring = handlers.Wiring(
        watched=watched,
        apps=runs.apps,
        app_runs=runs.app_runs,
        seeds=runs.users.seeds,
        savings=runs.users.savings,
        orphans=OrphanCount(watched),
        known=runs.known,
        metrics=metrics,
        scheduler=scheduler,
        first_lists=first_lists,
        named=named,
    )
    shown.show(wiring, turns, metrics)
    return Parts(wiring, turns, api_outage, runs.users.store, runs.users.savings, first_lists, signing, named)
