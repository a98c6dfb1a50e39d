"""The end of a GitHubToken with `deletionPolicy: Revoke`: its tokens are revoked, then it is let go.

A finalizer, put on before the first token is obtained, holds the object. What is revoked is what the store has (the
token in the consumer's Secret, a user's pair in the credential Secret) and what this process remembers, predecessors of
an installation token included. The credential Secret is deleted after that (one that was adopted is emptied of the
pair), the consumer's Secret by its ownerReference. All of it may be repeated: a token that is dead counts as revoked. A
GitHub that cannot be reached, or an App that is not there, holds the object for five minutes; then it goes with an
event, and the credential Secret stays, since nothing else could revoke the pair any more.

Success is counted only where all that is known to be alive was revoked: a token that status speaks of and whose Secret
is gone makes the result `failed`. The credential Secret itself has no finalizer. It would hold a namespace that goes,
also where the operator's rights went first, and a human who deletes the Secret would not get rid of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.kubernetes.api import ApiError, Conflict, Forbidden, NotFound
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.logs import about
from githubtoken_operator.adapters.metrics import Metrics
from githubtoken_operator.apps.checks import Apps
from githubtoken_operator.domain.consumer import consumer, ownership
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.origin import Origin
from githubtoken_operator.domain.objects.resources import GitHubToken, parse_token
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.runs.followup import Gone, Revoking
from githubtoken_operator.domain.user import credential_body
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError, Transient
from githubtoken_operator.domain.vocabulary.model import JSON, App, Token
from githubtoken_operator.tokens.finalizer import Finalizer
from githubtoken_operator.tokens.gathered import Memory, app_ref, ref_of, with_target
from githubtoken_operator.tokens.recorder import Recorder
from githubtoken_operator.tokens.spread.spreads import Spreads
from githubtoken_operator.tokens.user.credentials import Credentials

logger = logging.getLogger(__name__)


class Revocations:
    """Revokes what GitHubTokens have when they are deleted."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        github: GitHub,
        apps: Apps,
        credentials: Credentials,
        finalizer: Finalizer,
        spreads: Spreads,
        home: str,
        recorder: Recorder,
        metrics: Metrics,
        allowed_hosts: Sequence[str],
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._github = github
        self._apps = apps
        self._credentials = credentials
        self._finalizer = finalizer
        self._spreads = spreads
        self._home = home
        self._recorder = recorder
        self._metrics = metrics
        self._allowed_hosts = allowed_hosts
        self._now = now

    async def end(self, body: JSON, memory: Memory) -> Revoking | Gone:
        """One attempt for an object that is being deleted; `Gone` once we hold it no longer. Raises `ApiError`."""
        token, deadline = parse_token(body, self._home), deletion.deadline(body)
        if not token.held or deadline is None:
            return Gone()
        # What a watch has brought may be older than its end, and that is not told twice.
        current = await self._cluster.read(ref_of(token).kind, *token.labels)
        if current is None or current["metadata"]["uid"] != token.uid:
            return Gone()
        body, token = current, parse_token(current, self._home)
        if not token.held:
            return Gone()
        if not token.revoke:
            return await self._let_go(body)
        try:
            body, left = await self._revoke(body, token, memory)
        except (Conflict, NotFound):
            raise
        except (TokenError, ApiError) as error:
            if self._now() < deadline:
                return await self._put_off(token, memory, error, deadline)
            left = _given_up(token, error)
        if left is not None and left not in memory.warned:
            memory.warned |= {left}
            await self._recorder.warn(token, reasons.REVOCATION_FAILED, left)
        ended = await self._let_go(body)
        if isinstance(ended, Revoking):
            return ended
        self._metrics.revoked("success" if left is None else "failed")
        if left is None:
            logger.info("revoked what it had", extra=about(*token.labels))
        return ended

    async def _let_go(self, body: JSON) -> Revoking | Gone:
        """Takes the finalizer off; when to try again where the operator's rights are gone, as an administrator sees."""
        meta = body["metadata"]
        try:
            await self._finalizer.set(body, held=False)
        except Terminal as refused:
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
        message = f"the tokens are not revoked yet, which is tried until {deadline:%H:%M:%S} UTC: {error.message}"
        if attempts == 1:
            await self._recorder.warn(token, reasons.REVOCATION_DELAYED, message)
        else:
            logger.info("%s", message, extra=about(*token.labels))
        retry_after = error.retry_after if isinstance(error, Transient) else None
        now = self._now()
        return Revoking(deletion.next_attempt(now, attempts, retry_after, deadline) - now, deadline - now)

    async def _revoke(self, body: JSON, token: GitHubToken, memory: Memory) -> tuple[JSON, str | None]:
        """The object as it is now, and what may be alive because nobody has it any more.

        Raises `TokenError` or `ApiError` to be tried again.
        """
        unread: Forbidden | None = None
        known = [memory.held] if memory.held is not None else []
        try:
            known = [*await self._given_out(token), *known]
        except Forbidden as error:
            # A namespace that goes takes our Role along: what this process remembers is revoked all the same.
            unread = error
        now = self._now()
        if token.user is not None:
            return await self._revoke_pair(body, token, memory, known)
        known += memory.superseded + ((memory.trial.issued,) if memory.trial else ())
        living = {
            issued.access.token: issued.origin
            for issued in known
            if issued.access.expires_at is None or issued.access.expires_at > now
        }
        refused = await self._revoke_installation_tokens(with_target(token, memory), memory, living)
        revoked = {value.sha256_base64 for value in living}
        left = deletion.left_alive(token, revoked, now, pair_found=False)
        if left is not None and unread is not None:
            raise unread
        return body, refused or left or deletion.left_before(known, revoked, now)

    async def _given_out(self, token: GitHubToken) -> Sequence[Issued]:
        """What consumers have: one token, and those that some namespaces still had of a ClusterGitHubToken."""
        if token.wish is not None:
            return await self._spreads.given_out(token)
        secret = await self._cluster.read(Kind.SECRET, token.namespace, token.secret.name)
        published = consumer.read(secret) if secret is not None and ownership.is_ours(secret, token) else None
        return [published] if published is not None else []

    async def _revoke_installation_tokens(
        self, token: GitHubToken, memory: Memory, living: Mapping[Token, Origin | None]
    ) -> str | None:
        """Revokes each where it came from; why one of them is not revoked, or None."""
        if not living:
            return None
        app, left = await self._app(token, memory), None
        for value, came in living.items():
            asked = deletion.asked(app, came, self._allowed_hosts)
            if came is None and (elsewhere := deletion.left_elsewhere(token, app)):
                asked = elsewhere
            if isinstance(asked, str):
                left = deletion.not_revoked(token, asked)
            else:
                await self._github.revoke_installation_token(asked, value)
        return left

    async def _revoke_pair(
        self, body: JSON, token: GitHubToken, memory: Memory, known: Sequence[Issued]
    ) -> tuple[JSON, str | None]:
        """The same for what is stored of a user, and what is `known` beside that."""
        found = await self._credentials.stored_pair(token)
        secret, stored = found or (None, None)
        access = stored.access.token if stored and stored.access else None
        refresh = stored.refresh_token if stored else None
        others = {issued.access.token: issued.origin for issued in known if issued.access.token != access}
        if access or refresh or others:
            app = await self._app(token, memory)
            if stored is not None and stored.client_id is not None and stored.client_id != app.client_id:
                # The App has another client id than the pair, or tells none: its client secret may not fit.
                secret_fits = app.client_id is None
                app = replace(app, client_id=stored.client_id, client_secret=app.client_secret if secret_fits else None)
            refused = None
            pairs = [(access, refresh, stored.origin if stored else None)]
            for first, second, came in [*pairs, *((other, None, came) for other, came in others.items())]:
                asked = deletion.asked(app, came, self._allowed_hosts)
                if isinstance(asked, str):
                    refused = deletion.not_revoked(token, asked)
                else:
                    await self._github.revoke_user_tokens(asked, first, second)
            if refused is not None:
                return body, refused
        revoked = {each.sha256_base64 for each in (*others, access) if each is not None}
        left = deletion.left_alive(token, revoked, self._now(), pair_found=refresh is not None)
        if secret is None:
            return body, left
        # Status goes first: a process that comes after a crash must not read there of a pair that nobody has.
        body = await self._without_token(body)
        if ownership.adopts(secret):
            await self._cluster.replace(Kind.SECRET, credential_body.given_back(secret))
        else:
            await self._cluster.delete(Kind.SECRET, secret["metadata"])
        return body, left

    async def _without_token(self, body: JSON) -> JSON:
        """The object, whose status does not speak of a token any more."""
        status = deletion.without_token(body)
        meta = body["metadata"]
        return body if status is None else await self._cluster.apply_status(Kind.of_token(meta), meta, status)

    async def _app(self, token: GitHubToken, memory: Memory) -> App:
        """The App as it is, or as it was when this process last used it: it may be deleted together with its tokens."""
        try:
            resolved = await self._apps.resolve_for(app_ref(token), None if token.wish else token.namespace)
        except Forbidden:
            if memory.app is None:
                raise
            return memory.app
        if resolved.error is None and resolved.app is not None:
            return resolved.app
        if memory.app is not None:
            return memory.app
        raise resolved.error or Terminal(reasons.APP_NOT_READY, "the App cannot be used")


def _given_up(token: GitHubToken, error: TokenError | ApiError) -> str:
    minutes = int(deletion.LONGEST_HOLD.total_seconds() // 60)
    message = f"the tokens were not revoked within {minutes} minutes and may be alive: {error.message}"
    if token.user is None:
        return f"{message}. They expire within an hour of their issue"
    return f"{message}. Secret `{token.user.credential}` is kept: revoke the pair with what is in it, or at GitHub"
