"""How a run that came to its end is recorded and told: status, event, metrics; then those who use the token."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.observed.standing import Standing
from githubtoken_operator.domain.runs.due.followup import still_counted
from githubtoken_operator.domain.runs.due.outcomes import Settled
from githubtoken_operator.domain.runs.status import Result
from githubtoken_operator.engine.scheduling.turns import Waits
from githubtoken_operator.tokens.consumer.followers import Followers
from githubtoken_operator.tokens.kind import Gathered
from githubtoken_operator.tokens.memory import Memory
from githubtoken_operator.tokens.recorder import Recorder
from githubtoken_operator.tokens.spread.spreads import Spreads


class Settlement:
    """Ends runs."""

    def __init__(self, ground: Ground, spreads: Spreads) -> None:
        self._recorder = Recorder(ground)
        self._metrics = ground.metrics
        self._monotonic = ground.clocks.monotonic
        self._followers = Followers(ground)
        self._spreads = spreads

    async def settle(
        self, gathered: Gathered, memory: Memory, standing: Standing | None, *, recheck: timedelta | None = None
    ) -> Settled:
        """Records that it stands so. Whose token it is comes last: GitHub may take long, and status says all else.

        Raises `ApiError`.
        """
        seen, kind = gathered.observation, gathered.kind
        if memory.obtained_from is not None:
            self._metrics.took(seen.token.kind, self._monotonic() - memory.obtained_from)
            memory.obtained_from = None
        distribution, retry = await self._spreads.finish(seen, memory) if seen.spread else (None, None)
        result = Result(
            issued=gathered.stored,
            granted=kind.granted(seen, memory),
            standing=standing,
            failures=still_counted(seen, standing),
            distribution=distribution,
        )
        if memory.held is None:
            kind.keep(memory, gathered.stored)
        body = await self._recorder.record(gathered, memory, result)
        again = await self._followers.tell(gathered, memory)
        learnt = asks = False
        try:
            learnt = standing is None and await kind.learn_account(gathered, memory)
        except Waits:
            asks = True
        if learnt:
            known = replace(result, granted=kind.granted(seen, memory))
            body = await self._recorder.record(replace(gathered, body=body), memory, known)
        if gathered.stored is not None and memory.restarted == gathered.stored.revision and seen.token.restart_targets:
            await self._recorder.restarted(body, memory.restarted)
        waits = [wait for wait in (retry, again - gathered.local_time if again else None) if wait is not None]
        return Settled(seen, result, gathered.local_time, recheck, min(waits, default=None), asks)
