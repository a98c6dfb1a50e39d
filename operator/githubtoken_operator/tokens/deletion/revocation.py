"""The end of a GitHubToken with `deletionPolicy: Revoke`: its tokens are revoked, then it is let go.

A finalizer, put on before the first token is obtained, holds the object. What consumers have and what this process
remembers is gathered (`ending`); its kind adds what only it keeps, and revokes all of it. That may be repeated: a token
that is dead counts as revoked. A GitHub that cannot be reached, an App that is not there, or one that has more to do
than GitHub allows, holds the object for five minutes; then it goes with an event.

Success is counted only where all that is known to be alive was revoked: a token that status speaks of and whose Secret
is gone makes the result `failed`.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from githubtoken_operator.adapters.kubernetes.errors import ApiError, Conflict, HookAway, NotFound
from githubtoken_operator.adapters.logs import about
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken, parse_token
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.runs.due.outcomes import Gone, NotItsTurn, Revoking
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError, Transient
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.scheduling.turns import WORTH_A_WORD, Waits
from githubtoken_operator.tokens.deletion.ending import Endings
from githubtoken_operator.tokens.deletion.finalizer import Finalizer
from githubtoken_operator.tokens.memory import Memory, ref_of
from githubtoken_operator.tokens.recorder import Recorder

logger = logging.getLogger(__name__)


class Revocations:
    """Revokes what GitHubTokens have when they are deleted."""

    def __init__(self, ground: Ground, *, endings: Endings, finalizer: Finalizer) -> None:
        self._cluster = ground.cluster
        self._home = ground.home
        self._recorder = Recorder(ground)
        self._metrics = ground.metrics
        self._now = ground.clocks.now
        # The machine's clock, which is the API server's or as good, unless it is set.
        self._wall = ground.clocks.wall
        self._endings = endings
        self._finalizer = finalizer

    async def end(self, body: JSON, memory: Memory) -> Revoking | NotItsTurn | Gone:
        """One attempt for an object that is being deleted; `Gone` once we hold it no longer. Raises `ApiError`."""
        token, told = parse_token(body, self._home), deletion.deadline(body)
        if not token.held or told is None:
            return Gone()
        deadline = self._deadline(told, memory)
        # What a watch has brought may be older than its end, and that is not told twice.
        current = await self._cluster.read(ref_of(token).kind, *token.namespaced_name)
        if current is None or current["metadata"]["uid"] != token.uid:
            return Gone()
        body, token = current, parse_token(current, self._home)
        if not token.held:
            return Gone()
        if not token.revoke:
            return await self._let_go(body)
        try:
            body, left = await self._endings.revoke(body, token, memory, deadline)
        except (Conflict, NotFound):
            raise
        except Waits as waits:
            if self._now() < deadline:
                return await self._wait(token, memory, waits, deadline)
            left = self._given_up(token, "the turn of its App at GitHub did not come")
        except (TokenError, ApiError) as error:
            if self._now() < deadline:
                return await self._put_off(token, memory, error, deadline)
            left = self._given_up(token, error.message)
        if left is not None and left not in memory.warned:
            memory.warned |= {left}
            await self._recorder.warn(token, reasons.REVOCATION_FAILED, left)
        ended = await self._let_go(body)
        if isinstance(ended, Revoking):
            return ended
        self._metrics.revoked("success" if left is None else "failed")
        if left is None:
            logger.info("revoked what it had", extra=about(*token.namespaced_name))
        return ended

    def _deadline(self, told: datetime, memory: Memory) -> datetime:
        """The API server's, by the clock that nobody sets; the machine's is looked at once."""
        if memory.ends is None:
            left = deletion.time_left(told, self._wall(), seen_alive=memory.app is not None)
            memory.ends = self._now() + left
        return memory.ends

    async def _let_go(self, body: JSON) -> Revoking | Gone:
        """Takes the finalizer off; when to try again where only an administrator can mend that it stays."""
        meta = body["metadata"]
        try:
            await self._finalizer.set(body, held=False)
        except (Terminal, HookAway) as refused:
            where = about(meta.get("namespace", ""), meta["name"])
            logger.warning("it cannot be let go: %s", refused.message, extra=where)
            pause = timedelta(seconds=deletion.LONGEST_PAUSE)
            return Revoking(pause, pause)
        return Gone()

    async def _put_off(
        self, token: GitHubToken, memory: Memory, error: TokenError | ApiError, deadline: datetime
    ) -> Revoking:
        memory.revocations += 1
        attempts = memory.revocations
        message = f"{self._not_yet(deadline)}: {error.message}"
        if attempts == 1:
            await self._recorder.warn(token, reasons.REVOCATION_DELAYED, message)
        else:
            logger.info("%s", message, extra=about(*token.namespaced_name))
        retry_after = error.retry_after if isinstance(error, Transient) else None
        now = self._now()
        return Revoking(deletion.next_attempt(now, attempts, retry_after, deadline) - now, deadline - now)

    async def _wait(self, token: GitHubToken, memory: Memory, waits: Waits, deadline: datetime) -> NotItsTurn:
        """It has a reservation. It is told where that lasts."""
        unsaid = timedelta(seconds=WORTH_A_WORD - waits.waited)
        if unsaid > timedelta():
            return NotItsTurn(min(unsaid, deadline - self._now()))
        if not memory.revocations:
            memory.revocations = 1
            why = "GitHub does not answer" if waits.out else f"waiting for its App's turn, {waits.before} before it"
            await self._recorder.warn(token, reasons.REVOCATION_DELAYED, f"{self._not_yet(deadline)}: {why}")
        return NotItsTurn(deadline - self._now())

    def _not_yet(self, deadline: datetime) -> str:
        until = self._wall() + (deadline - self._now())
        return f"the tokens are not revoked yet, which is tried until {until:%H:%M:%S} UTC"

    def _given_up(self, token: GitHubToken, why: str) -> str:
        minutes = int(deletion.LONGEST_HOLD.total_seconds() // 60)
        message = f"the tokens were not revoked within {minutes} minutes and may be alive: {why}"
        return f"{message}. {self._endings.given_up(token)}"
