"""One act of a run: what was decided is done, and how that ended is an outcome. Failures are counted here.

A token is obtained in the object's turn at GitHub, in the way of its kind. What is held stays published, whatever
fails.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

from githubtoken_operator.adapters.logs import about
from githubtoken_operator.adapters.metrics.metrics import RefreshResult
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.resolving import Apps
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.observed.standing import BackingOff, Standing
from githubtoken_operator.domain.runs import doubt
from githubtoken_operator.domain.runs.decide import Decision, Halt, Hold, Obtain, Publish, Wait
from githubtoken_operator.domain.runs.due.followup import count_failure
from githubtoken_operator.domain.runs.due.outcomes import Lagging, Moved, Outcome
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    NotHonoured,
    NotSent,
    OutcomeUnknown,
    Terminal,
    TokenError,
    Transient,
)
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.scheduling.turns import Waits
from githubtoken_operator.tokens.deletion.finalizer import Finalizer
from githubtoken_operator.tokens.kind import Gathered
from githubtoken_operator.tokens.memory import Memory
from githubtoken_operator.tokens.moments import Moments
from githubtoken_operator.tokens.runs.publishing import Publisher
from githubtoken_operator.tokens.runs.settling import Settlement
from githubtoken_operator.tokens.runs.turn import TokenTurns, was_unanswered, while_waiting
from githubtoken_operator.tokens.spread.spreads import Spreads

logger = logging.getLogger(__name__)


class Actions:
    """Does what was decided."""

    def __init__(
        self, ground: Ground, *, apps: Apps, turns: TokenTurns, finalizer: Finalizer, spreads: Spreads
    ) -> None:
        self._moments = Moments(ground)
        self._metrics = ground.metrics
        self._monotonic = ground.clocks.monotonic
        self._publisher = Publisher(ground, spreads)
        self._settle = Settlement(ground, spreads).settle
        self._apps = apps
        self._turns = turns
        self._finalizer = finalizer

    async def take(self, gathered: Gathered, memory: Memory, decision: Decision) -> Outcome | JSON:
        """Acts once. An object that is returned says: the world has changed, look again. Raises `ApiError`."""
        try:
            match decision:
                case Hold(held):
                    return await self._finalizer.set(gathered.body, held=held)
                case Obtain(cause):
                    return await self._renew(gathered, memory, cause)
                case Publish(hindrance):
                    return await self._publish(gathered, memory, hindrance)
                case Wait(hindrance):
                    if isinstance(hindrance, BackingOff) and was_unanswered(gathered.observation):
                        self._turns.stand(gathered)
                    return await self._settle(gathered, memory, hindrance)
                case Halt(error, recheck):
                    return await self._settle(gathered, memory, error, recheck=recheck)
                case step:
                    if step.asks_github:
                        await gathered.kind.prove(gathered)
                    with self._turns.turn(gathered) if step.asks_github else nullcontext():
                        waiting = await gathered.kind.step(gathered, memory, step)
                        return await self._settle(gathered, memory, waiting) if waiting else gathered.body
        except Waits as waits:
            return await self._wait(gathered, memory, waits)
        except TokenError as error:
            if gathered.kind.is_told_by_another_look(gathered.observation.own, error):
                return gathered.body
            return await self._failed(self._moments.timed(gathered), memory, error)

    async def _renew(self, gathered: Gathered, memory: Memory, cause: str) -> Outcome | JSON:
        """Gets a token when it is the App's turn, and publishes it; a user's is published from the store."""
        with self._attempt(gathered):
            await gathered.kind.prove(gathered)
        with self._turns.turn(gathered, gathered.kind.points(memory)):
            try:
                issued = await self._obtain(gathered, memory, cause)
            except NotHonoured as early:
                return Lagging(timedelta(seconds=early.retry_after or 0))
        if issued is None:
            return gathered.body
        return await self._publish(self._moments.timed(gathered).holding(issued, memory), memory, None)

    async def _obtain(self, gathered: Gathered, memory: Memory, cause: str) -> Issued | None:
        """Gets a token, times it, and notes which refresh request was answered."""
        token = gathered.observation.token
        started = self._monotonic() if memory.began is None else memory.began
        memory.began = None
        try:
            with self._attempt(gathered):
                issued = await gathered.kind.obtain(gathered, memory)
        except NotHonoured:
            memory.began = started
            raise
        self._metrics.refreshed(token.kind, "success")
        memory.obtained_from = started
        memory.answered, memory.error = token.refresh_requested, None
        logger.info("%s because %s", gathered.kind.deed, cause, extra=about(*token.namespaced_name))
        return issued

    @contextmanager
    def _attempt(self, gathered: Gathered) -> Iterator[None]:
        """Metrics count a failure."""
        kind, started = gathered.observation.token.kind, self._monotonic()
        try:
            yield
        except TokenError as error:
            if error.reason != reasons.PENDING:
                result: RefreshResult = "transient" if isinstance(error, Transient) else "terminal"
                self._metrics.refreshed(kind, result)
                self._metrics.took(kind, self._monotonic() - started)
            raise

    async def _wait(self, gathered: Gathered, memory: Memory, waits: Waits) -> Outcome:
        """It has a reservation."""
        queued, again = while_waiting(gathered, waits)
        if queued is not None:
            await self._settle(gathered, memory, queued)
        return again

    async def _publish(self, gathered: Gathered, memory: Memory, hindrance: Standing | None) -> Outcome:
        try:
            published = await self._publisher.publish(gathered, memory)
        except Terminal as refused:
            return await self._failed(gathered, memory, refused, publish=False)
        return await self._settle(published, memory, hindrance)

    async def _failed(self, gathered: Gathered, memory: Memory, error: TokenError, *, publish: bool = True) -> Outcome:
        """Counts a failed attempt; what is held stays published."""
        seen = gathered.observation
        if error.reason == reasons.AUTHENTICATION_FAILED and await self._app_changed(gathered):
            return Moved()
        if error.reason == reasons.PENDING:
            return await self._settle(gathered, memory, error)
        error = doubt.doubted(seen, error)
        memory.error = error
        if isinstance(error, NotSent | OutcomeUnknown):
            self._turns.reserve(gathered)
        failed = gathered.failed(error, count_failure(seen, error, gathered.inputs), memory)
        return await (self._publish if publish else self._settle)(failed, memory, error)

    async def _app_changed(self, gathered: Gathered) -> bool:
        """Whether the App's key or secret was replaced after it was read: what was refused then is no failure."""
        if gathered.resolved.source is None or not await self._apps.changed_since(gathered.app_ref, gathered.resolved):
            return False
        token = gathered.observation.token
        logger.info("the App was changed meanwhile: trying again", extra=about(*token.namespaced_name))
        return True
