"""An App's own run: it is read, checked where that is due, its status is written, and its tokens are woken."""

from __future__ import annotations

import logging
from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import ApiError, Conflict, NotFound, Terminating
from githubtoken_operator.adapters.signers.remote_key import RemoteKey
from githubtoken_operator.apps.checks import Checks
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.apps.resolving import Apps
from githubtoken_operator.domain.objects.view import AppView
from githubtoken_operator.domain.runs import appcheck
from githubtoken_operator.domain.runs.appcheck import AppCheck
from githubtoken_operator.domain.runs.due import causes
from githubtoken_operator.domain.runs.due.schedule import RECHECK_MISSING
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import TokenError
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import TOKENS, Ref
from githubtoken_operator.engine.scheduling.due_queue import Next
from githubtoken_operator.engine.scheduling.turns import Waits

COUNT_AFTER: Final = 5.0
"""Seconds that the count of an App's tokens waits, so that many that come together are counted once."""

logger = logging.getLogger(__name__)


class AppRuns:
    """The runs of Apps."""

    def __init__(self, ground: Ground, apps: Apps, checks: Checks) -> None:
        self._cluster = ground.cluster
        self._watched = ground.watched
        self._metrics = ground.metrics
        self._wake = ground.wake
        self._turns = ground.turns
        self._now = ground.clocks.now
        self._apps = apps
        self._checks = checks
        self._digests: dict[Ref, str] = {}

    async def run(self, ref: Ref) -> Next | None:
        """One run for an App; never raises for what the cluster or GitHub do."""
        try:
            with self._watched.run_of(ref):
                return await self._run(ref)
        except Terminating:
            logger.info("%s: the namespace is being deleted", ref)
            self._turns.leave(ref)
            return None
        except ApiError as error:
            return self._not_read(ref, error)

    def reads_anew(self, changed: Ref) -> None:
        """Says that `changed`, an App or a Secret, is another: what was read of it is not used again."""
        self._apps.forget(changed)

    def count_again(self, ref: Ref) -> None:
        """Says that there is a token more or less that names the App."""
        if ref in self._digests:
            self._wake(ref, delay=COUNT_AFTER)

    async def _ask(self, ref: Ref, error: TokenError | None) -> None:
        """Has it checked where that is due; where there is nothing to ask, the turn that it waited for is another's."""
        if error is None:
            try:
                await self._checks.ensure_checked(ref, asks=ref)
            except Waits:
                return
            except TokenError as refused:
                logger.warning("%s: %s", ref, refused.message)
                return
        self._turns.leave(ref)

    async def _run(self, ref: Ref) -> Next | None:
        """Read, check where due, write status, wake the tokens that a change concerns."""
        self._apps.drop(ref)
        resolved = await self._apps.resolve(ref)
        # Whoever has not read it yet has a run of its own to come.
        seen_before = self._apps.take_served(ref) | {self._digests.get(ref, resolved.digest)}
        self._digests[ref] = resolved.digest
        if seen_before != {resolved.digest}:
            self._wake_tokens(ref)
        if resolved.error is not None and resolved.error.reason == reasons.MISSING_PERMISSION:
            # Nothing is known of the App, so nothing is forgotten either. A right that is granted makes no event.
            self._turns.leave(ref)
            return self._not_read(ref, resolved.error)
        if resolved.source is None or resolved.body is None:
            self._forget(ref)
            return None
        error = resolved.error or (resolved.key_error if resolved.source.private_key else None)
        await self._ask(ref, error)
        key, users = resolved.key, self._watched.users(ref)
        check = self._known(ref, resolved) if error is None else None
        if isinstance(key, RemoteKey) and resolved.app is not None and error is None:
            # Of one that no token uses, too, it is found out whether it signs again.
            if users or key.trouble is not None:
                self._checks.look_after(resolved.app, key)
            # While there are web tokens, GitHub can be asked.
            error = key.trouble
        status = appcheck.build_status(
            resolved.source,
            check=check,
            error=error,
            tokens=users,
            now=self._now(),
            unanswered=self._checks.unanswered(ref),
        )
        await self._record(ref, resolved.body, status)
        if appcheck.mended(resolved.source.status, status):
            # They read that it is so before they are asked to be less patient.
            self._apps.drop(ref)
            self._wake_tokens(ref)
        return self._again(ref, resolved, error, check)

    def _wake_tokens(self, ref: Ref) -> None:
        for key in self._watched.dependents(ref):
            # The App's own key is among those that read it.
            if key.kind in TOKENS:
                self._wake(key)

    def _not_read(self, ref: Ref, error: ApiError | TokenError) -> Next:
        logger.warning("%s: %s", ref, error.message)
        return Next((self._now() + RECHECK_MISSING).timestamp(), cause=causes.API_SERVER)

    def _forget(self, ref: Ref) -> None:
        """The App is gone."""
        self._watched.depends(ref, ())
        self._apps.let_go(ref)
        self._checks.let_go(ref)
        self._digests.pop(ref, None)
        self._turns.leave(ref)
        self._metrics.forget(*ref.labels)

    def _known(self, ref: Ref, resolved: Resolved) -> AppCheck | None:
        """What GitHub said last of the App as it is, also to an earlier process.

        Until a service that has the key says which it is, that is taken to be the same.
        """
        check = self._checks.last(ref) or (appcheck.remembered(resolved.source) if resolved.source else None)
        if check is None or resolved.key is None or resolved.source is None:
            return None
        return check if check.concerns(resolved.source, resolved.key.fingerprint or check.fingerprint) else None

    def _again(self, ref: Ref, resolved: Resolved, error: TokenError | None, check: AppCheck | None) -> Next | None:
        now, unanswered = self._now(), False
        if (key := resolved.key) is not None:
            overdue = check is not None and check.error is not None and check.next_look <= now
            unanswered = check is None or not key.fingerprint or overdue
        if unanswered and error is None and (end_of_limit := self._checks.limited_until(ref)) is not None:
            due = end_of_limit
        elif error is not None or resolved.client_secret_error is not None or unanswered:
            due = now + RECHECK_MISSING
        elif check is not None and check.error is not None:
            due = check.next_look
        else:
            return None
        return Next(due.timestamp(), cause=causes.CHECK)

    async def _record(self, ref: Ref, body: JSON, status: JSON) -> None:
        """Writes status where it differs, and tells a transition as an event."""
        before, meta = body.get("status") or {}, body["metadata"]
        self._metrics.show(AppView.of(str(ref.kind), body, status))
        if status == before:
            return
        try:
            await self._cluster.apply_status(ref.kind, meta, status)
        except (Conflict, NotFound):
            # It was changed or deleted meanwhile: look again.
            self._wake(ref)
            return
        if ready_of(status) != ready_of(before):
            await self._tell(ref, meta, status)

    async def _tell(self, ref: Ref, meta: JSON, status: JSON) -> None:
        """An event; its loss must not keep the run from its end, where the App's tokens are woken."""
        (state, reason), text = ready_of(status), status["conditions"][0]["message"]
        about = {key: meta[key] for key in ("name", "namespace", "uid") if key in meta}
        try:
            await self._cluster.emit(
                ref.kind, about, warning=state == "False", reason=reason, message=text, now=self._now()
            )
        except (NotFound, Terminating):
            # The App goes, and its namespace with it.
            return
        except ApiError as error:
            logger.warning("%s: an event was not written: %s", ref, error.message)
