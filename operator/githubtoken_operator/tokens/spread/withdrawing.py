"""Takes the Secrets of a ClusterGitHubToken away from namespaces where nobody wants them any more."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import (
    ApiError,
    Forbidden,
    HookAway,
    Invalid,
    NotFound,
    Terminating,
)
from githubtoken_operator.domain.consumer import ownership, spread
from githubtoken_operator.domain.consumer.spread import Failure
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.runs.decide import RECHECK_DENIED
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.spread.writing import AT_ONCE, RETRY, side_by_side

logger = logging.getLogger(__name__)


class Withdrawing:
    """Deletes a Secret, or, where it is to stay, takes off what makes it the object's."""

    def __init__(self, cluster: Cluster, known: Known) -> None:
        self._cluster = cluster
        self._known = known

    async def each(self, token: GitHubToken, secrets: Sequence[JSON]) -> tuple[list[Failure], timedelta | None]:
        """Withdraws these: where that is refused, and when to try again what is not done."""
        refused: list[Failure] = []
        again: list[timedelta] = []

        async def one(secret: JSON) -> None:
            error = await self._withdraw(token, secret)
            if isinstance(error, Forbidden | Invalid | HookAway):
                refused.append(_refusal(secret, error))
                again.append(RECHECK_DENIED)
            elif error is not None:
                again.append(RETRY)

        await side_by_side(secrets, one, AT_ONCE)
        return refused, min(again, default=None)

    async def _withdraw(self, token: GitHubToken, secret: JSON) -> ApiError | None:
        """What stands in the way."""
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
            return None
        except ApiError as error:
            logger.info("Secret %s/%s is withdrawn later: %s", meta["namespace"], meta["name"], error.message)
            return error
        return None


def _refusal(secret: JSON, error: ApiError) -> Failure:
    meta = secret["metadata"]
    message = (
        f"it is not wanted any more, and the API server refuses to take Secret `{meta['name']}` away, so the token "
        f"can still be read there: {error.message}"
    )
    reason = reasons.PENDING if isinstance(error, HookAway) else reasons.MISSING_PERMISSION
    return Failure(meta["namespace"], reason, message)
