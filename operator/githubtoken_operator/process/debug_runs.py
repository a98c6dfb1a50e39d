"""What is in the scheduler's places, what waits, and for what: the answer of `/debug/runs`.

Names only, and no more than so many: whoever reaches the health port sees them.
"""

from __future__ import annotations

from typing import Any, Final

from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.engine.scheduling.scheduler import Scheduler

MOST_WAITING: Final = 100
"""The next ones of those that wait; at 10,000 objects a page with all of them would take a second to make."""


def shown(scheduler: Scheduler[Ref], places: int) -> dict[str, Any]:
    """Seconds, rounded to tenths. Who waits for less than none waits for a place. May be asked from another thread."""
    return {
        "places": places,
        "running": [{"object": str(key), "seconds": round(seconds, 1)} for key, seconds in scheduler.running()],
        "waiting": [
            {"object": str(key), "in_seconds": round(seconds, 1), "next": cause}
            for key, seconds, cause in scheduler.waiting(MOST_WAITING)
        ],
        "waiting_in_all": dict(sorted(scheduler.causes().items())),
    }
