"""Whose a consumer's Secret is, where the Secret alone does not say: what other objects want it, and are they there?"""

from __future__ import annotations

from collections.abc import Callable

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.consumer import ownership
from githubtoken_operator.domain.objects.secrets import ROLE_TOKEN, giver
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken, parse_token
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.objects import Objects, Read
from githubtoken_operator.engine.cache.watched import TOKENS, Ref, Watched
from githubtoken_operator.tokens.memory import ref_of


class Claims:
    """What GitHubTokens and ClusterGitHubTokens claim."""

    def __init__(self, objects: Objects, watched: Watched) -> None:
        self._objects = objects
        self._watched = watched

    async def conflict(self, token: GitHubToken, secret: JSON | None) -> str | None:
        """Why `secret`, of the name and in the namespace of `token`, must not be written. Raises `ApiError`."""
        owner = giver(secret, token, ROLE_TOKEN)
        abandoned = await is_abandoned(token, owner, self._objects.known, lambda it: it.secret.name)
        refused = ownership.conflict(secret, token, abandoned=abandoned)
        return refused or await self._outranked(token, secret)

    async def _outranked(self, token: GitHubToken, secret: JSON | None) -> str | None:
        """Which other object goes first, where several want one Secret."""
        wanted = Ref(Kind.SECRET, token.namespace, token.secret.name)
        others = [ref for ref in self._watched.dependents(wanted) if ref.kind in TOKENS and ref != ref_of(token)]
        bodies = [await self._objects.known(ref.kind, ref.namespace, ref.name) for ref in others]
        rivals = [rival for body in bodies if body is not None and not (rival := parse_token(body)).deleting]
        return ownership.outranked(token, secret, rivals)


async def is_abandoned(
    token: GitHubToken, owner: tuple[str, bool] | None, read: Read, kept_in: Callable[[GitHubToken], str]
) -> bool:
    """Whether the object `owner` is gone, or has its own in another Secret than `token`. Raises `ApiError`."""
    if owner is None:
        return False
    name, clusterwide = owner
    body = await (read(Kind.CLUSTER_TOKEN, "", name) if clusterwide else read(Kind.TOKEN, token.namespace, name))
    return body is None or kept_in(parse_token(body)) != kept_in(token)
