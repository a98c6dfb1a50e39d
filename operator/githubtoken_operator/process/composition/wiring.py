"""The composition root: makes the parts of one process and hands each what it needs. Nothing begins here.

What the process begins when it leads, and ends in reverse order, is `Parts`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from githubtoken_operator.adapters.clock import boottime, unix_now, utc_now, wall_now
from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.journal import Journal
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Cluster
from githubtoken_operator.adapters.kubernetes.lease import Leadership
from githubtoken_operator.adapters.kubernetes.one_secret import OneSecret
from githubtoken_operator.adapters.kubernetes.pods import Pods
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.adapters.metrics.process_metrics import ProcessMetrics, RunResult
from githubtoken_operator.adapters.signers.port import Surroundings
from githubtoken_operator.apps.ground import Clocks, Ground
from githubtoken_operator.apps.signing import Signing
from githubtoken_operator.domain.lanes.order import Lanes
from githubtoken_operator.domain.runs.due import causes
from githubtoken_operator.engine.cache.first_lists import FirstLists
from githubtoken_operator.engine.cache.watched import Ref, Watched, served
from githubtoken_operator.engine.scheduling.api_outage import ApiOutage, retry_after
from githubtoken_operator.engine.scheduling.fence import Fence, send_limit
from githubtoken_operator.engine.scheduling.scheduler import Ran, Scheduler
from githubtoken_operator.engine.scheduling.turns import Turns
from githubtoken_operator.process import footprint
from githubtoken_operator.process.composition import readings
from githubtoken_operator.process.composition.runs import runs_on
from githubtoken_operator.settings import Settings
from githubtoken_operator.tokens.user.room import UserRoom
from githubtoken_operator.watching.embedding import SILENCE
from githubtoken_operator.watching.intake import Intake
from githubtoken_operator.watching.named_secrets import NamedSecrets

SAVES_BEFORE_RELEASE: Final = 2.0
"""Seconds for which the end waits, with the Lease, for pairs that are not stored yet."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the process begins and ends, and of them what tells how they do."""

    scheduler: Scheduler[Ref]
    turns: Turns[Ref]
    api_outage: ApiOutage
    signing: Signing
    users: UserRoom
    intake: Intake
    first_lists: FirstLists
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
        await self.scheduler.run()

    async def drain(self) -> None:
        """Returns once nothing runs any more, and what GitHub answered is in the store, as far as that takes it."""
        await self.named.end()
        await self.scheduler.drain()
        await self.users.credentials.savings.late.finish(SAVES_BEFORE_RELEASE)

    async def finish(self, seconds: float) -> None:
        """The end: goes on with saving for so long, and says goodbye to the services that sign."""
        await self.users.credentials.savings.late.finish(seconds)
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
    listed = served(clusterwide=not settings.namespaces)
    watched = Watched(listed)

    cluster = Cluster(
        api,
        announce=lambda kind, namespace, name, body: watched.saw(Ref(kind, namespace, name), body),
        answered=watched.answered,
    )
    fence = Fence(leadership, stopping=stop.is_set, send_margin=send_limit(settings.lease_duration))
    scheduler: Scheduler[Ref] = Scheduler(
        lambda key: runs.run(key),  # noqa: PLW0108 - they are made below, and wake it
        concurrency=settings.concurrency,
        now=unix_now,
        must_finish=fence.must_finish,
        tell=lambda ran: _count(metrics.process, ran),
        held=lambda: api_outage.out,
        group=attrgetter("namespace"),
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
            turns=turns,
            signing=signing,
            wake=scheduler.wake,
        )
    )

    named = NamedSecrets(OneSecret(watches, silence=SILENCE), watched, own_namespace=settings.operator_namespace)
    first_lists = FirstLists(cluster=cluster, watched=watched, kinds=listed, namespaces=settings.namespaces)
    intake = Intake(
        watched=watched,
        notes=(runs.users, runs.known),
        app_runs=runs.app_runs,
        metrics=metrics,
        scheduler=scheduler,
        first_lists=first_lists,
        named=named,
    )
    named.tell = intake.found
    readings.watch_parts(
        metrics,
        scheduler=scheduler,
        turns=turns,
        named=named,
        # Before all lists are complete, nobody knows.
        orphans=lambda: runs.users.orphans() if first_lists.complete.is_set() else None,
    )
    return Parts(scheduler, turns, api_outage, signing, runs.users, intake, first_lists, named)


def _count(metrics: ProcessMetrics, ran: Ran[Ref]) -> None:
    """Counts a run that ended."""
    following = ran.next.cause if ran.next else causes.EVENT
    result: RunResult = "crashed" if ran.crashed else "interrupted" if following in causes.INTERRUPTED else "done"
    metrics.ran(str(ran.key.kind), result, following, ran.seconds)
