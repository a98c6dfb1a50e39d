"""One Secret by its name: as it is, and its changes as they come.

A watch of one name is a request that stays open, on a connection of its own. What it brings is trimmed: of the data
only the digest is held.

API: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from typing import Final

from githubtoken_operator.adapters.kubernetes import stepwise
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, NotFound, Unavailable
from githubtoken_operator.domain.objects.secrets import trimmed
from githubtoken_operator.domain.vocabulary.model import JSON

LASTS: Final = 600
"""Seconds after which the API server ends a watch."""
BOOKMARK: Final = "BOOKMARK"
DELETED: Final = "DELETED"


class Expired(ApiError):
    """The API server does not remember that version any more: whoever watches has to look anew."""


class OneSecret:
    """Asks for single Secrets."""

    def __init__(self, api: Api, *, silence: float) -> None:
        """A watch that brought nothing for `silence` seconds, not even a bookmark, counts as cut."""
        self._api = api
        self._silence = silence

    async def present(self, namespace: str, name: str) -> tuple[JSON | None, str]:
        """The Secret, or None, and the version from which its changes can be watched. Raises `ApiError`."""
        query = {"fieldSelector": f"metadata.name={name}"}
        found = await self._api.request("GET", Kind.SECRET.path(namespace), query=query, keep=trimmed)
        items = found["items"] or [None]
        return items[0], found["metadata"]["resourceVersion"]

    async def glance(self, namespace: str, name: str) -> JSON | None:
        """The Secret as the API server has it in its cache, which costs the least. Raises `ApiError`."""
        path = Kind.SECRET.path(namespace, name)
        try:
            return trimmed(await self._api.request("GET", path, query={"resourceVersion": "0"}))
        except NotFound:
            return None

    async def changes(self, namespace: str, name: str, since: str) -> AsyncGenerator[tuple[JSON | None, bool, str]]:
        """What comes after `since` until the API server ends it: the Secret or None, whether that is news, the version.

        A bookmark is no news. Raises `ApiError`, of which `Expired` asks for another `present`.
        """
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": since,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(LASTS),
        }
        try:
            async with aclosing(self._api.lines(Kind.SECRET.path(namespace), query, silence=self._silence)) as lines:
                async for line in lines:
                    event = await _parsed(line)
                    body = event["object"]
                    version = body["metadata"]["resourceVersion"]
                    yield None if event["type"] == DELETED else trimmed(body), event["type"] != BOOKMARK, version
        except ApiError as error:
            if error.status == HTTPStatus.GONE:
                raise Expired(error.status, error.message) from error
            raise


async def _parsed(line: bytes) -> JSON:
    """One event. Raises `ApiError` where it says that the watch has failed."""
    try:
        event: JSON = await stepwise.parsed(line)
    except (ValueError, RecursionError) as error:
        raise Unavailable(0, "the watch brought something that is not JSON") from error
    if event["type"] == "ERROR":
        raise Unavailable(int(event["object"].get("code") or 0), str(event["object"].get("message", "")))
    return event
