"""Events about the Secrets of a ClusterGitHubToken: to its administrators, and to the tenants who have them."""

from __future__ import annotations

import logging

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.consumer.spread import Distribution
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.vocabulary import conditions, reasons
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.tokens.memory import Spreading
from githubtoken_operator.tokens.recorder import Recorder

logger = logging.getLogger(__name__)


class Telling:
    """Makes the events. None of a renewal: there would be one for each namespace."""

    def __init__(self, ground: Ground) -> None:
        self._cluster = ground.cluster
        self._recorder = Recorder(ground)
        self._now = ground.clocks.now

    async def distribution(self, token: GitHubToken, state: Spreading, found: Distribution) -> None:
        """One event about the object where the namespaces are served otherwise than before."""
        status, reason, message = found.condition
        if state.told is None:
            old = conditions.find_condition(token.status, conditions.DISTRIBUTED)
            state.told = (old["status"], old["reason"]) if old else ("Unknown", reasons.PENDING)
        before, state.told = state.told, (status, reason)
        if before == state.told or (before[0] == "Unknown" and status != "False"):
            return
        tell = self._recorder.warn if status == "False" else self._recorder.note
        await tell(token, reason, message)

    async def origin(self, token: GitHubToken, secret: JSON) -> None:
        """Tells a tenant where a Secret comes from that is new in its namespace."""
        message = (
            f"this Secret is kept by ClusterGitHubToken `{token.name}`, which administrators of the cluster made: its "
            "token is renewed there, and changes of others are undone"
        )
        await self._emit(secret, message, reasons.DISTRIBUTED, warning=False)

    async def conflict(self, token: GitHubToken, secret: JSON, conflict: str) -> None:
        """Tells a tenant that its Secret is in the way."""
        message = f"ClusterGitHubToken `{token.name}` keeps a token in a Secret of this name: {conflict}"
        await self._emit(secret, message, reasons.SECRET_CONFLICT, warning=True)

    async def _emit(self, secret: JSON, message: str, reason: str, *, warning: bool) -> None:
        about = {key: secret["metadata"][key] for key in ("name", "namespace", "uid")}
        try:
            await self._cluster.emit(
                Kind.SECRET, about, warning=warning, reason=reason, message=message, now=self._now()
            )
        except ApiError as error:
            logger.info("an event was not written: %s", error.message)
