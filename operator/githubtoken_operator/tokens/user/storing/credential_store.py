"""The credential Secrets: read as they are, written under their resourceVersion, and taken by one run at a time.

What GitHub answered comes into them through `saving`; while an answer is late, its Secret is not to be had.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Terminating,
)
from githubtoken_operator.domain.objects.secrets import ROLE_CREDENTIAL
from githubtoken_operator.domain.user.credentials import credential, credential_body
from githubtoken_operator.domain.user.credentials.credential import Intent
from githubtoken_operator.domain.user.entry import SecretKey
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal, Transient
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.tokens.kind import StartOver
from githubtoken_operator.tokens.user.storing.saving import Savings

TAKEN: Final = 2.0
"""Seconds until a Secret is looked for again that another GitHubToken's run has taken."""

logger = logging.getLogger(__name__)


class CredentialStore:
    """Reads and writes credential Secrets. `holder` is the name under which intents are announced."""

    def __init__(self, cluster: Cluster, savings: Savings, *, holder: str) -> None:
        self.holder = holder
        self._cluster = cluster
        self._savings = savings
        self._taken: set[SecretKey] = set()

    @contextmanager
    def alone(self, key: SecretKey) -> Iterator[None]:
        """Around what must happen once at a time for a Secret. Raises `Transient` where another run has taken it.

        Two GitHubTokens may name the same one, and both may be right: whose it is, the first write decides.
        """
        if key in self._taken:
            message = f"Secret `{key[1]}` is being renewed for another GitHubToken that names it too"
            raise Transient(reasons.PENDING, message, retry_after=TAKEN)
        self._taken.add(key)
        try:
            yield
        finally:
            self._taken.discard(key)

    async def read(self, key: SecretKey) -> JSON | None:
        """The Secret as it is now. Raises `Unsaved` while an answer of GitHub's for it is late.

        `StartOver`: what waited for it could just be taken up.
        """
        if trouble := self._savings.trouble(key):
            raise trouble
        secret = await self._cluster.read(Kind.SECRET, *key)
        if secret is not None and await self._savings.look(key, secret):
            raise StartOver
        return secret

    async def write(self, body: JSON, *, create: bool = False) -> JSON:
        """Writes the Secret under its resourceVersion, before anything irreversible."""
        try:
            return await (self._cluster.create if create else self._cluster.replace)(Kind.SECRET, body)
        except (Conflict, NotFound) as error:
            raise StartOver from error
        except Terminating:
            raise
        except (Forbidden, Invalid) as error:
            name = body["metadata"]["name"]
            message = f"the API server refuses to write Secret `{name}`: {error.message}"
            raise Terminal(reasons.MISSING_PERMISSION, message) from error

    async def withdraw(self, body: JSON) -> None:
        """Writes `body`, without the intent of a rotation that did not happen. Best effort: it is void in the end."""
        try:
            await self._cluster.replace(Kind.SECRET, body)
        except ApiError as error:
            logger.warning("the intent of a rotation that did not happen was not removed: %s", error.message)

    async def recover(self, namespaces: Sequence[str], begun: str) -> None:
        """At start, leader or not: takes up answers that are kept, and removes intents of ours from before `begun`.

        An intent whose answer is in the journal stays until that is saved. Secrets that cannot be listed cost the next
        holder a wait and nothing else.
        """
        for namespace in namespaces or [""]:
            try:
                await self._recover(namespace, begun)
            except ApiError as error:
                logger.warning("intents of an earlier process were not removed: %s", error.message)

    async def _recover(self, namespace: str, begun: str) -> None:
        async for secret in self._cluster.each_secret(ROLE_CREDENTIAL, namespace):
            key = secret["metadata"]["namespace"], secret["metadata"]["name"]
            try:
                await self._see_to(key, secret, begun)
            except ApiError as error:
                logger.warning("Secret %s was not seen to at the start: %s", "/".join(key), error.message)
            except Exception:  # What somebody wrote into one Secret must not keep the others from being seen to.
                logger.exception("Secret %s cannot be seen to", "/".join(key))

    async def _see_to(self, key: SecretKey, secret: JSON, begun: str) -> None:
        stored = credential.read(secret)
        if stored.kept is not None:
            await self._savings.look(key, secret)
        elif self._came_to_nothing(key, stored.intent, begun):
            await self.withdraw(credential_body.without_intent(secret))

    def _came_to_nothing(self, key: SecretKey, intent: Intent | None, begun: str) -> bool:
        if intent is None or intent.holder != self.holder or intent.started >= begun:
            return False
        return not self._savings.waits_for(key, intent.token)
