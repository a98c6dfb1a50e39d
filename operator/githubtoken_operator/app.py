"""The process: begins everything in the order in which it must begin, and ends it in the reverse order.

    begin   health server, journal and what it kept, the Lease, the scheduler, the watches
    end     the watches, the runs in flight (they are finished, not cut), the Lease, the connections, the health server

A lost Lease ends the process the same way: nothing new is begun, what was sent to GitHub is finished and saved. A
standby answers its probes, keeps its journal empty, and watches nothing.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

import kopf

from githubtoken_operator import __version__, handlers
from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.github.sending import REFRESH_READ_LIMIT, SEND_LIMIT
from githubtoken_operator.adapters.http_server import HttpServer
from githubtoken_operator.adapters.journal import Journal
from githubtoken_operator.adapters.kubernetes.api import Api, ApiError
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.lease import Leadership, Lease, Uncontested
from githubtoken_operator.adapters.kubernetes.pods import Pods, own_pod
from githubtoken_operator.adapters.metrics import Metrics
from githubtoken_operator.clock import utc_now
from githubtoken_operator.credential_store import CredentialStore
from githubtoken_operator.domain.durations import format_duration
from githubtoken_operator.domain.times import format_time
from githubtoken_operator.settings import Settings
from githubtoken_operator.wiring import wire

DRAIN: Final = timedelta(seconds=SEND_LIMIT + REFRESH_READ_LIMIT + 10)
"""What SIGTERM may have to wait for: a refresh that was just sent, GitHub's late answer, and ten seconds to save it."""
BEAT: Final = 1.0
"""Seconds between two signs of life of the event loop."""

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """The process cannot do its work; the message is one clear line."""


class LeaseLost(Exception):
    """Another replica leads now; what was in flight is finished."""


async def run(settings: Settings) -> None:
    """Runs the operator until SIGTERM.

    Raises `CannotStart`, `ApiError`, `CannotListen` or `CannotJournal` where it cannot begin, and `LeaseLost`.
    """
    stop, ready = asyncio.Event(), asyncio.Event()
    _stop_on_signals(stop)
    _tell_short_grace(settings.grace_period)
    async with AsyncExitStack() as stack:
        metrics = Metrics(__version__)
        heartbeat = _Heartbeat()
        state = _State()
        stack.enter_context(
            HttpServer(
                metrics_address=settings.metrics_address,
                health_address=settings.health_address,
                registry=metrics.registry,
                last_beat=lambda: heartbeat.last,
                not_ready=lambda: None if state.standing_by or ready.is_set() else "the watches have not begun",
            )
        )
        background = stack.enter_context(_Background())
        background.start("heartbeat", heartbeat.beat())
        journal = stack.enter_context(Journal(settings.journal_dir))
        metrics.watch_journal(lambda: len(journal))
        api = await stack.enter_async_context(await Api.connect())
        github = await stack.enter_async_context(
            GitHub(now=utc_now, observer=metrics, user_agent=f"githubtoken-operator/{__version__}")
        )
        await _require_crds(Cluster(api), clusterwide=not settings.namespaces)
        leadership = (
            Lease(api, settings.operator_namespace, duration=settings.lease_duration)
            if settings.leader_elect
            else Uncontested()
        )
        pods = Pods(Cluster(api), settings.operator_namespace, own=await own_pod(Cluster(api), settings.pod))
        wiring, store = wire(
            settings,
            api=api,
            github=github,
            metrics=metrics,
            journal=journal,
            leadership=leadership,
            pods=pods,
            stop=stop,
        )
        recovering = background.start("recovery", _recover(store, settings.namespaces))
        stack.push_async_callback(asyncio.wait, {recovering})
        state.standing_by = True
        if not await _acquired(leadership, stop):
            return
        state.standing_by = False
        metrics.lead(True)
        renewing = background.start("lease", _end_when_lost(leadership, metrics, stop))
        background.start("signals", _take_signals_back(ready, stop))
        background.start("sweep", wiring.sweep.run())
        wiring.scheduler.start()
        logger.info("started, version %s", __version__)
        try:
            await kopf.operator(
                registry=handlers.registry(wiring),
                settings=handlers.settings(),
                clusterwide=not settings.namespaces,
                namespaces=settings.namespaces,
                stop_flag=stop,
                ready_flag=ready,
            )
        finally:
            # kopf has let the runs in flight finish, also where a watch that cannot go on ended it.
            metrics.lead(False)
            renewing.cancel()
            lost = not leadership.held()
            if not lost:
                await leadership.release()
        if lost:
            raise LeaseLost("the Lease is lost: another replica leads")
        logger.info("ended: everything in flight was finished")


async def _recover(store: CredentialStore, namespaces: Sequence[str]) -> None:
    """Saves what an earlier container left. Neither the election nor other Secrets wait for it, but the end does."""
    try:
        await store.recover(namespaces, begun=format_time(utc_now()))
    except ApiError as error:
        logger.warning("intents of an earlier process were not removed: %s", error.message)


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


async def _end_when_lost(leadership: Leadership, metrics: Metrics, stop: asyncio.Event) -> None:
    await leadership.renew_until_lost()
    # At once: what is in flight may take long to be saved, and another replica leads meanwhile.
    metrics.lead(False)
    stop.set()


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


async def _require_crds(cluster: Cluster, *, clusterwide: bool) -> None:
    for kind in (Kind.TOKEN, Kind.APP, *((Kind.CLUSTER_APP,) if clusterwide else ())):
        if not await cluster.exists(kind):
            name = kind.value[1]
            raise CannotStart(
                f"the CustomResourceDefinition of {name} is not installed: run `githubtoken crds | kubectl apply -f -`"
            )


@dataclass(slots=True)
class _State:
    """What the readiness probe looks at, from its own thread."""

    standing_by: bool = False


class _Background:
    """Tasks that live as long as the process; they are begun before kopf, which ends tasks that it does not know."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()

    def start(self, name: str, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs `coroutine` until the end; a defect in it is logged at once."""
        task = asyncio.create_task(coroutine, name=name)
        task.add_done_callback(_log_failure)
        self._tasks.append(task)
        return task


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("the task %s failed", task.get_name(), exc_info=error)


class _Heartbeat:
    """The event loop's last sign of life, in monotonic seconds."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    async def beat(self) -> None:
        """Beats until it is cancelled."""
        while True:
            self.last = time.monotonic()
            await asyncio.sleep(BEAT)
