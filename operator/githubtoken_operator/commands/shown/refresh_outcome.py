"""How far the operator has come with a refresh request: rules over the object at the request and the object now.

No clocks are compared: a failure counts as that of the request when the object's record of failures has changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.terminal import ages
from githubtoken_operator.commands.terminal.waiting import IDLE_FOR
from githubtoken_operator.domain.objects.specs.github_token import REFRESH_REQUESTED_AT

SUSPENDED: Final = "it is suspended and will be refreshed when `spec.suspend` is false"


@dataclass(frozen=True, slots=True)
class Requested:
    """A request: the object as the request left it, as it is now (None: deleted), and how long ago, in seconds."""

    before: Snapshot
    after: Snapshot | None
    waited: float
    now: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a request ended, and the words for it."""

    succeeded: bool
    text: str


def outcome(seen: Requested) -> Verdict | None:
    """How it ended, or None while it goes on."""
    if seen.after is None or seen.after.uid != seen.before.uid:
        return Verdict(succeeded=False, text="it was deleted meanwhile")
    return next((found for rule in _RULES if (found := rule(seen, seen.after))), None)


def standing(token: Snapshot) -> str:
    """What there is to say of a request that nobody has acted on when the time is over."""
    return f"the operator has not acted on the request (is it running?); Ready is {token.ready}, {token.told}"


_Rule = Callable[[Requested, Snapshot], Verdict | None]


def _handled(seen: Requested, after: Snapshot) -> Verdict | None:
    """The token and the echo are written at once, so one that is not ready then will not become so by waiting."""
    if after.status.get("lastHandledRefreshAt") != after.request(REFRESH_REQUESTED_AT):
        return None
    if after.ready != "True":
        return _failed(after)
    revision, expires = after.status.get("revision"), ages.shown(after.status.get("expirationTime"), seen.now)
    facts = [f"revision {revision}"] * bool(revision) + [f"expires {expires}"] * bool(expires)
    return Verdict(succeeded=True, text=", ".join(["refreshed", *facts]))


def _withdrawn(_seen: Requested, after: Snapshot) -> Verdict | None:
    if after.request(REFRESH_REQUESTED_AT):
        return None
    return Verdict(succeeded=False, text=f"somebody removed the annotation {REFRESH_REQUESTED_AT}")


def _suspended(_seen: Requested, after: Snapshot) -> Verdict | None:
    return Verdict(succeeded=False, text=SUSPENDED) if after.suspended else None


def _attempt_failed(seen: Requested, after: Snapshot) -> Verdict | None:
    return _failed(after) if after.failures not in {None, seen.before.failures} else None


def _cannot(seen: Requested, after: Snapshot) -> Verdict | None:
    """Where an input is missing there is no attempt that could fail."""
    return _failed(after) if after.human_task and seen.waited >= IDLE_FOR else None


_RULES: Final[Sequence[_Rule]] = (_withdrawn, _handled, _suspended, _attempt_failed, _cannot)


def _failed(token: Snapshot) -> Verdict:
    # While the old token is valid, Ready is True and only its message tells of the failure.
    return Verdict(succeeded=False, text=token.human_task or token.told)
