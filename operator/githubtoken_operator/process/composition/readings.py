"""What the parts tell of themselves when a page of metrics is scraped, in the scrape's thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.engine.cache.watched import TOKENS, Ref
from githubtoken_operator.engine.scheduling.scheduler import Scheduler
from githubtoken_operator.engine.scheduling.turns import Turns
from githubtoken_operator.watching.named_secrets import NamedSecrets

Whose = tuple[str, ...]
"""Namespace and name of a token; or host, namespace and name of an App, as metrics show them."""


def watch_parts(
    metrics: Metrics,
    *,
    scheduler: Scheduler[Ref],
    turns: Turns[Ref],
    named: NamedSecrets,
    orphans: Callable[[], int | None],
) -> None:
    """Has `metrics` ask them."""
    watch, host_label = metrics.process.watch, metrics.host_label
    watch("githubtoken_unlabelled_secrets", lambda: {"watch": named.watched, "look": named.looked_at})
    watch("githubtoken_scheduler_pending", lambda: scheduler.pending)
    watch("githubtoken_scheduler_overdue", lambda: scheduler.overdue)
    watch("githubtoken_scheduler_waiting", scheduler.causes)
    watch("githubtoken_orphaned_credentials", orphans)
    watch("githubtoken_waiting_seconds", lambda: waiting(turns))
    watch("githubtoken_lane_waiting", lambda: waited_for(turns, host_label))
    watch("githubtoken_unanswered_seconds", lambda: unanswered(turns, host_label))


def waiting(turns: Turns[Ref]) -> dict[Whose, float]:
    """For how many seconds each token waits for its turn at GitHub."""
    return {(key.namespace, key.name): seconds for key, _, seconds in turns.waiting() if key.kind in TOKENS}


def waited_for(turns: Turns[Ref], host_label: Callable[[str], str]) -> Counter[Whose]:
    """How many tokens wait for the turn of each App."""
    lanes = (lane for key, lane, _ in turns.waiting() if key.kind in TOKENS)
    return Counter((host_label(lane.host), *turns.owner(lane)) for lane in lanes)


def unanswered(turns: Turns[Ref], host_label: Callable[[str], str]) -> dict[Whose, float]:
    """For how many seconds GitHub does not answer an App, by its longest lane, or a whole host, which has no App."""
    found: dict[Whose, float] = {}
    for lane, seconds in turns.out():
        owner = turns.owner(lane)
        # An App whose name was forgotten has no series.
        if any(owner) or not lane.credential:
            app = host_label(lane.host), *owner
            found[app] = max(seconds, found.get(app, 0.0))
    return found
