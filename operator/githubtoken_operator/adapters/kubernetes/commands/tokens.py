"""GitHubTokens as a user's commands see them: lists, single objects, requests, and the events about one.

A ClusterGitHubToken has no namespace (""); Kubernetes keeps the events about it in `default`.

Of a credential Secret nothing leaves this module but its metadata and when its pair ends.
"""

from __future__ import annotations

from typing import Final

from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import ROLE, ROLE_CREDENTIAL
from githubtoken_operator.domain.objects.specs.github_token import API_VERSION
from githubtoken_operator.domain.vocabulary.model import JSON

FIELD_MANAGER: Final = "githubtoken-command"
"""Not the operator's: it would take over the annotation that a user's command sets."""


class Tokens:
    """The GitHubTokens of one cluster. Every method raises a subclass of `ApiError`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def get(self, namespace: str, name: str) -> JSON:
        """One object; `NotFound`."""
        return await self._api.request("GET", _path(namespace, name))

    async def list(self, namespace: str | None, selector: str | None = None) -> tuple[JSON, ...]:
        """What a label selector matches: of a namespace, or of all with None; with "" the ClusterGitHubTokens."""
        kind = Kind.CLUSTER_TOKEN if namespace == "" else Kind.TOKEN
        selected = {"labelSelector": selector} if selector else None
        found = await self._api.list_items(kind.collection(namespace or ""), selected)
        # The items of a list do not say what they are.
        return tuple({"apiVersion": API_VERSION, "kind": str(kind), **item} for item in found)

    async def annotate(self, namespace: str, name: str, annotation: str, value: str) -> JSON:
        """Sets an annotation and returns the object as it is then."""
        return await self._api.request(
            "PATCH",
            _path(namespace, name),
            body={"metadata": {"annotations": {annotation: value}}},
            content_type="application/merge-patch+json",
            query={"fieldManager": FIELD_MANAGER},
        )

    async def credentials(self, namespace: str | None) -> tuple[JSON, ...]:
        """The Secrets with a pair of a user, of a namespace or of all with None: metadata, and when the pair ends."""
        labelled = {"labelSelector": f"{ROLE}={ROLE_CREDENTIAL}"}
        found = await self._api.list_items(Kind.SECRET.collection(namespace or ""), labelled)
        return tuple({"metadata": secret["metadata"], "data": _times(secret)} for secret in found)

    async def events(self, namespace: str, uid: str) -> tuple[JSON, ...]:
        """The events about one object, in no order."""
        about = {"fieldSelector": f"involvedObject.uid={uid}"}
        return tuple(await self._api.list_items(f"/api/v1/namespaces/{namespace or 'default'}/events", about))


def _path(namespace: str, name: str) -> str:
    kind = Kind.TOKEN if namespace else Kind.CLUSTER_TOKEN
    return kind.path(namespace, name)


def _times(secret: JSON) -> JSON:
    return {key: value for key, value in (secret.get("data") or {}).items() if key == "refresh_expires_at"}
