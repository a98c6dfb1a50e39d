"""kopf, embedded: all that it is told, and what it leaves behind.

It lists and watches, and what it brings is taken from it there (`watches`). There are no handlers of changes, timers,
daemons, indexes or peering: each of them writes to users' objects or keeps a task per object. kopf ends when the
hand-over has: it ends tasks that it does not know, and the runs are such tasks.

Its own tasks leave tracebacks in the log where the end cuts them off, which speak of no defect: tasks and generators
that nobody waits for, such as the look at which resources there are. The event loop complains of each when it is
collected. Once the process is asked to end, these complaints are for debugging; whatever is not kopf's is complained of
as ever.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import kopf

from githubtoken_operator.adapters.kubernetes.access.access import Access
from githubtoken_operator.adapters.kubernetes.api import LARGE_PAGE
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import ROLE
from githubtoken_operator.engine.cache.watched import served
from githubtoken_operator.watching import connection
from githubtoken_operator.watching.watches import Listener, listening

SILENCE: Final = 70.0
"""Seconds without an event or a bookmark, of which one comes each minute, after which a watch is begun anew."""

_KOPF: Final = Path(kopf.__file__).parent

ENDS_WITHIN: Final = 15.0
"""Seconds from the hand-over until kopf has ended; as a rule it takes one."""

logger = logging.getLogger(__name__)


class WatchesHang(Exception):
    """kopf waits for a watch of its own that does not end; the message is one clear line."""


async def watch(
    listener: Listener,
    namespaces: Sequence[str],
    *,
    access: Access,
    end: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
    ready: asyncio.Event,
) -> None:
    """Has kopf tell `listener` what is in `namespaces`, or everywhere, until `stop` is set; it waits for `end` then.

    Once `ready` is set, kopf has put its signal handlers in the place of ours. Raises `WatchesHang` where kopf does not
    end: a process without watches that goes on would be no replica, and look like one.
    """
    loop, left = asyncio.get_running_loop(), False

    def leave() -> None:
        nonlocal left
        left = True
        operator.cancel()

    async def ended() -> None:
        await end()
        loop.call_later(ENDS_WITHIN, leave)

    with listening(listener):
        running = kopf.operator(
            registry=registry(served(clusterwide=not namespaces), access=access, end=ended),
            settings=settings(),
            clusterwide=not namespaces,
            namespaces=namespaces,
            stop_flag=stop,
            ready_flag=ready,
        )
        operator = asyncio.create_task(running, name="kopf")
        try:
            await operator
        except asyncio.CancelledError:
            if left:
                raise WatchesHang(f"the watches did not end within {ENDS_WITHIN:g} s, and were left") from None
            raise


class Backoffs:
    """Seconds between attempts to reach the API server: 1, 1, 2, 3, 5 … 15, then 15 for half an hour.

    Once they are used up, the list or the watch begins anew (`watches`).
    """

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((1, 1, 2, 3, 5, 8, 13), itertools.repeat(15.0, 120))


def settings() -> kopf.OperatorSettings:
    """Settings of kopf that keep it small and patient; the reasons are measured ones."""
    chosen = kopf.OperatorSettings()
    chosen.peering.standalone = True
    # No watch of CRDs and namespaces; whether ours are there is checked at the start.
    chosen.scanning.disabled = True
    # Tenants may fill Secrets with a megabyte each: 200 of them in one answer would be all of the memory.
    chosen.watching.chunk_size = LARGE_PAGE
    chosen.watching.server_timeout = 600
    # A connection that a load balancer forgot stays open for ever.
    chosen.watching.inactivity_timeout = SILENCE
    chosen.watching.connect_timeout = 30
    chosen.watching.reconnect_backoff = 1.0
    # One server-side selector for all roles: foreign Secrets never reach us.
    chosen.watching.label_selectors["secrets"] = ROLE
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 10
    chosen.networking.error_backoffs = Backoffs()
    chosen.posting.enabled = False
    return chosen


def registry(kinds: Iterable[Kind], *, access: Access, end: Callable[[], Awaitable[None]]) -> kopf.OperatorRegistry:
    """What kopf is to watch; it waits for `end` before it ends."""
    handlers = kopf.OperatorRegistry()

    sign_in = connection.Login(access)

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> connection.TrimmingSession:
        return await sign_in()

    def watched_elsewhere(**_: Any) -> None:
        """Is never called: kopf watches what has a handler, and what comes is taken before it gets here."""

    for kind in kinds:
        group, _, version = kind.api_version.rpartition("/")
        kopf.on.event(group, version, kind.plural, registry=handlers)(watched_elsewhere)

    @kopf.on.cleanup(registry=handlers)
    async def finish(**_: Any) -> None:
        await end()

    return handlers


def pass_over_leftovers(stop: asyncio.Event) -> None:
    """Makes the running loop pass over what kopf leaves once `stop` is set."""

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if stop.is_set() and _is_kopfs(context):
            logger.debug("kopf was cut off: %s", context["message"])
        else:
            loop.default_exception_handler(context)

    asyncio.get_running_loop().set_exception_handler(handle)


def _is_kopfs(context: dict[str, Any]) -> bool:
    """Whether the task or the asynchronous generator that is complained of is one of kopf's functions."""
    task = context.get("task") or context.get("future")
    code = getattr(context.get("asyncgen"), "ag_code", None)
    if isinstance(task, asyncio.Task):
        code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and _KOPF in Path(code.co_filename).parents
