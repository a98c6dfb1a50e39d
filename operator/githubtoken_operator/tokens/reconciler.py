"""One run for one GitHubToken: observe, decide, act, record. Returns when it wants to run next.

    observe   `gatherer`: all inputs, with the time, in one frozen value
    decide    `domain.runs.decide`, pure
    act       get a token; then the consumer's Secret, always before status
    record    one status write, only if it differs; one event, only on a transition; one log line; counters
    tell      `consumers`: workloads are restarted and pods touched, where the spec says so and the token is new

After a crash between the Secret and status, the Secret alone suffices.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from githubtoken_operator.adapters.kubernetes.api import ApiError, Conflict, Forbidden, Invalid, NotFound, Terminating
from githubtoken_operator.adapters.kubernetes.cluster import Cluster
from githubtoken_operator.adapters.kubernetes.cluster import Kind as ObjectKind
from githubtoken_operator.adapters.logs import about
from githubtoken_operator.adapters.metrics import Metrics
from githubtoken_operator.apps.checks import Apps
from githubtoken_operator.domain.consumer import rollout
from githubtoken_operator.domain.lanes.budget import READ
from githubtoken_operator.domain.objects.github_token import Failures
from githubtoken_operator.domain.runs import doubt
from githubtoken_operator.domain.runs.decide import (
    Decision,
    Halt,
    Hold,
    Label,
    Observation,
    Obtain,
    Publish,
    Step,
    TakeSeed,
    Wait,
    acts,
    decide,
    desired_secret,
    must_publish,
)
from githubtoken_operator.domain.runs.followup import (
    Gone,
    Lagging,
    Later,
    Moved,
    NamespaceGoes,
    OnEvent,
    Outcome,
    Refused,
    Settled,
    Unreachable,
    count_failure,
    next_run,
)
from githubtoken_operator.domain.runs.standing import Standing
from githubtoken_operator.domain.runs.status import Result
from githubtoken_operator.domain.user.device_flow import Awaiting
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    NotHonoured,
    NotSent,
    NotUnderstood,
    OutcomeUnknown,
    RateLimited,
    RefreshTokenRefused,
    Terminal,
    TokenError,
    TokenRefused,
    Unsaved,
)
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.scheduler import Next
from githubtoken_operator.engine.turns import Turns, Waits
from githubtoken_operator.engine.watched import Ref, Watched
from githubtoken_operator.tokens.consumer_secret import write
from githubtoken_operator.tokens.finalizer import Finalizer
from githubtoken_operator.tokens.followers import Followers
from githubtoken_operator.tokens.gathered import Gathered, Memory
from githubtoken_operator.tokens.gatherer import Gatherer
from githubtoken_operator.tokens.issuing import Issuer
from githubtoken_operator.tokens.kind import StartOver, TokenKinds
from githubtoken_operator.tokens.moments import Moments
from githubtoken_operator.tokens.recorder import Recorder
from githubtoken_operator.tokens.revocation import Revocations
from githubtoken_operator.tokens.spread.spreads import Spreads
from githubtoken_operator.tokens.turn import TokenTurns, while_waiting

MOST_PASSES: Final = 6
"""Of observe, decide, act in one run: asking, holding, taking a seed, rotating, admitting, publishing are one each."""

logger = logging.getLogger(__name__)


class Reconciler:
    """Runs GitHubTokens."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        kinds: TokenKinds,
        gatherer: Gatherer,
        moments: Moments,
        apps: Apps,
        issuer: Issuer,
        turns: Turns[Ref],
        revocations: Revocations,
        finalizer: Finalizer,
        followers: Followers,
        spreads: Spreads,
        recorder: Recorder,
        watched: Watched,
        metrics: Metrics,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._kinds = kinds
        self._gatherer = gatherer
        self._moments = moments
        self._apps = apps
        self._issuer = issuer
        self._turns = TokenTurns(turns, kinds)
        self._revocations = revocations
        self._finalizer = finalizer
        self._followers = followers
        self._spreads = spreads
        self._recorder = recorder
        self._watched = watched
        self._metrics = metrics
        self._now = now
        self._monotonic = monotonic
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
            if self._kinds[gathered.observation.token.kind].spends and not fresh and acts(decision):
                # It cannot be undone, so it is decided again on what is there at this moment.
                fresh, body = True, None
                continue
            passed = await self._pass(gathered, memory, decision)
            if isinstance(passed, Outcome):
                return passed
            body = passed
        return Moved()

    async def _pass(self, gathered: Gathered, memory: Memory, decision: Decision) -> Outcome | JSON:
        """Acts once. An object that is returned says: the world has changed, look again."""
        seen = gathered.observation
        try:
            match decision:
                case Hold(held):
                    return await self._finalizer.set(gathered.body, held=held)
                case Obtain(cause):
                    return await self._renew(gathered, memory, cause)
                case Publish(hindrance):
                    return await self._publish(gathered, memory, hindrance)
                case Wait(hindrance):
                    return await self._settle(gathered, memory, hindrance)
                case Halt(error, recheck):
                    return await self._settle(gathered, memory, error, recheck=recheck)
                case Label() | TakeSeed() as step:
                    return await self._step(gathered, memory, step)
                case step:
                    with self._turns.turn(gathered):
                        return await self._step(gathered, memory, step)
        except Waits as waits:
            return await self._wait(gathered, memory, waits)
        except TokenError as error:
            if _another_look_tells(error, seen):
                return gathered.body
            if isinstance(error, RefreshTokenRefused):
                gathered = gathered.revoked()
            return await self._failed(self._moments.timed(gathered), memory, error)

    async def _renew(self, gathered: Gathered, memory: Memory, cause: str) -> Outcome | JSON:
        """Gets a token when it is the App's turn, and publishes it; a user's is published from the store."""
        kind = self._kinds[gathered.observation.token.kind]
        await self._issuer.prove(gathered, memory)
        with self._turns.turn(gathered, READ if memory.trial else kind.points):
            try:
                issued = await self._issuer.obtain(gathered, memory, cause)
            except NotHonoured as early:
                return Lagging(timedelta(seconds=early.retry_after or 0))
        if issued is None:
            return gathered.body
        obtained = self._moments.timed(gathered).holding(issued, memory, kind.renewal)
        act = self._publish if must_publish(obtained.observation) else self._settle
        return await act(obtained, memory, None)

    async def _step(self, gathered: Gathered, memory: Memory, step: Step) -> Outcome | JSON:
        waiting = await self._kinds[gathered.observation.token.kind].step(gathered, memory, step)
        return await self._settle(gathered, memory, waiting) if waiting else gathered.body

    async def _wait(self, gathered: Gathered, memory: Memory, waits: Waits) -> Outcome:
        """It has a reservation."""
        queued, again = while_waiting(gathered, waits)
        if queued is not None:
            await self._settle(gathered, memory, queued)
        return again

    async def _end(self, key: Ref, body: JSON | None) -> Outcome:
        """The object is gone, or going."""
        ended = await self._revocations.end(body, self._memory(key, body["metadata"]["uid"])) if body else Gone()
        if isinstance(ended, Gone):
            self._forget(key)
        return ended

    # --- act ---------------------------------------------------------------------------------------------------------

    async def _app_changed(self, gathered: Gathered) -> bool:
        """Whether the App's key or secret was replaced after it was read: what was refused then is no failure."""
        if gathered.resolved.source is None or not await self._apps.changed_since(gathered.app_ref, gathered.resolved):
            return False
        token = gathered.observation.token
        logger.info("the App was changed meanwhile: trying again", extra=about(*token.labels))
        return True

    async def _publish(self, gathered: Gathered, memory: Memory, hindrance: Standing | None) -> Outcome:
        """Applies the consumer's Secret under what was read of it, from the token that is held."""
        seen = gathered.observation
        body = desired_secret(seen)
        if seen.issued is None or body is None:
            return await self._settle(gathered, memory, hindrance)
        self._kinds[seen.token.kind].keep(memory, seen.issued)
        if seen.spread is not None:
            return await self._publish_everywhere(gathered, memory, hindrance, body)
        try:
            await write(self._cluster, seen.token, body, seen.secret)
        except Terminating:
            raise
        except (Forbidden, Invalid) as refused:
            message = f"the API server refuses to write Secret `{seen.token.secret.name}`: {refused.message}"
            reason = reasons.INVALID_SPEC if isinstance(refused, Invalid) else reasons.MISSING_PERMISSION
            return await self._failed(gathered, memory, Terminal(reason, message), publish=False)
        published = gathered.stored.revision if gathered.stored else seen.token.status.get("revision")
        if published != seen.issued.revision:
            memory.published = rollout.mark(seen.issued)
        elif seen.token.seen:
            self._metrics.repaired()
        return await self._settle(replace(gathered, stored=seen.issued), memory, hindrance)

    async def _publish_everywhere(
        self, gathered: Gathered, memory: Memory, hindrance: Standing | None, body: dict[str, Any]
    ) -> Outcome:
        """The same for a ClusterGitHubToken. What one namespace refuses is that namespace's failure alone."""
        seen = gathered.observation
        present, issued = seen.spread, seen.issued
        if present is None or issued is None:
            raise AssertionError("there is nothing to publish")
        if present.is_new(issued):
            memory.published = rollout.mark(issued)
        written = replace(seen, spread=await self._spreads.publish(seen, body))
        return await self._settle(replace(gathered, stored=issued, observation=written), memory, hindrance)

    # --- record ------------------------------------------------------------------------------------------------------

    async def _failed(self, gathered: Gathered, memory: Memory, error: TokenError, *, publish: bool = True) -> Outcome:
        """Counts a failed attempt; what is held stays published."""
        seen = gathered.observation
        if error.reason == reasons.AUTHENTICATION_FAILED and await self._app_changed(gathered):
            return Moved()
        if error.reason == reasons.PENDING:
            return await self._settle(gathered, memory, error)
        error = doubt.doubted(seen, error)
        memory.error, memory.inputs = error, gathered.inputs
        if isinstance(error, NotSent | OutcomeUnknown):
            self._turns.reserve(gathered)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            app = gathered.app_ref if gathered.resolved.app else Ref(ObjectKind.APP, seen.token.namespace, "")
            self._metrics.process.paused(
                self._metrics.host_label(gathered.host), app.namespace, app.name, error.retry_after
            )
        memory.refused = seen.refused or isinstance(error, TokenRefused)
        failed = gathered.after(count_failure(seen, error), refused=memory.refused)
        if publish and must_publish(seen):
            return await self._publish(failed, memory, error)
        return await self._settle(failed, memory, error)

    async def _settle(
        self, gathered: Gathered, memory: Memory, standing: Standing | None, *, recheck: timedelta | None = None
    ) -> Outcome:
        """Records how the run ended. Whose token it is comes last: GitHub may take long, and status says all else."""
        seen = gathered.observation
        kind = self._kinds[seen.token.kind]
        if memory.obtained_from is not None:
            self._metrics.took(seen.token.kind, self._monotonic() - memory.obtained_from)
            memory.obtained_from = None
        distribution, retry = await self._spreads.finish(seen) if seen.spread else (None, None)
        result = Result(
            issued=gathered.stored,
            granted=kind.granted(seen, memory),
            due=gathered.renewal.due if gathered.renewal else None,
            standing=standing,
            failures=Failures() if standing is None or isinstance(standing, Awaiting) else seen.failures,
            distribution=distribution,
        )
        if memory.held is None:
            kind.keep(memory, gathered.stored)
        body = await self._recorder.record(gathered, memory, result)
        again = await self._followers.tell(gathered, memory)
        if await kind.learn_account(gathered, memory):
            known = replace(result, granted=kind.granted(seen, memory))
            body = await self._recorder.record(replace(gathered, body=body), memory, known)
        if gathered.stored is not None and memory.restarted == gathered.stored.revision and seen.token.restart_targets:
            await self._recorder.restarted(body, memory.restarted)
        waits = [retry] if retry else []
        waits += [again - gathered.local_time] if again is not None else []
        consumers = min(waits, default=None)
        return Settled(seen, result, gathered.local_time, recheck, consumers)

    def _count_refusal(self, key: Ref, error: ApiError) -> int:
        memory = self._memories.get(key)
        if memory is None or not isinstance(error, Forbidden):
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
        secrets = [ref for ref in self._watched.reads(key) if ref.kind is ObjectKind.SECRET]
        for kind in self._kinds.values():
            kind.forget(secrets)
        self._spreads.forget(key)
        self._watched.depends(key, ())
        self._metrics.forget(*key.labels)


def _another_look_tells(error: TokenError, seen: Observation) -> bool:
    """Whether what the store keeps says more: an answer, or a refusal at which the device flow begins at once."""
    refused = isinstance(error, RefreshTokenRefused) and seen.sign_in is not None
    return refused or isinstance(error, NotUnderstood | Unsaved)
