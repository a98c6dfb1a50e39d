"""kopf lists and watches; what it brings goes from its generator into the store, and no further into kopf.

kopf would keep a worker, a queue and a memory for each object, and call a handler for each event: a fifth of the work
of a first token, for objects of which it has nothing to do. So it is told of the ends of lists and of bookmarks alone.

It also ends the process where a list or a watch fails otherwise than by its connection: the rest of a long list that
the API server does not remember any more, a kind that is not served for a moment, an event of an etcd without leader,
a page of something in between. Here such a one begins anew by another list. What was heard of a list that did not come
to its end stays, and nothing is concluded from what it lacks.

A list says what is there, so what was known in the same place and is not in it has gone while no watch was looking
(https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).

Where nothing changes an API server sends a bookmark once a minute: a watch that is silent for longer is cut, and only
who counts bookmarks as signs of life sees the difference. What is wrapped is kopf's own generator of events, and its
look at each answer, which are no part of its API: `tests/unit/watching/test_watches.py` holds what is relied on.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Container, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Any, Final, Protocol, cast

import kopf
from kopf._cogs.clients import errors, watching

from githubtoken_operator.adapters.kubernetes.api import request_of
from githubtoken_operator.adapters.kubernetes.one_secret import BOOKMARK
from githubtoken_operator.domain.objects.secrets import trimmed
from githubtoken_operator.domain.objects.specs.github_token import API_VERSION
from githubtoken_operator.domain.vocabulary.model import JSON

AT_ONCE: Final = 16
"""Events that are taken in without a turn for others: some milliseconds. One chunk of a stream may hold thousands."""

OWN_PAGE: Final = 50
"""Objects of our own kinds in one answer to a list. They cannot be as large as Secrets (`LARGE_PAGE`), and an answer of
a CustomResourceDefinition costs the API server 10 ms, whatever is in it."""

AGAIN: Final = 5.0
"""Seconds after which a list or a watch that failed begins anew."""

_OF_THE_API: Final = re.compile(r"/apis?/.*")
"""The path below whatever a kubeconfig's server has in front of it."""
_FAILURES: Final = (errors.APIError, watching.WatchingError, ValueError, RuntimeError)
"""How a list or a watch fails beside its connection: the last two where what came is no JSON or is nested too deep, and
where another watch has closed the session of all, as kopf does when credentials are refused."""

_GROUP: Final = API_VERSION.partition("/")[0]

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """Who is told. `resource` is the plural, `namespace` that which is watched, None for all."""

    def heard(self, resource: str, namespace: str | None) -> None:
        """The watch lives."""

    def answered(self, verb: str, resource: str, status: int) -> None:
        """The API server has answered a list or a watch."""

    def brought(self, resource: str, change: str | None, body: JSON) -> None:
        """A list (None) or a watch (ADDED, MODIFIED, DELETED) has brought an object."""

    def listed(self, resource: str, namespace: str | None, present: Container[tuple[str, str]]) -> None:
        """A list is complete: namespace and name of all that it brought."""


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Meanwhile `listener` is told what kopf's lists and watches bring, trimmed."""
    original, look = watching.continuous_watch, errors.check_response

    async def check_response(response: Any) -> None:  # noqa: ANN401 - aiohttp's
        if path := _OF_THE_API.search(response.url.path):
            verb, resource = request_of(response.method, path[0])
            listener.answered("watch" if "watch" in response.url.query else verb, resource, response.status)
        await look(response)

    async def continuous_watch(
        *,
        settings: kopf.OperatorSettings,
        resource: Any,  # noqa: ANN401 - kopf's
        namespace: Any,  # noqa: ANN401 - kopf's
        **options: Any,  # noqa: ANN401 - kopf's
    ) -> AsyncIterator[Any]:
        if resource.group == _GROUP:
            settings = replace(settings, watching=replace(settings.watching, chunk_size=OWN_PAGE))
        found = cast(
            "AsyncGenerator[Any]", original(settings=settings, resource=resource, namespace=namespace, **options)
        )
        present: set[tuple[str, str]] = set()
        listing = True
        count = 0
        try:
            async with aclosing(found) as events:
                async for event in events:
                    listener.heard(resource.plural, namespace)
                    if event is watching.Bookmark.LISTED:
                        listener.listed(resource.plural, namespace, present)
                        listing, present = False, set()
                        yield event
                    elif event["type"] == BOOKMARK:
                        yield event
                    else:
                        meta = trimmed(event["object"])["metadata"]
                        if listing:
                            present.add((meta.get("namespace", ""), meta["name"]))
                        _tell(listener, resource.plural, event)
                        count += 1
                        if count % AT_ONCE == 0:
                            await asyncio.sleep(0)
        except _FAILURES as error:
            what = f"{'list' if listing else 'watch'} of {resource.plural}{f' in {namespace}' if namespace else ''}"
            logger.warning("the %s begins anew: %s", what, _words(error))
            await asyncio.sleep(AGAIN)

    watching.continuous_watch, errors.check_response = continuous_watch, check_response
    try:
        yield
    finally:
        watching.continuous_watch, errors.check_response = original, look


def _tell(listener: Listener, resource: str, event: JSON) -> None:
    try:
        listener.brought(resource, event["type"], event["object"])
    except Exception:  # A defect in taking in one object must not end the watch of all others; it is logged.
        meta = event["object"].get("metadata", {})
        logger.exception("%s %s/%s could not be taken in", resource, meta.get("namespace", ""), meta.get("name"))


def _words(error: Exception) -> str:
    """What the API server said; of what is no answer of it only what it is no good as."""
    if isinstance(error, errors.APIError):
        return f"{error.status}: {error.message or 'it says no more'}"
    return str(error) if isinstance(error, watching.WatchingError | RuntimeError) else type(error).__name__
