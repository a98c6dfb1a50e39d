"""The operator with a hand on its disk and on its clock: `python launcher.py run …` is `githubtoken run …`.

The file that CHAOS_ORDERS names may hold one line, and is looked at anew each time:

    fsync 3 before     the process kills itself right before the third os.fsync from now on; `after`, `replace` likewise
    clock -3600        its clock is an hour behind from now on

From the first order on, each of those calls is appended to the file that CHAOS_STEPS names, with its monotonic time.
Everything else is the real program.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from githubtoken_operator import clock

ORDERS: Final = Path(os.environ["CHAOS_ORDERS"])
STEPS: Final = Path(os.environ["CHAOS_STEPS"])

counts: Counter[str] = Counter()
last_order = ""


def order() -> str:
    """The present order; a new one begins a new count."""
    global last_order  # noqa: PLW0603 - the program has one pair of hands.
    found = ORDERS.read_text().strip() if ORDERS.exists() else ""
    if found != last_order:
        last_order = found
        counts.clear()
    return found


def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, and death before or after it where that is the order."""

    def run(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - those of os.fsync or os.replace
        wanted = order()
        if not wanted:
            return call(*arguments, **options)
        counts[name] += 1
        step = f"{name} {counts[name]}"
        with STEPS.open("a") as steps:
            steps.write(f"{time.monotonic()} {step}\n")
        if wanted == f"{step} before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **options)
        if wanted == f"{step} after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return run


def step_of_clock() -> timedelta:
    """How far the clock is ahead."""
    word, _, seconds = order().partition(" ")
    return timedelta(seconds=float(seconds)) if word == "clock" else timedelta()


def utc_now() -> datetime:
    """In place of `clock.utc_now`."""
    return datetime.now(UTC) + step_of_clock()


def unix_now() -> float:
    """In place of `clock.unix_now`."""
    return time.time() + step_of_clock().total_seconds()


if __name__ == "__main__":
    os.fsync = counted("fsync", os.fsync)
    os.replace = counted("replace", os.replace)
    # Before anything imports the functions by their names.
    clock.utc_now = utc_now
    clock.unix_now = unix_now
    from githubtoken_operator.cli import main

    sys.argv[0] = "githubtoken"
    main()
