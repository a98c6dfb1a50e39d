"""Conditions of a status: how one is made, which there are, and what they say to whoever waits for the object.

    Ready         always there once the operator saw the object
    Distributed   of a ClusterGitHubToken: whether each wanted namespace has the token, which says nothing of `Ready`
    NeedsHuman    True while a human must act, with the reason; also beside `Ready=True`: an object that works can need
                  somebody before it ceases to
    Stalled       True beside `NeedsHuman` where the object has also failed

kstatus, and with it helm and Flux, reads `Stalled` as *failed* before it looks at `Ready`, and ends a rollout. So it is
there only with `Ready=False`, and not while a code is shown that somebody has time to enter: that is *in progress*.
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import format_time

MESSAGE_LIMIT: Final = 1024
READY: Final = "Ready"
DISTRIBUTED: Final = "Distributed"
NEEDS_HUMAN: Final = "NeedsHuman"
STALLED: Final = "Stalled"


def conditions(
    before: JSON,
    ready: tuple[str, str, str],
    needs_human: tuple[str, str] | None,
    *,
    generation: int,
    now: datetime,
    distributed: tuple[str, str, str] | None = None,
) -> list[dict[str, Any]]:
    """All conditions. `ready` is status, reason and message; `needs_human` reason and message, while somebody must act.

    `distributed` is like `ready`, of a ClusterGitHubToken.

    `before` is the status so far: a condition keeps its transition time while its status stays.
    """
    return [
        _condition(before, kind, state, reason, message, generation=generation, now=now)
        for kind, state, reason, message in _shown(ready, needs_human, distributed)
    ]


def _shown(
    ready: tuple[str, str, str], needs_human: tuple[str, str] | None, distributed: tuple[str, str, str] | None
) -> Iterator[tuple[str, str, str, str]]:
    yield (READY, *ready)
    if distributed is not None:
        yield (DISTRIBUTED, *distributed)
    if needs_human is not None:
        reason, message = needs_human
        yield NEEDS_HUMAN, "True", reason, message
        if ready[0] == "False" and reason != reasons.AWAITING_AUTHORIZATION:
            yield STALLED, "True", reason, message


def _condition(
    before: JSON, kind: str, state: str, reason: str, message: str, *, generation: int, now: datetime
) -> dict[str, Any]:
    old = find_condition(before, kind)
    since = old["lastTransitionTime"] if old and old.get("status") == state else format_time(now)
    return {
        "type": kind,
        "status": state,
        "reason": reason,
        "message": message[:MESSAGE_LIMIT],
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }


def find_condition(status: JSON, kind: str) -> JSON | None:
    """The condition of that type, or None."""
    for item in status.get("conditions") or ():
        if item.get("type") == kind:
            found: JSON = item
            return found
    return None


def ready_of(status: JSON) -> tuple[str, str]:
    """Status and reason of the `Ready` condition, `("Unknown", "Pending")` before there is one."""
    ready = find_condition(status, READY)
    return (ready["status"], ready["reason"]) if ready else ("Unknown", reasons.PENDING)


def ready_in_words(status: JSON) -> str:
    """Reason and message of the `Ready` condition."""
    message = (find_condition(status, READY) or {}).get("message")
    return ready_of(status)[1] + (f": {message}" if message else "")


def is_decided(status: JSON, generation: int) -> bool:
    """Whether `Ready` speaks of this generation of the spec."""
    ready = find_condition(status, READY)
    return ready is not None and ready.get("observedGeneration") == generation


def needs_human(status: JSON) -> str | None:
    """The reason of the `NeedsHuman` condition, while there is one."""
    found = find_condition(status, NEEDS_HUMAN)
    return str(found["reason"]) if found else None
