"""One thing that was looked at: how it is, in a sentence, and what to do about it. `status` and `doctor` show these.

ok         as it should be
warning    works, and somebody should know
failed     does not work
unknown    could not be seen, mostly for want of a right
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, Literal, TypeVar

from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden
from githubtoken_operator.commands.terminal import layout

State = Literal["ok", "warning", "failed", "unknown"]

WORST_FIRST: Final[Sequence[State]] = ("failed", "warning", "unknown", "ok")
MOST: Final = 20
"""Lines of one kind that are shown; what is beyond is counted."""

T = TypeVar("T")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Check:
    """`name` says what was looked at; `advice` is empty where nothing is to be done."""

    name: str
    state: State
    says: str
    advice: str = ""

    @property
    def sentence(self) -> str:
        """What was found, and what to do."""
        return f"{self.says.removesuffix('.')}: {self.advice}" if self.advice else self.says

    @property
    def as_json(self) -> dict[str, Any]:
        """For `-o json`."""
        found = {"name": self.name, "state": self.state, "message": self.says}
        return found | ({"advice": self.advice} if self.advice else {})


@dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """What was there: None where it is not, the error where it cannot be seen."""

    found: T | ApiError | None

    @property
    def seen(self) -> T | None:
        """What is there, as far as the caller may see it."""
        return None if isinstance(self.found, ApiError) else self.found


Rule = Callable[[C], Check | None]
"""Of several the first that says something counts."""


def first(rules: Iterable[Rule[C]], about: C) -> Check | None:
    """What the first rule that applies says."""
    return next((check for rule in rules if (check := rule(about)) is not None), None)


async def look(reading: Awaitable[T | None]) -> Look[T]:
    """Reads; a refusal is a state. Of a kind that the API server does not know nothing is there."""
    try:
        return Look(await reading)
    except ApiError as error:
        return Look(None if error.status == HTTPStatus.NOT_FOUND else error)


async def together(asked: Iterable[Awaitable[T]]) -> list[T]:
    """What each of them gave. Raises the first error, but once all have ended: none is left behind on a connection."""
    found = await asyncio.gather(*asked, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return [each for each in found if not isinstance(each, BaseException)]


def items(seen: Look[Sequence[T]]) -> Sequence[T]:
    """What a list has; nothing where it could not be read."""
    return seen.seen or ()


def worst(checks: Iterable[Check]) -> State:
    """The state that matters most."""
    return min((check.state for check in checks), key=WORST_FIRST.index, default="ok")


def unseen(name: str, error: ApiError) -> Check:
    """The line for what could not be read."""
    if isinstance(error, Forbidden):
        return Check(name, "unknown", f"not readable for you ({error.message})")
    return Check(name, "unknown", f"could not be read ({error.message})")


def nothing_found(name: str, seen: Look[Sequence[T]], fine: str) -> Check | None:
    """The line for what could not be read, and for a list with nothing in it, which is as it should be."""
    if isinstance(seen.found, ApiError):
        return unseen(name, seen.found)
    return None if seen.found else Check(name, "ok", fine)


def cut(checks: Sequence[Check], what: str) -> list[Check]:
    """The first of them, and how many more there are of the same kind."""
    rest = checks[MOST:]
    if not rest:
        return list(checks)
    return [*checks[:MOST], Check(what, worst(rest), f"and {len(rest)} more")]


def as_table(checks: Sequence[Check]) -> str:
    """One line each."""
    return layout.table(("STATE", "CHECK", "MESSAGE"), [(it.state, it.name, it.sentence) for it in checks])
