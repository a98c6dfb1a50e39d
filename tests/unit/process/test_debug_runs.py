"""What `/debug/runs` says of a scheduler."""

from __future__ import annotations

import json

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.engine.scheduling.due_queue import Next
from githubtoken_operator.engine.scheduling.scheduler import Scheduler
from githubtoken_operator.process import debug_runs as places
from githubtoken_operator.process.debug_runs import MOST_WAITING


async def nothing(_key: Ref) -> Next | None:
    return None


def token(number: int) -> Ref:
    return Ref(Kind.TOKEN, "team", f"token-{number}")


def test_who_waits_is_told_with_when_and_for_what_and_not_more_than_so_many() -> None:
    scheduler = Scheduler(nothing, concurrency=16, now=lambda: 100.0)
    for number in range(MOST_WAITING + 50):
        scheduler.add(token(number), Next(90.25 + number, 1000, "renewal"))
    scheduler.wake(Ref(Kind.APP, "team", "acme"), delay=1000)
    shown = json.loads(json.dumps(places.shown(scheduler, 16)))
    assert (shown["places"], shown["running"]) == (16, [])
    assert len(shown["waiting"]) == MOST_WAITING
    assert shown["waiting"][0] == {"object": "GitHubToken team/token-0", "in_seconds": -9.8, "next": "renewal"}
    assert shown["waiting_in_all"] == {"event": 1, "renewal": MOST_WAITING + 50}
