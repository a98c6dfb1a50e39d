"""The process: begins everything in the order in which it must begin, and ends it in the reverse order.

    begin   health server, journal and what it kept, the Lease, the watches, the scheduler
    end     the runs in flight (cut off, or finished where they must be), the Lease, the watches, what is not saved yet,
            the connections

A lost Lease, or a background task that ends before its time, ends the process the same way: nothing new is begun, what
was sent to GitHub is finished and saved. A standby answers its probes, keeps its journal empty, and watches nothing.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing, closing
from datetime import timedelta
from functools import partial
from typing import Final

from githubtoken_operator import __version__
from githubtoken_operator.adapters.clock import set_by, utc_now
from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.github.sending import REFRESH_READ_LIMIT, SEND_LIMIT, Sender
from githubtoken_operator.adapters.github.transport import make_transport
from githubtoken_operator.adapters.http_server import serving
from githubtoken_operator.adapters.journal import Journal
from githubtoken_operator.adapters.kubernetes.access.access import of_process
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.lease import Leadership, Lease, Uncontested
from githubtoken_operator.adapters.kubernetes.pods import Pods, own_pod
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.adapters.network.ca_file import CAFile
from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.objects.secrets import WATCHED_BY_NAME
from githubtoken_operator.domain.vocabulary.times import format_duration, format_time
from githubtoken_operator.engine.cache.watched import KEYS, served
from githubtoken_operator.engine.scheduling.clock_watch import ClockWatch
from githubtoken_operator.engine.scheduling.fence import send_limit
from githubtoken_operator.process import debug_runs
from githubtoken_operator.process.background import Background
from githubtoken_operator.process.composition.wiring import wire
from githubtoken_operator.process.leading import Leading, tell_of_a_leader
from githubtoken_operator.settings import Settings
from githubtoken_operator.tokens.consumer.followers import AT_ONCE
from githubtoken_operator.watching import embedding

DRAIN: Final = timedelta(seconds=SEND_LIMIT + REFRESH_READ_LIMIT + 10)
"""What SIGTERM may have to wait for: a refresh that was just sent, GitHub's late answer, and ten seconds to save it."""
LAST_SAVES: Final = 60.0
"""Seconds for which the end goes on with saving, without the Lease: the pod may go, and its journal with it."""
TO_END: Final = 5.0
"""Seconds of the grace period that are left for the rest of the end."""
BEAT: Final = 0.25
"""Seconds between two signs of life of the event loop."""

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """The process cannot do its work; the message is one clear line."""


async def run(settings: Settings) -> None:
    """Runs the operator until SIGTERM.

    Raises `CannotStart`, `ApiError`, `CannotListen`, `CannotJournal` or `CannotTrust` where it cannot begin;
    `LeaseLost`, `TaskEnded` and `WatchesHang` where it cannot go on.
    """
    stop = asyncio.Event()
    _stop_on_signals(stop)
    embedding.pass_over_leftovers(stop)
    _tell_short_grace(settings.grace_period)
    async with AsyncExitStack() as stack:
        metrics = Metrics(__version__, host_label=partial(hosts.admitted_by, allowed=settings.allowed_hosts))
        health = _Health(metrics.process.lagged)
        metrics.process.watch("githubtoken_event_loop_silence_seconds", health.silence)
        stack.enter_context(
            serving(
                metrics_address=settings.metrics_address,
                health_address=settings.health_address,
                registry=metrics.registry,
                silence=health.silence,
                not_ready=lambda: health.waits_for(),  # noqa: PLW0108 - it is another one later, as the next
                runs=lambda: health.places(),  # noqa: PLW0108
            )
        )
        background = stack.enter_context(Background(stop))
        background.start("heartbeat", health.beat())
        journal = stack.enter_context(closing(Journal(settings.journal_dir)))
        access = await of_process()
        connect = partial(Api, access.configuration, renew=access.renew, tell=metrics.process.asked)
        # Each run asks for one thing after the other; the rest is for what happens beside the runs.
        connections = 2 * settings.concurrency + AT_ONCE
        api = await stack.enter_async_context(connect(connections=connections))
        # A watch keeps its connection; there are never so many that runs wait for one.
        watching = await stack.enter_async_context(connect(connections=2 * WATCHED_BY_NAME))
        github = await stack.enter_async_context(aclosing(GitHub(_sender(settings, metrics))))
        await _require_crds(Cluster(api), served(clusterwide=not settings.namespaces))
        leadership = await _leadership(settings, api, connect, metrics, stack)
        metrics.process.watch("githubtoken_lease_seconds_left", lambda: leadership.seconds_left)
        pods = Pods(Cluster(api), settings.operator_namespace, own=await own_pod(Cluster(api), settings.pod))
        parts = wire(
            settings,
            api=api,
            watches=watching,
            github=github,
            metrics=metrics,
            journal=journal,
            leadership=leadership,
            pods=pods,
            stop=stop,
        )
        credentials = parts.users.credentials
        metrics.process.watch("githubtoken_journal_entries", lambda: credentials.savings.unsaved)
        credentials.savings.resume()
        background.start("savings", credentials.savings.late.run())
        recovery = credentials.store.recover(settings.namespaces, begun=format_time(utc_now()))
        background.start("recovery", recovery, ends=True)
        stack.push_async_callback(background.end)
        stack.push_async_callback(parts.finish, _last_saves(settings.grace_period))
        if leadership.contested:
            # A standby is ready to take over.
            health.waits_for = lambda: None
        if not await _acquired(leadership, stop):
            return
        health.waits_for = lambda: parts.first_lists.missing
        health.places = lambda: debug_runs.shown(parts.scheduler, settings.concurrency)
        async with Leading(leadership, drain=parts.drain, background=background, metrics=metrics, stop=stop) as leading:
            ready = asyncio.Event()
            background.start("signals", _take_signals_back(ready, stop), ends=True)
            watch = ClockWatch(set_by=set_by, hosts=github, look_again=parts.scheduler.look_again)
            background.start("clock", watch.run())
            for name, task in parts.tasks():
                background.start(name, task)
            logger.info("started, version %s; %s", __version__, _scope(settings))
            await embedding.watch(
                parts.intake, settings.namespaces, access=access, end=leading.end, stop=stop, ready=ready
            )
        logger.info("ended: everything in flight was finished")


