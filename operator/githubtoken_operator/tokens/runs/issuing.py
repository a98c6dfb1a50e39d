"""Obtains tokens: counts the attempts, times them, and notes which refresh request was answered.

How a token is obtained is each kind's own (`kind`); what comes of it is published and recorded by `reconciler`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from githubtoken_operator.adapters.logs import about
from githubtoken_operator.adapters.metrics.metrics import RefreshResult
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import NotHonoured, TokenError, Transient
from githubtoken_operator.tokens.kind import Gathered
from githubtoken_operator.tokens.memory import Memory

logger = logging.getLogger(__name__)


class Issuer:
    """Gets tokens from GitHub, by whatever each kind needs."""

    def __init__(self, ground: Ground) -> None:
        self._metrics = ground.metrics
        self._monotonic = ground.clocks.monotonic

    async def prove(self, gathered: Gathered) -> None:
        """Sees that GitHub accepts the credential, before an attempt counts among its. Raises `TokenError`."""
        with self._attempt(gathered):
            await gathered.kind.prove(gathered)

    async def obtain(self, gathered: Gathered, memory: Memory, cause: str) -> Issued | None:
        """Gets a token; None says that it is stored, and published from there. Raises `TokenError`."""
        token = gathered.observation.token
        started = self._monotonic() if memory.began is None else memory.began
        memory.began = None
        try:
            with self._attempt(gathered):
                issued = await gathered.kind.obtain(gathered, memory)
        except NotHonoured:
            memory.began = started
            raise
        self._metrics.refreshed(token.kind, "success")
        memory.obtained_from = started
        memory.answered, memory.error = token.refresh_requested, None
        logger.info("%s because %s", gathered.kind.deed, cause, extra=about(*token.namespaced_name))
        return issued

    @contextmanager
    def _attempt(self, gathered: Gathered) -> Iterator[None]:
        """Counts a failure."""
        token, started = gathered.observation.token, self._monotonic()
        try:
            yield
        except NotHonoured:
            raise
        except TokenError as error:
            if error.reason != reasons.PENDING:
                result: RefreshResult = "transient" if isinstance(error, Transient) else "terminal"
                self._metrics.refreshed(token.kind, result)
                self._metrics.took(token.kind, self._monotonic() - started)
            raise
