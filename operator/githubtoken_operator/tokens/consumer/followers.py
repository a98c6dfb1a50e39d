"""Tells consumers of a new token, after the Secret and status were written: `restartTargets` and `propagation`.

Nothing here delays or fails a run. What the API server cannot do now is tried again a few times, each attempt looking
at what is still to be done; then it is left until the next token, with an event. A right that is missing is one event
that names the chart's value, and `Ready` stays as it is.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import KINDS, Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, NotFound
from githubtoken_operator.adapters.logs import about
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.consumer import mounts, rollout
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.mounts import Mounts
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken, RestartTarget
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.tokens.consumer.mounting_pods import MountingPods
from githubtoken_operator.tokens.kind import Gathered
from githubtoken_operator.tokens.memory import Memory
from githubtoken_operator.tokens.recorder import Recorder

MOST_ATTEMPTS: Final = 6
"""For one token: after 1, 2, 4, 8 and 16 seconds."""
MOST_WARNED: Final = 64
"""Messages of one object that are remembered as told: each edit of its spec may make another."""
AT_ONCE: Final = 8
"""Pods that are touched at the same time, of all tokens together."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Outcome:
    """What came of one attempt: when a workload may be restarted, what failed, and what was left out."""

    later: datetime | None = None
    failure: str = ""
    incomplete: bool = False


class Followers:
    """Restarts workloads and touches pods."""

    def __init__(self, ground: Ground) -> None:
        self._cluster = ground.cluster
        self._pods = MountingPods(ground.cluster, monotonic=ground.clocks.monotonic)
        self._recorder = Recorder(ground)
        self._metrics = ground.metrics
        self._now = ground.clocks.now
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def tell(self, gathered: Gathered, memory: Memory) -> datetime | None:
        """Tells those who have not got the published token; when to come back for the rest, or None."""
        token, issued = gathered.observation.token, gathered.stored
        if issued is None:
            return None
        mark = rollout.mark(issued)
        wanted = (mark, token.restart_targets, token.immediate)
        new = memory.published == mark
        if memory.told_consumers is None and not new and rollout.all_have_it(token, issued):
            memory.told_consumers = wanted
        if memory.told_consumers == wanted:
            return None
        outcome = _Outcome()
        # A process before this one may have died between the Secret and the pods.
        lags = memory.told_consumers is None and mounts.may_lag(issued, gathered.observation.now)
        if token.immediate and (new or lags) and memory.touched != mark:
            await self._touch_pods(gathered, issued, memory, outcome)
        for target in token.restart_targets:
            renewed = new or rollout.is_behind(token, issued)
            await self._restart(token, target, issued, memory, outcome, renewed=renewed)
        if not outcome.failure:
            memory.consumer_attempts = 0
            if outcome.later is None:
                memory.published, memory.told_consumers = "", wanted
                memory.restarted = None if outcome.incomplete else issued.revision
            return outcome.later
        memory.consumer_attempts += 1
        if memory.consumer_attempts < MOST_ATTEMPTS:
            logger.warning("consumers: %s", outcome.failure, extra=about(*token.namespaced_name))
            return self._now() + timedelta(seconds=2.0 ** (memory.consumer_attempts - 1))
        message = f"not every consumer was told of the new token, and it is left at that: {outcome.failure}"
        await self._recorder.warn(token, reasons.CONSUMERS_NOT_TOLD, message)
        memory.consumer_attempts, memory.published, memory.told_consumers = 0, "", wanted
        return outcome.later

    async def _restart(
        self,
        token: GitHubToken,
        target: RestartTarget,
        issued: Issued,
        memory: Memory,
        outcome: _Outcome,
        *,
        renewed: bool,
    ) -> None:
        kind = KINDS[target.kind]
        try:
            workload = await self._cluster.read(kind, token.namespace, target.name)
            if workload is None:
                outcome.incomplete = True
                await self._tell_once(token, memory, reasons.RESTART_TARGET_NOT_FOUND, await self._missing(target))
                return
            match rollout.restart(workload, token.name, issued, renewed=renewed, now=self._now()):
                case rollout.Postponed(at):
                    outcome.later = min(at, outcome.later or at)
                case rollout.Patch(body, restarts):
                    await self._cluster.merge(kind, workload["metadata"], body)
                    if restarts:
                        self._metrics.restarted(target.kind)
                        message = f"restarted {target.kind} `{target.name}` for the token of revision {issued.revision}"
                        await self._recorder.note(token, reasons.RESTARTED, message)
        except Forbidden as error:
            outcome.incomplete = True
            await self._denied(token, memory, "spec.restartTargets", "rbac.restartTargets.enabled", error)
        except ApiError as error:
            outcome.failure = f"{target.kind} {target.name}: {error.message}"

    async def _missing(self, target: RestartTarget) -> str:
        if target.kind == rollout.ROLLOUT and not await self._cluster.exists(Kind.ROLLOUT):
            return f"Rollout `{target.name}` cannot be restarted: this cluster has no CRD of Argo Rollouts"
        return f"there is no {target.kind} `{target.name}` to restart: correct `spec.restartTargets`"

    async def _touch_pods(self, gathered: Gathered, issued: Issued, memory: Memory, outcome: _Outcome) -> None:
        token, spread = gathered.observation.token, gathered.observation.spread
        namespaces = {it.namespace for it in spread.namespaces if not it.failure} if spread else {token.namespace}

        async def touch(pod: Mounts) -> None:
            of = {"namespace": pod.namespace, "name": pod.pod}
            async with self._slots:
                try:
                    await self._cluster.merge(Kind.POD, of, mounts.touch(pod, issued), subresource="status")
                except NotFound:
                    logger.debug("pod %s is gone", of["name"])

        try:
            pods = await self._pods.of_many(namespaces, token.secret.name)
            stale = [pod for pod in pods if mounts.must_touch(pod, token.secret.name, issued)]
            for result in await asyncio.gather(*(touch(pod) for pod in stale), return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result
            memory.touched = rollout.mark(issued)
        except Forbidden as error:
            value = "rbac.immediatePropagation.enabled"
            await self._denied(token, memory, "spec.propagation: Immediate", value, error)
        except ApiError as error:
            outcome.failure = f"pods: {error.message}"

    async def _denied(self, token: GitHubToken, memory: Memory, field: str, value: str, error: Forbidden) -> None:
        message = (
            f"`{field}` needs a right that the operator does not have: set `{value}` of its chart ({error.message})"
        )
        await self._tell_once(token, memory, reasons.MISSING_PERMISSION, message)

    async def _tell_once(self, token: GitHubToken, memory: Memory, reason: str, message: str) -> None:
        if message not in memory.warned:
            if len(memory.warned) >= MOST_WARNED:
                memory.warned = frozenset()
            memory.warned |= {message}
            await self._recorder.warn(token, reason, message)
