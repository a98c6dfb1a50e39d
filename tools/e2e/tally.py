"""Pure: what the lines of consumers mean, and whether what the operator promises was kept.

A call is *invalid* when GitHub refused the token. An installation token is never refused: its predecessor lives on
while the file follows. A user token's predecessor dies when GitHub gives its successor, so its consumers may be refused
from then until the file has followed, and at no other time: never because a token died of age.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_NO_ANSWER: Final = 0
_OK: Final = 200
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class Call:
    """A request with the token of the file, from before that was read until the answer; `status` is 0 without one."""

    at: float
    sha256: str
    status: int
    until: float


@dataclass(frozen=True, slots=True)
class Sight:
    """The moment in which a token was first seen in the file."""

    at: float
    sha256: str


@dataclass(frozen=True, slots=True)
class Diary:
    """What one consumer wrote."""

    calls: tuple[Call, ...]
    sights: tuple[Sight, ...]


@dataclass(frozen=True, slots=True)
class Life:
    """What GitHub knows of a token: when it came, when it would end by itself, and when it was ended before that."""

    created: float
    expires: float
    revoked: float | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A row of the result.

    Attributes:
        kind: `installation` or `user`.
        propagation: `Kubelet` or `Immediate`.
        rotations: how often GitHub gave another token.
        calls: of all consumers of this token.
        invalid: calls that GitHub refused.
        of_age: those among them whose token had not been ended by a successor, in words.
        unanswered: calls without an answer, which say nothing of the token.
        odd: calls with an answer that is neither.
        seconds: from GitHub's answer until the token was in a consumer's file; one for each consumer and token.
        namespaces: in how many its consumers are.
    """

    kind: str
    propagation: str
    rotations: int
    calls: int
    invalid: int
    of_age: tuple[str, ...]
    unanswered: int
    odd: int
    seconds: tuple[float, ...]
    namespaces: int = 1

    @property
    def token(self) -> str:
        """The kind in words, with the namespaces of one that is shared."""
        return self.kind if self.namespaces == 1 else f"{self.kind}, {self.namespaces} namespaces"

    @property
    def name(self) -> str:
        """The cell in words."""
        return f"{self.token}, {self.propagation}"


def read_diary(log: str) -> Diary:
    """Reads a consumer's log."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return Diary(
        calls=tuple(Call(**line) for line in lines if "status" in line),
        sights=tuple(Sight(**line) for line in lines if "status" not in line),
    )


def tokens_of(diaries: Iterable[Diary]) -> set[str]:
    """The SHA-256 of every token that consumers held."""
    found: set[str] = set()
    for diary in diaries:
        found |= {call.sha256 for call in diary.calls} | {sight.sha256 for sight in diary.sights}
    return found


def cell(
    kind: str,
    propagation: str,
    *,
    diaries: Sequence[Diary],
    lives: Mapping[str, Life],
    rotations: int,
    namespaces: int = 1,
) -> Cell:
    """What the diaries of all consumers of one GitHubToken come to; `lives` has every token that they held."""
    calls = [call for diary in diaries for call in diary.calls]
    refused = [call for call in calls if call.status == _UNAUTHORIZED]
    return Cell(
        kind=kind,
        propagation=propagation,
        rotations=rotations,
        calls=len(calls),
        invalid=len(refused),
        of_age=tuple(
            _told(call, lives[call.sha256]) for call in refused if not _was_succeeded(call, lives[call.sha256])
        ),
        unanswered=sum(call.status == _NO_ANSWER for call in calls),
        odd=sum(call.status not in {_OK, _UNAUTHORIZED, _NO_ANSWER} for call in calls),
        # The first token was there before the pod.
        seconds=tuple(sight.at - lives[sight.sha256].created for diary in diaries for sight in diary.sights[1:]),
        namespaces=namespaces,
    )


def _was_succeeded(call: Call, life: Life) -> bool:
    """Whether GitHub ended the token for a successor, before it would have ended by itself and before the answer."""
    return life.revoked is not None and life.revoked < life.expires and life.revoked <= call.until


def _told(call: Call, life: Life) -> str:
    """A refused call and the life of its token, in seconds of that life."""
    since = life.created
    ended = "never ended" if life.revoked is None else f"ended at {life.revoked - since:.2f}"
    called = f"{call.at - since:.2f} to {call.until - since:.2f}"
    return f"token {call.sha256[:8]}, used from {called}, {ended}, would expire at {life.expires - since:.2f}"


def spread(seconds: Sequence[float]) -> tuple[float, float, float] | None:
    """The least, the median and the most; None of nothing."""
    return (min(seconds), statistics.median(seconds), max(seconds)) if seconds else None


def problems(cells: Iterable[Cell], *, double_spends: int) -> list[str]:
    """Which promises were broken, one sentence each; empty where none was."""
    found: list[str] = []
    for each in cells:
        if each.calls == each.unanswered:
            found.append(f"{each.name}: no consumer was ever answered")
        if each.rotations == 0:
            found.append(f"{each.name}: the token was never renewed")
        if not each.seconds:
            found.append(f"{each.name}: no consumer saw another token")
        if each.odd:
            found.append(f"{each.name}: {each.odd} calls were answered neither by 200 nor by 401")
        if each.kind == "installation" and each.invalid:
            found.append(f"{each.name}: a consumer held a dead token ({each.invalid} of {each.calls} calls)")
        if each.of_age:
            found.append(
                f"{each.name}: {len(each.of_age)} calls with a token that had died of age: {'; '.join(each.of_age)}"
            )
    if double_spends:
        found.append(f"GitHub was sent a spent refresh token (double spends: {double_spends})")
    return found
