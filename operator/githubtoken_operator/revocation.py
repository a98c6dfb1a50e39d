"""The end of a GitHubToken with `deletionPolicy: Revoke`: its tokens are revoked, then it is let go.

A finalizer, put on before the first token is obtained, holds the object. What is revoked is what the store has (the
token in the consumer's Secret, a user's pair in the credential Secret) and what this process remembers, predecessors of
an installation token included. The credential Secret is deleted after that (one that was adopted is emptied of the
pair), the consumer's Secret by its ownerReference. All of it may be repeated: a token that is dead counts as revoked. A
GitHub that cannot be reached, or an App that is not there, holds the object for five minutes; then it goes with an
event, and the credential Secret stays, since nothing else could revoke the pair any more.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.kubernetes.api import ApiError, Conflict, Forbidden, NotFound
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.logs import about
from githubtoken_operator.adapters.metrics import Metrics
from githubtoken_operator.apps import Apps
from githubtoken_operator.credentials import Credentials
from githubtoken_operator.domain import causes, consumer, credential_body, deletion, ownership, reasons
from githubtoken_operator.domain.errors import Terminal, TokenError, Transient
from githubtoken_operator.domain.model import JSON, App, Token
from githubtoken_operator.domain.resources import GitHubToken, parse_token
from githubtoken_operator.gathered import Memory, app_ref
from githubtoken_operator.recorder import Recorder
from githubtoken_operator.scheduler import Next

logger = logging.getLogger(__name__)


class Revocations:
    """Holds GitHubTokens, and revokes what they have when they are deleted."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        github: GitHub,
        apps: Apps,
        credentials: Credentials,
        recorder: Recorder,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._github = github
        self._apps = apps
        self._credentials = credentials
        self._recorder = recorder
        self._metrics = metrics
        self._now = now
        self._attempts: Counter[str] = Counter()

    async def hold(self, body: JSON, *, held: bool) -> JSON:
        """The object with our finalizer, or without it. Raises `TokenError` where the API server refuses it."""
        meta = body["metadata"]
        changes = {
            "metadata": {
                "resourceVersion": meta["resourceVersion"],
                "finalizers": deletion.finalizers(body, held=held),
            }
        }
        try:
            return await self._cluster.merge(Kind.TOKEN, meta, changes)
        except Forbidden as error:
            message = (
                f"`deletionPolicy: Revoke` needs the right to patch githubtokens, for a finalizer: {error.message}"
            )
            raise Terminal(reasons.MISSING_PERMISSION, message) from error

    async def end(self, body: JSON, memory: Memory) -> Next | None:
        """One attempt for an object that is being deleted; None once we hold it no longer. Raises `ApiError`."""
        token, deadline = parse_token(body), deletion.deadline(body)
        if not token.held or deadline is None:
            return None
        if not token.revoke:
            await self.hold(body, held=False)
            return None
        try:
            await self._revoke(token, memory)
        except (Conflict, NotFound):
            raise
        except (TokenError, ApiError) as error:
            if self._now() < deadline:
                return await self._put_off(token, error, deadline)
            await self._recorder.warn(token, reasons.REVOCATION_FAILED, _given_up(token, error))
            await self._let_go(body)
            self._metrics.revoked("failed")
        else:
            await self._let_go(body)
            self._metrics.revoked("success")
            logger.info("revoked what it had", extra=about(token.namespace, token.name))
        return None

    async def _let_go(self, body: JSON) -> None:
        await self.hold(body, held=False)
        self._attempts.pop(body["metadata"]["uid"], None)

    async def _put_off(self, token: GitHubToken, error: TokenError | ApiError, deadline: datetime) -> Next:
        self._attempts[token.uid] += 1
        attempts = self._attempts[token.uid]
        message = f"the tokens are not revoked yet, which is tried until {deadline:%H:%M:%S} UTC: {error.message}"
        if attempts == 1:
            await self._recorder.warn(token, reasons.REVOCATION_DELAYED, message)
        else:
            logger.info("%s", message, extra=about(token.namespace, token.name))
        retry_after = error.retry_after if isinstance(error, Transient) else None
        due = deletion.next_attempt(self._now(), attempts, retry_after, deadline)
        return Next(due.timestamp(), deadline.timestamp(), causes.END)

    async def _revoke(self, token: GitHubToken, memory: Memory) -> None:
        """Raises `TokenError` or `ApiError` where something may be alive."""
        secret = await self._cluster.read(Kind.SECRET, token.namespace, token.secret.name)
        published = consumer.read(secret) if secret is not None and ownership.is_ours(secret, token) else None
        known = [issued.access for issued in (published, memory.held) if issued is not None]
        if token.user is not None:
            await self._revoke_pair(token, memory, {access.token for access in known})
            return
        now = self._now()
        known += memory.superseded
        living = {access.token for access in known if access.expires_at is None or access.expires_at > now}
        for value in living:
            await self._github.revoke_installation_token(await self._app(token, memory), value)

    async def _revoke_pair(self, token: GitHubToken, memory: Memory, published: set[Token]) -> None:
        found = await self._credentials.stored_pair(token)
        secret, stored = found or (None, None)
        access = stored.access.token if stored and stored.access else None
        refresh = stored.refresh_token if stored else None
        others = published - {access}
        if access or refresh or others:
            app = await self._app(token, memory)
            if stored is not None and stored.client_id is not None and stored.client_id != app.client_id:
                # The App has another client id than the pair, or tells none: its client secret may not fit.
                secret_fits = app.client_id is None
                app = replace(app, client_id=stored.client_id, client_secret=app.client_secret if secret_fits else None)
            await self._github.revoke_user_tokens(app, access, refresh)
            for other in others:
                await self._github.revoke_user_tokens(app, other, None)
        if secret is not None and ownership.adopts(secret):
            await self._cluster.replace(Kind.SECRET, credential_body.given_back(secret))
        elif secret is not None:
            await self._cluster.delete(Kind.SECRET, secret["metadata"])

    async def _app(self, token: GitHubToken, memory: Memory) -> App:
        """The App as it is, or as it was when this process last used it: it may be deleted together with its tokens."""
        resolved = await self._apps.resolve_for(app_ref(token), token.namespace)
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
