"""What a run leaves behind: status, event, metrics. Written only where it differs from what was said before."""

from __future__ import annotations

import logging
from contextlib import suppress

from githubtoken_operator.adapters import logs
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Conflict, Forbidden, NotFound, Terminating
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.objects.specs import templates
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.objects.view import TokenView
from githubtoken_operator.domain.observed.standing import BackingOff, Paused, Queued
from githubtoken_operator.domain.runs import status
from githubtoken_operator.domain.runs.status import Result
from githubtoken_operator.domain.user.device_flow import Resting
from githubtoken_operator.domain.vocabulary import conditions, reasons
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import format_duration
from githubtoken_operator.tokens.kind import Gathered
from githubtoken_operator.tokens.memory import Memory, Told, ref_of

ANY: str = "*"
"""An earlier process saw a failure of which status tells no reason: any that calls no human counts as the same."""

logger = logging.getLogger(__name__)


class Recorder:
    """Writes what users see of a GitHubToken."""

    def __init__(self, ground: Ground) -> None:
        self._cluster = ground.cluster
        self._metrics = ground.metrics
        self._now = ground.clocks.now

    async def record(self, gathered: Gathered, memory: Memory, result: Result) -> JSON:
        """Status, then an event for a transition; the object as it is now.

        Raises `Conflict` or `NotFound` where it moved meanwhile.
        """
        token = gathered.observation.token
        body = gathered.body
        written: JSON = body.get("status") or {}
        new = status.build(gathered.observation, result)
        self._metrics.show(TokenView.of(gathered.body, new))
        if new == written:
            memory.unwritten = None
        else:
            body = await self._write(token, body, new, memory)
        await self._tell(token, memory, memory.told or _told_by(written), result, new)
        if not token.seen or token.status.get("revision") is None:
            await self._tell_ignored(gathered, token)
            await self._tell_without_token(gathered, token)
        return body

    async def _write(self, token: GitHubToken, body: JSON, new: JSON, memory: Memory) -> JSON:
        """Status; what the API server does not take is what the next run goes on."""
        try:
            body = await self._cluster.apply_status(ref_of(token).kind, body["metadata"], new)
        except (Conflict, NotFound):
            raise
        except ApiError as error:
            memory.unwritten = new
            if not isinstance(error, Forbidden):
                raise
            logger.warning("status of %s cannot be written: %s", ref_of(token), error.message)
        else:
            memory.unwritten = None
        return body

    async def restarted(self, body: JSON, revision: int) -> None:
        """Notes in status that all workloads have the token of this revision: a restarted operator looks at none."""
        status = {**(body.get("status") or {}), "restartedRevision": revision}
        if status != body.get("status"):
            await self._cluster.apply_status(Kind.of_token(body["metadata"]), body["metadata"], status)

    async def _tell(self, token: GitHubToken, memory: Memory, before: Told, result: Result, new: JSON) -> None:
        """One event for a transition. While nothing is attempted, what was said of the last attempt stands."""
        waiting = isinstance(result.standing, BackingOff | Paused | Queued)
        if isinstance(result.standing, Resting) and before.reason == reasons.AWAITING_AUTHORIZATION:
            # One event for each sign-in that is needed: what was said of it stands while no code is shown.
            memory.told = before
            return
        told = None if waiting else result.standing
        needed = None if result.standing else conditions.find_condition(new, conditions.NEEDS_HUMAN)
        failing = before.failing if waiting else told.reason if told else needed["reason"] if needed else ""
        memory.told = Told(*conditions.ready_of(new), failing)
        # Of one that had no token before, that it waits is no event: so many may, while GitHub is away.
        if _same(before, memory.told) or (isinstance(result.standing, Queued) and before.ready != "True"):
            return
        if told is not None:
            reason, message = told.reason, told.message
        elif needed is not None:
            reason, message = needed["reason"], needed["message"]
        else:
            reason, message = memory.told.reason, new["conditions"][0]["message"]
        await self._emit(token, warning=bool(failing), reason=reason, message=message)

    async def _tell_ignored(self, gathered: Gathered, token: GitHubToken) -> None:
        """Says, once per spec or at the first token, that `renewBefore` cannot be followed."""
        renewal, issued = gathered.observation.renewal, gathered.observation.issued
        if renewal is None or not renewal.renew_before_ignored or token.renew_before is None or issued is None:
            return
        message = (
            f"`spec.renewBefore` ({format_duration(token.renew_before)}) must be less than the token's life "
            f"({issued.access.expires_in} s): renewal happens when a third of the life is left"
        )
        await self._emit(token, warning=True, reason=reasons.RENEW_BEFORE_IGNORED, message=message)

    async def _tell_without_token(self, gathered: Gathered, token: GitHubToken) -> None:
        """Says as often that a text of `secret.data` has nothing of the token: another tool may have taken it."""
        if gathered.observation.issued is None:
            return
        if plain := sorted(key for key, text in token.secret.data.items() if not templates.names_a_property(text)):
            message = (
                f"`spec.secret.data` has nothing of the token under {', '.join(f'`{key}`' for key in plain)}. If that "
                "is not meant so: Flux's postBuild substitution and envsubst take `${token}` away; write `$(token)`"
            )
            await self._emit(token, warning=True, reason=reasons.DATA_WITHOUT_TOKEN, message=message)

    async def note(self, token: GitHubToken, reason: str, message: str) -> None:
        """One event of its own that is no warning."""
        with suppress(Conflict, NotFound, Terminating):
            await self._emit(token, warning=False, reason=reason, message=message)

    async def warn(self, token: GitHubToken, reason: str, message: str) -> None:
        """One warning event of its own; where the namespace goes nobody could read it, and there is only the log."""
        with suppress(Conflict, NotFound, Terminating):
            await self._emit(token, warning=True, reason=reason, message=message)

    async def _emit(self, token: GitHubToken, *, warning: bool, reason: str, message: str) -> None:
        where = logs.about(*token.namespaced_name) | {"reason": reason}
        involved = {"name": token.name, "uid": token.uid} | (
            {} if token.clusterwide else {"namespace": token.namespace}
        )
        try:
            await self._cluster.emit(
                ref_of(token).kind, involved, warning=warning, reason=reason, message=message, now=self._now()
            )
        except (Conflict, NotFound, Terminating):
            # A namespace that goes takes Apps and Secrets before their tokens: what is missing then is no news.
            raise
        except ApiError as error:
            # An event is a convenience: its loss must not repeat the run that it speaks of.
            logger.warning("an event was not written: %s", error.message, extra=where)
        logger.log(logging.WARNING if warning else logging.INFO, "%s: %s", reason, message, extra=where)


def _told_by(written: JSON) -> Told:
    """What events have said, as far as status shows after a restart."""
    needed = conditions.needs_human(written) or ""
    failing = ANY if written.get("failedAttempts") and needed in {"", reasons.EXPIRES_SOON} else needed
    return Told(*conditions.ready_of(written), failing)


def _same(before: Told, after: Told) -> bool:
    if before.failing == ANY and after.failing and after.failing not in reasons.HUMAN_NEEDED:
        return (before.ready, before.reason) == (after.ready, after.reason)
    return before == after
