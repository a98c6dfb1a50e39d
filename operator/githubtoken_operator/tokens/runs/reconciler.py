"""One run for one GitHubToken: observe, decide, act, record. Returns when it wants to run next.

observe   `gatherer`: all inputs, with the time, in one frozen value
decide    `domain.runs.decide`, pure
act       get a token; then `publishing`: the consumer's Secret, always before status
record    `settling`: one status write, only if it differs; one event, only on a transition; one log line; counters
tell      and workloads are restarted and pods touched, where the spec says so and the token is new
"""

from __future__ import annotations

import logging
from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import (
    ApiError,
    Conflict,
    Forbidden,
    HookAway,
    Invalid,
    NotFound,
    Terminating,
)
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.runs.decide import acts, decide
from githubtoken_operator.domain.runs.due.followup import Later, OnEvent, next_run
from githubtoken_operator.domain.runs.due.outcomes import (
    Gone,
    Moved,
    NamespaceGoes,
    Outcome,
    Refused,
    Settled,
    Unreachable,
)
from githubtoken_operator.domain.vocabulary.errors import TokenError
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.engine.scheduling.due_queue import Next
from githubtoken_operator.tokens.deletion.revocation import Revocations
from githubtoken_operator.tokens.kind import StartOver
from githubtoken_operator.tokens.memory import Memory
from githubtoken_operator.tokens.runs.acting import Actions
from githubtoken_operator.tokens.runs.gatherer import Gatherer
from githubtoken_operator.tokens.runs.turn import TokenTurns

MOST_PASSES: Final = 6
"""Of observe, decide, act in one run: asking, holding, taking a seed, rotating, admitting, publishing are one each."""

logger = logging.getLogger(__name__)


class Reconciler:
    """Runs GitHubTokens."""

    def __init__(
        self, ground: Ground, *, gatherer: Gatherer, actions: Actions, turns: TokenTurns, revocations: Revocations
    ) -> None:
        self._watched = ground.watched
        self._metrics = ground.metrics
        self._now = ground.clocks.now
        self._gatherer = gatherer
        self._actions = actions
        self._turns = turns
        self._revocations = revocations
        self._memories: dict[Ref, Memory] = {}
        self._moved: set[Ref] = set()

    async def run(self, key: Ref) -> Next | None:
        """One run; never raises for what the cluster or GitHub do."""
        outcome = await self._outcome(key)
        self._turns.ended(key, outcome)
        if isinstance(outcome, Moved):
            # What the watches brought was old: the next run asks.
            self._moved.add(key)
        match next_run(outcome):
            case Later(wait, cause, urgent):
                since = outcome.local_time if isinstance(outcome, Settled) else self._now()
                deadline = None if urgent is None else (since + urgent).timestamp()
                return Next((since + wait).timestamp(), deadline, cause)
            case OnEvent():
                return None

    async def _outcome(self, key: Ref) -> Outcome:
        try:
            with self._watched.run_of(key):
                outcome = await self._run(key)
            if (memory := self._memories.get(key)) is not None:
                memory.refusals = 0
            return outcome  # noqa: TRY300 - what is caught below are the errors of the run
        except (Conflict, NotFound, StartOver):
            return Moved()
        except Terminating:
            logger.info("%s: the namespace is being deleted", key)
            return NamespaceGoes()
        except ApiError as error:
            logger.warning("%s: %s", key, error.message)
            return Unreachable(self._count_refusal(key, error))
        except TokenError as error:
            # Whatever is not recorded in status has its reason here, and comes back.
            logger.warning("%s: %s: %s", key, error.reason, error.message)
            return Refused()

    async def _run(self, key: Ref) -> Outcome:
        body: JSON | None = None
        fresh = key in self._moved
        self._moved.discard(key)
        for _ in range(MOST_PASSES):
            body = await self._gatherer.current(key, body, fresh=fresh)
            if body is None or "deletionTimestamp" in body["metadata"]:
                return await self._end(key, body)
            memory = self._memory(key, body["metadata"]["uid"])
            gathered = await self._gatherer.gather(key, body, memory, fresh=fresh)
            if gathered.resolved.error is None:
                memory.app = gathered.resolved.app or memory.app
            decision = decide(gathered.observation)
            if gathered.kind.spends and not fresh and acts(decision):
                # It cannot be undone, so it is decided again on what is there at this moment.
                fresh, body = True, None
                continue
            passed = await self._actions.take(gathered, memory, decision)
            if isinstance(passed, Outcome):
                return passed
            body = passed
        return Moved()

    async def _end(self, key: Ref, body: JSON | None) -> Outcome:
        """The object is gone, or going."""
        ended = await self._revocations.end(body, self._memory(key, body["metadata"]["uid"])) if body else Gone()
        if isinstance(ended, Gone):
            self._forget(key)
        return ended

    def _count_refusal(self, key: Ref, error: ApiError) -> int:
        memory = self._memories.get(key)
        if memory is None or not isinstance(error, Forbidden | Invalid | HookAway):
            return 0
        memory.refusals += 1
        return memory.refusals

    def _memory(self, key: Ref, uid: str) -> Memory:
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            memory = self._memories[key] = Memory(uid)
        return memory

    def _forget(self, key: Ref) -> None:
        self._memories.pop(key, None)
        self._moved.discard(key)
        self._gatherer.forget(key)
        self._metrics.forget(*key.labels)
