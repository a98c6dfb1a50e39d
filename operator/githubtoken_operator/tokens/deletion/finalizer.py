"""The finalizer of `deletionPolicy: Revoke`: put on before the first token is obtained, taken off at the end.

It may be put on only where the operator can take it off again. With `--namespaces` its rights are Roles in these
namespaces, and a namespace that is deleted loses its Role before its GitHubTokens: the finalizer would hold that
namespace until an administrator comes. There it takes a right that outlives the namespace, a cluster-wide one, which is
asked for by a SelfSubjectAccessReview.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import Forbidden, Invalid
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.runs.decide import RECHECK_DENIED
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON

_VERBS: Final = ("get", "patch")
"""What taking the finalizer off needs once the Role of its namespace is gone."""
_REFUSED: Final = (
    "`deletionPolicy: Revoke` would hold a namespace that is deleted, since the operator's rights in it go first: set "
    "`rbac.revocation.enabled` of its chart, which gives it get and patch on githubtokens in all namespaces, or choose "
    "another policy"
)


class Finalizer:
    """Holds GitHubTokens and lets them go."""

    def __init__(self, ground: Ground) -> None:
        self._cluster = ground.cluster
        self._now = ground.clocks.now
        self._outlives = ground.clusterwide
        self._asked: datetime | None = None

    async def set(self, body: JSON, *, held: bool) -> JSON:
        """The object with our finalizer, or without it. Raises `ApiError`; `TokenError` where a human must allow it."""
        meta = body["metadata"]
        kind = Kind.of_token(meta)
        changes = {
            "metadata": {
                "resourceVersion": meta["resourceVersion"],
                "finalizers": deletion.finalizers(body, held=held),
            }
        }
        try:
            return await self._cluster.merge(kind, meta, changes)
        except (Forbidden, Invalid) as error:
            message = (
                f"`deletionPolicy: Revoke` needs the right to patch {kind.plural}, for a finalizer: {error.message}"
            )
            raise Terminal(reasons.MISSING_PERMISSION, message) from error

    async def refusal(self) -> TokenError | None:
        """Why no object may be held, or None. A right that is given later is seen within a minute."""
        if not self._outlives and (self._asked is None or self._now() - self._asked >= RECHECK_DENIED):
            self._asked = self._now()
            self._outlives = all([await self._cluster.may(verb, Kind.TOKEN) for verb in _VERBS])
        return None if self._outlives else Terminal(reasons.MISSING_PERMISSION, _REFUSED)
