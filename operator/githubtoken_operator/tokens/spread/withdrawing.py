"""Takes the Secrets of a ClusterGitHubToken away from namespaces where nobody wants them any more."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, NotFound, Terminating
from githubtoken_operator.domain.consumer import ownership, spread
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.spread.side_by_side import side_by_side

logger = logging.getLogger(__name__)


class Withdrawing:
    """Deletes a Secret, or, where it is to stay, takes off what makes it the object's."""

    def __init__(self, cluster: Cluster, known: Known, *, at_once: int) -> None:
        self._cluster = cluster
        self._known = known
        self._at_once = at_once

    async def each(self, token: GitHubToken, secrets: Sequence[JSON]) -> bool:
        """Withdraws these; whether all of it is done."""
        undone: list[JSON] = []

        async def one(secret: JSON) -> None:
            if not await self._withdraw(token, secret):
                undone.append(secret)

        await side_by_side(secrets, one, self._at_once)
        return not undone

    async def _withdraw(self, token: GitHubToken, secret: JSON) -> bool:
        meta = secret["metadata"]
        owners = [owner for owner in meta.get("ownerReferences") or () if owner.get("uid") != token.uid]
        try:
            if token.retain:
                changes = {"metadata": {"ownerReferences": owners, "resourceVersion": meta["resourceVersion"]}}
                self._known.wrote(await self._cluster.merge(Kind.SECRET, meta, changes))
            elif ownership.adopts(secret):
                self._known.wrote(await self._cluster.apply(Kind.SECRET, spread.given_back(secret)))
            else:
                await self._cluster.delete(Kind.SECRET, meta)
        except (NotFound, Terminating):
            return True
        except ApiError as error:
            logger.info("Secret %s/%s is withdrawn later: %s", meta["namespace"], meta["name"], error.message)
            return False
        return True
