"""The composition root: makes everything, in the order in which it must begin, and ends it in the reverse order.

Order at the end: the watches, then the runs in flight (they are finished, not cut), then the connections. The health
server answers until the very last.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from contextlib import AsyncExitStack

import kopf

from githubtoken_operator import __version__, handlers
from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.http_server import HttpServer
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.metrics import Metrics
from githubtoken_operator.apps import Apps
from githubtoken_operator.clock import unix_now, utc_now
from githubtoken_operator.domain.model import JSON
from githubtoken_operator.gatherer import Gatherer
from githubtoken_operator.installation import InstallationTokens
from githubtoken_operator.pacing import Pacing
from githubtoken_operator.reconciler import Reconciler
from githubtoken_operator.recorder import Recorder
from githubtoken_operator.rotation import UserTokens
from githubtoken_operator.scheduler import Next, Scheduler
from githubtoken_operator.settings import Settings
from githubtoken_operator.watched import Ref, Watched

BEAT = 1.0
"""Seconds between two signs of life of the event loop."""

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """The process cannot do its work; the message is one clear line."""


async def run(settings: Settings) -> None:
    """Runs the operator until SIGTERM. Raises `CannotStart`, `ApiError` or `CannotListen` where it cannot begin."""
    stop, ready = asyncio.Event(), asyncio.Event()
    _stop_on_signals(stop)
    async with AsyncExitStack() as stack:
        metrics = Metrics(__version__)
        metrics.lead(True)
        heartbeat = _Heartbeat()
        for name, coroutine in (("heartbeat", heartbeat.beat()), ("signals", _take_signals_back(ready, stop))):
            stack.callback(asyncio.create_task(coroutine, name=name).cancel)
        stack.enter_context(
            HttpServer(
                metrics_address=settings.metrics_address,
                health_address=settings.health_address,
                registry=metrics.registry,
                last_beat=lambda: heartbeat.last,
                not_ready=lambda: None if ready.is_set() else "the watches have not begun",
            )
        )
        api = await stack.enter_async_context(await Api.connect())
        github = await stack.enter_async_context(
            GitHub(now=utc_now, observer=metrics, user_agent=f"githubtoken-operator/{__version__}")
        )
        wiring = _wire(settings, api, github, metrics, stop)
        await _require_crds(Cluster(api))
        wiring.scheduler.start()
        logger.info("started, version %s", __version__)
        await kopf.operator(
            registry=handlers.registry(wiring),
            settings=handlers.settings(),
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            stop_flag=stop,
            ready_flag=ready,
        )
        logger.info("ended: everything in flight was finished")


def _wire(settings: Settings, api: Api, github: GitHub, metrics: Metrics, stop: asyncio.Event) -> handlers.Wiring:
    watched = Watched()

    def announce(kind: Kind, body: JSON) -> None:
        meta = body["metadata"]
        watched.expect(Ref(kind, meta["namespace"], meta["name"]), body)

    async def run_key(key: Ref) -> Next | None:
        return await (reconciler.run(key) if key.kind is Kind.TOKEN else apps.run(key))

    cluster = Cluster(api, announce=announce)
    pacing = Pacing(settings.github_requests_per_minute)
    scheduler: Scheduler[Ref] = Scheduler(run_key, concurrency=settings.concurrency, now=unix_now)
    apps = Apps(
        cluster=cluster,
        github=github,
        watched=watched,
        allowed_hosts=settings.allowed_hosts,
        wake=scheduler.wake,
        now=utc_now,
    )
    users = UserTokens(cluster=cluster, github=github, stopping=stop.is_set, now=utc_now)
    gatherer = Gatherer(
        cluster=cluster,
        github=github,
        apps=apps,
        users=users,
        pacing=pacing,
        watched=watched,
        now=utc_now,
        monotonic=time.monotonic,
    )
    reconciler = Reconciler(
        cluster=cluster,
        gatherer=gatherer,
        github=github,
        apps=apps,
        installations=InstallationTokens(github, verify=settings.verify_before_publish),
        users=users,
        pacing=pacing,
        recorder=Recorder(cluster=cluster, metrics=metrics, now=utc_now),
        watched=watched,
        metrics=metrics,
        now=utc_now,
        monotonic=time.monotonic,
    )
    metrics.watch_scheduler(pending=lambda: scheduler.pending, overdue=lambda: scheduler.overdue)
    return handlers.Wiring(watched=watched, apps=apps, scheduler=scheduler)


def _stop_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _take_signals_back(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Replaces kopf's own signal handlers, so that a rotation sees the signal too and does not begin any more."""
    await ready.wait()
    _stop_on_signals(stop)


async def _require_crds(cluster: Cluster) -> None:
    for kind in (Kind.TOKEN, Kind.APP):
        if not await cluster.exists(kind):
            name = kind.value[1]
            raise CannotStart(
                f"the CustomResourceDefinition of {name} is not installed: run `githubtoken crds | kubectl apply -f -`"
            )


class _Heartbeat:
    """The event loop's last sign of life, in monotonic seconds."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    async def beat(self) -> None:
        """Beats until it is cancelled."""
        while True:
            self.last = time.monotonic()
            await asyncio.sleep(BEAT)
