"""Signs of life of kopf's watches: each object that a list or a watch brings, the end of a list, and each bookmark.

kopf tells handlers of objects alone. Where nothing changes an API server sends a bookmark once a minute, so a watch
that is silent for longer is cut, and only who counts bookmarks sees the difference. What is wrapped is kopf's own
generator of events, which is no part of its API: `tests/unit/watching/test_watches.py` holds what is relied on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, cast

from kopf._cogs.clients import watching

from githubtoken_operator.domain.objects.secrets import trimmed


@contextmanager
def listening(heard: Callable[[str, str | None], None]) -> Iterator[None]:
    """Meanwhile `heard` is called with the resource's plural, and the namespace that is watched or None for all.

    What comes is trimmed before kopf keeps it.
    """
    original = watching.continuous_watch

    async def continuous_watch(*, resource: Any, namespace: Any, **options: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - kopf's
        found = cast("AsyncGenerator[Any]", original(resource=resource, namespace=namespace, **options))
        async with aclosing(found) as events:
            async for event in events:
                heard(resource.plural, namespace)
                if isinstance(event, dict):
                    trimmed(event["object"])
                yield event

    watching.continuous_watch = continuous_watch
    try:
        yield
    finally:
        watching.continuous_watch = original
