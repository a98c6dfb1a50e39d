"""The operator with a hand on its disk: `python launcher.py run …` is `githubtoken run …`.

The file that CHAOS_ORDERS names may hold one line, and is looked at anew each time:

    fsync 3 before     the process kills itself right before the third os.fsync from now on; `after`, `replace` likewise

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
from pathlib import Path
from typing import Any, Final

from githubtoken_operator.cli import main

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


if __name__ == "__main__":
    os.fsync = counted("fsync", os.fsync)
    os.replace = counted("replace", os.replace)
    sys.argv[0] = "githubtoken"
    main()
