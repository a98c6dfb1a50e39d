"""Signs of life of kopf's watches: each object that a list or a watch brings, the end of a list, and each bookmark.

And their requests, which go over a client of kopf's own.

kopf tells handlers of objects alone. Where nothing changes an API server sends a bookmark once a minute, so a watch
that is silent for longer is cut, and only who counts bookmarks sees the difference. What is wrapped is kopf's own
generator of events, and its look at each answer, which are no part of its API: `tests/unit/watching/test_watches.py`
holds what is relied on.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Final, cast

from kopf._cogs.clients import errors, watching

from githubtoken_operator.adapters.kubernetes.api import request_of
from githubtoken_operator.domain.objects.secrets import trimmed

_OF_THE_API: Final = re.compile(r"/apis?/.*")
"""The path below whatever a kubeconfig's server has in front of it."""


@contextmanager
def listening(
    heard: Callable[[str, str | None], None], answered: Callable[[str, str, int], None] = lambda *_: None
) -> Iterator[None]:
    """Meanwhile `heard` is called with the resource's plural, and the namespace that is watched or None for all.

    And `answered` with verb, resource and status of each answer to a list or a watch. What comes is trimmed before kopf
    keeps it.
    """
    original, look = watching.continuous_watch, errors.check_response

    async def check_response(response: Any) -> None:  # noqa: ANN401 - aiohttp's
        if path := _OF_THE_API.search(response.url.path):
            verb, resource = request_of(response.method, path[0])
            answered("watch" if "watch" in response.url.query else verb, resource, response.status)
        await look(response)

    async def continuous_watch(*, resource: Any, namespace: Any, **options: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - kopf's
        found = cast("AsyncGenerator[Any]", original(resource=resource, namespace=namespace, **options))
        async with aclosing(found) as events:
            async for event in events:
                heard(resource.plural, namespace)
                if isinstance(event, dict):
                    trimmed(event["object"])
                yield event

    watching.continuous_watch, errors.check_response = continuous_watch, check_response
    try:
        yield
    finally:
        watching.continuous_watch, errors.check_response = original, look
