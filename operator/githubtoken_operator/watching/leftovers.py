"""What kopf's own tasks leave behind where the end cuts them off: tracebacks in the log that speak of no defect.

kopf begins tasks and generators that nobody waits for, such as the look at which resources there are. The event loop
complains of each when it is collected. Once the process is asked to end, these complaints are for debugging; whatever
is not kopf's is complained of as ever.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, Final

import kopf

_KOPF: Final = Path(kopf.__file__).parent

logger = logging.getLogger(__name__)


def pass_over(stop: asyncio.Event) -> None:
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
