"""Whether each GitHub that an App names can be reached from here, and how far the clocks are apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from githubtoken_operator.adapters.network.reach import Reached
from githubtoken_operator.commands.terminal import ages
from githubtoken_operator.commands.terminal.checks import Check

APART: Final = timedelta(seconds=30)
"""A web token's `iat` is 60 s in the past, and its `exp` 60 s below what GitHub takes: half of it is left."""


def checks(reached: Sequence[Reached]) -> list[Check]:
    """Two lines for each GitHub that answered, one for each that did not."""
    return [check for each in reached for check in _of(each)]


def _of(reached: Reached) -> list[Check]:
    host = urlsplit(reached.url).netloc
    name = f"GitHub {host}"
    if reached.problem:
        how = "look at DNS, HTTPS_PROXY and `caBundle`; the operator's pod may have another way, and a NetworkPolicy"
        return [Check(name, "failed", f"cannot be reached from here ({reached.problem})", how)]
    if reached.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return [Check(name, "warning", f"answers {reached.status}", "look at its status page")]
    answers = Check(name, "ok", f"answers {reached.status} in {reached.seconds:.1f} s from here")
    return [answers, _clock(f"Clock against {host}", reached.ahead)]


def _clock(name: str, ahead: timedelta | None) -> Check:
    if ahead is None:
        return Check(name, "unknown", "its answer had no date")
    if abs(ahead) <= APART:
        return Check(name, "ok", f"{abs(ahead).total_seconds():.0f} s apart")
    way = "behind" if ahead > timedelta() else "ahead"
    says = f"this machine's clock is {ages.length(abs(ahead))} {way}"
    return Check(name, "warning", says, "set it by NTP, on nodes too")
