"""What a GitHubToken that is being deleted has of tokens: gathered, and handed to its kind, which revokes it.

GitHub is asked in the App's lane, as for a token: deletions of an App that hangs take no other's places.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.resolving import Apps
from githubtoken_operator.domain.consumer import consumer, ownership
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import JSON, App
from githubtoken_operator.engine.scheduling.turns import Stand
from githubtoken_operator.tokens.kind import Ending, TokenKinds
from githubtoken_operator.tokens.memory import Memory, app_ref, ref_of, with_place
from githubtoken_operator.tokens.moments import Moments
from githubtoken_operator.tokens.spread.spreads import Spreads


class Endings:
    """Revokes what there is."""

    def __init__(self, ground: Ground, *, kinds: TokenKinds, apps: Apps, spreads: Spreads) -> None:
        self._cluster = ground.cluster
        self._turns = ground.turns
        self._moments = Moments(ground)
        self._kinds = kinds
        self._apps = apps
        self._spreads = spreads

    async def revoke(
        self, body: JSON, token: GitHubToken, memory: Memory, deadline: datetime
    ) -> tuple[JSON, str | None]:
        """The object as it is now, and what may be alive because nobody has it any more.

        Raises `TokenError` or `ApiError` to be tried again, and `Waits`.
        """
        # A namespace that goes takes our Role along: what this process remembers is revoked all the same.
        published, unread = await self._given_out(token)
        held = [*published, *([memory.held] if memory.held is not None else [])]
        now = self._moments.now() + self._moments.ahead(_host(held, memory))
        token = with_place(token, memory)
        kind = self._kinds[token.kind]

        def turn(asked: App, points: float) -> AbstractContextManager[None]:
            lane = kind.lane(token, asked)._replace(host=asked.server.api_host)
            self._turns.owned(lane, (app_ref(token).namespace, app_ref(token).name))
            return self._turns.turn(ref_of(token), Stand(lane, deadline.timestamp(), points))

        return await kind.revoke(
            Ending(body, token, memory, held, unread, now, app=lambda: self._app(token, memory), turn=turn)
        )

    def given_up(self, token: GitHubToken) -> str:
        """What becomes of tokens that could not be revoked in time."""
        return self._kinds[token.kind].given_up(token)

    async def _given_out(self, token: GitHubToken) -> tuple[Sequence[Issued], Forbidden | None]:
        """What consumers have: one token, and those that some namespaces still had of a ClusterGitHubToken.

        Beside it why that may not be read.
        """
        if token.clusterwide:
            return await self._spreads.given_out(token)
        try:
            secret = await self._cluster.read(Kind.SECRET, token.namespace, token.secret.name)
        except Forbidden as error:
            return [], error
        published = consumer.read(secret) if secret is not None and ownership.is_ours(secret, token) else None
        return ([published] if published is not None else []), None

    async def _app(self, token: GitHubToken, memory: Memory) -> App:
        """The App as it is, or as it was when this process last used it: it may be deleted together with its tokens."""
        try:
            resolved = await self._apps.resolve_for(app_ref(token), token.namespaced_name[0])
        except Forbidden:
            if memory.app is None:
                raise
            return memory.app
        if resolved.error is None and resolved.app is not None:
            return resolved.app
        if memory.app is not None:
            return memory.app
        raise resolved.error or Terminal(reasons.APP_NOT_READY, "the App cannot be used")


def _host(held: Sequence[Issued], memory: Memory) -> str:
    """The GitHub by whose clock the tokens expire; "" where it is not known."""
    came = [issued.origin.server for issued in held if issued.origin is not None]
    servers = [*came, *([memory.app.server] if memory.app is not None else [])]
    return servers[0].api_host if servers else ""