def _sender(settings: Settings, metrics: Metrics) -> Sender:
    """Who sends requests to GitHub."""
    ca_file = CAFile(settings.ca_file) if settings.ca_file is not None else None
    return Sender(
        now=utc_now,
        set_by=set_by,
        observer=metrics,
        user_agent=f"githubtoken-operator/{__version__}",
        send_limit=send_limit(settings.lease_duration),
        transport_for=partial(make_transport, ca_file=ca_file),
    )


async def _leadership(
    settings: Settings, api: Api, connect: Callable[..., Api], metrics: Metrics, stack: AsyncExitStack
) -> Leadership:
    """The Lease, which is not held yet, or what stands for it where nobody is elected."""
    if not settings.leader_elect:
        await tell_of_a_leader(api, settings.operator_namespace)
        return Uncontested()
    # A connection of its own: whatever the runs ask for, the Lease is renewed as long as it is answered.
    own = await stack.enter_async_context(connect(connections=1))
    duration = settings.lease_duration
    return Lease(own, settings.operator_namespace, duration=duration, tell=metrics.process.renewed)


async def _acquired(leadership: Leadership, stop: asyncio.Event) -> bool:
    """Waits for the Lease; False where the process is asked to end before it has it."""
    acquiring = asyncio.create_task(leadership.acquire(), name="acquire")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({acquiring, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (acquiring, stopping):
        task.cancel()
    await asyncio.wait({acquiring, stopping})
    if acquiring.cancelled():
        return False
    acquiring.result()
    return True


def _scope(settings: Settings) -> str:
    if not settings.namespaces:
        return "all namespaces are served"
    named = ", ".join(settings.namespaces)
    return f"these namespaces are served, and no ClusterGitHubApp and no ClusterGitHubToken: {named}"


def _last_saves(grace_period: float | None) -> float:
    return LAST_SAVES if grace_period is None else min(LAST_SAVES, max(grace_period - TO_END, 0.0))


def _tell_short_grace(grace_period: float | None) -> None:
    if grace_period is not None and grace_period < DRAIN.total_seconds():
        logger.warning(
            "the grace period of %s is too short: a refresh that is under way may take %s to be saved, and where the "
            "process is killed before, a sign-in is lost; set terminationGracePeriodSeconds to %d or more",
            format_duration(timedelta(seconds=grace_period)),
            format_duration(DRAIN),
            DRAIN.total_seconds(),
        )


def _stop_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _take_signals_back(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Replaces kopf's own signal handlers, so that a rotation sees the signal too and does not begin any more."""
    await ready.wait()
    _stop_on_signals(stop)


async def _require_crds(cluster: Cluster, kinds: Iterable[Kind]) -> None:
    for kind in kinds:
        if kind in KEYS and not await cluster.exists(kind):
            raise CannotStart(
                f"the CustomResourceDefinition of {kind} is not installed: "
                "run `githubtoken crds | kubectl apply --server-side -f -`"
            )


class _Health:
    """What the probes look at, from their own threads."""

    def __init__(self, lagged: Callable[[float], None]) -> None:
        """`lagged` is told by how many seconds each sign of life came late."""
        self._lagged = lagged
        self._last_beat = time.monotonic()
        self.places: Callable[[], Mapping[str, object]] = dict
        """What runs and what waits, for `/debug/runs`; nothing while the process stands by."""
        self.waits_for: Callable[[], str | None] = lambda: "the watches have not begun"
        """What the process waits for before it is ready, in words; None where that is over."""

    def silence(self) -> float:
        """Seconds since the event loop's last sign of life."""
        return time.monotonic() - self._last_beat

    async def beat(self) -> None:
        """Beats until it is cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            now = time.monotonic()
            self._lagged(max(now - self._last_beat - BEAT, 0.0))
            self._last_beat = now
