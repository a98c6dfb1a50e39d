"""What the parts of a process show of themselves in its metrics."""

from __future__ import annotations

from collections.abc import Iterator

from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.adapters.metrics.process_metrics import ProcessMetrics, RunResult
from githubtoken_operator.adapters.metrics.waiting_metrics import Unanswered, Waiting
from githubtoken_operator.domain.runs.due import causes
from githubtoken_operator.engine.cache.watched import TOKENS, Ref
from githubtoken_operator.engine.scheduling.scheduler import Ran
from githubtoken_operator.engine.scheduling.turns import Turns


def waiting(turns: Turns[Ref], metrics: Metrics) -> Iterator[Waiting]:
    """Who waits for a turn at GitHub, as metrics show it."""
    for key, lane, seconds in turns.waiting():
        if key.kind in TOKENS:
            yield Waiting(key.namespace, key.name, seconds, metrics.host_label(lane.host), *turns.owner(lane))


def unanswered(turns: Turns[Ref], metrics: Metrics) -> Iterator[Unanswered]:
    """Whom GitHub does not answer, as metrics show it; an App whose name was forgotten has no series."""
    for lane, seconds in turns.out():
        namespace, app = turns.owner(lane)
        if namespace or app or not lane.credential:
            yield Unanswered(metrics.host_label(lane.host), namespace, app, seconds)


def count(metrics: ProcessMetrics, ran: Ran[Ref]) -> None:
    """Counts a run that ended."""
    following = ran.next.cause if ran.next else causes.EVENT
    result: RunResult = "crashed" if ran.crashed else "interrupted" if following in causes.INTERRUPTED else "done"
    metrics.ran(ran.key.kind.value[1], result, following, ran.seconds)
