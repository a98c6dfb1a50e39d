"""Writes one consumer's Secret under what was read of it."""

from __future__ import annotations

import logging
from typing import Any

from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import Forbidden, HookAway, Invalid
from githubtoken_operator.adapters.logs import about
from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal, Transient
from githubtoken_operator.domain.vocabulary.model import JSON

logger = logging.getLogger(__name__)


def refused(token: GitHubToken, error: Forbidden | Invalid) -> Terminal:
    """Why the Secret is not written, where the API server refuses it."""
    reason = reasons.INVALID_SPEC if isinstance(error, Invalid) else reasons.MISSING_PERMISSION
    return Terminal(reason, f"the API server refuses to write Secret `{token.secret.name}`: {error.message}")


def held_up(token: GitHubToken, error: HookAway) -> Transient:
    """Why the Secret is not written yet."""
    return Transient(reasons.PENDING, f"Secret `{token.secret.name}` cannot be written: {error.message}")


async def write(cluster: Cluster, token: GitHubToken, body: dict[str, Any], present: JSON | None) -> JSON:
    """The Secret as it is then; the type of one cannot be changed: it is made anew. Raises `ApiError`."""
    if consumer.size(body) > consumer.SIZE_LIMIT:
        raise Invalid(0, "it would hold more than 1 MiB: shorten `spec.secret.data`")
    if present is not None and present.get("type") != body["type"]:
        await cluster.delete(Kind.SECRET, present["metadata"])
        logger.info("deleted the Secret to make it anew with another type", extra=about(*token.namespaced_name))
        present = None
    if present is not None:
        meta = present["metadata"]
        body["metadata"] |= {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
    else:
        # An apply with a resourceVersion creates what is absent, and conflicts with what appeared meanwhile.
        body["metadata"]["resourceVersion"] = "1"
    return await cluster.apply(Kind.SECRET, body)
