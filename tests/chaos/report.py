"""The fault matrix as a page of the documentation. A run replaces the sections that it made, and no others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.chaos.stage import Row

HEAD: Final = """# The fault matrix

What becomes of a user token when something breaks in the middle of its rotation. Every cell runs the operator as a
process of its own, with its Lease, against a real API server and the simulator of GitHub, through a proxy on each side.
Made by:

    make chaos
    make chaos ROUNDS=1000      # the last section alone

A cell ends with `grant alive`: the sign-in lives, and the consumer's Secret holds the token that GitHub takes. Where
GitHub's answer existed nowhere but on the wire or in the killed process, it ends with `ReauthorizationRequired`, or,
with `user.deviceFlow`, in another code (`AwaitingAuthorization`), and one event; the run fails where that takes more
than 10 s. *Double spends* are refresh tokens sent again although the answer was there, *replays* those sent again
because it was lost, on the wire or with the process that had it. *Seconds* count from the fault, where the operator
lives on, else from the fault's end or the restart (the start of the process included), on the machine that made this
page; in the tenants' cells they are how late the latest renewal of the other tenant was. The Lease of a process that
was killed is ended by hand, since no cell but those of the replicas is about the wait for it.
"""
COLUMNS: Final = ("Cell", "Outcome", "Double spends", "Replays", "Seconds")
RANDOM: Final = "SIGKILL at a random moment"
"""The section that comes last."""


def write_report(path: Path, rows: Sequence[Row]) -> None:
    """Writes the sections of these rows anew."""
    groups = itertools.groupby(sorted(rows, key=lambda row: _first(rows, row.group)), key=lambda row: row.group)
    _replace(path, {group: table(COLUMNS, [_cells(row) for row in found]) for group, found in groups})


def write_kills(path: Path, text: str) -> None:
    """Writes the section on random kills anew."""
    _replace(path, {RANDOM: text})


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """In Markdown."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]) + "\n"


def _first(rows: Sequence[Row], group: str) -> int:
    return next(number for number, row in enumerate(rows) if row.group == group)


def _cells(row: Row) -> tuple[object, ...]:
    return row.cell, row.outcome, row.double_spends, row.replays, f"{row.seconds:.1f}"


def _replace(path: Path, new: dict[str, str]) -> None:
    """Sections keep their places; those that are new come behind the others, random kills last."""
    parts = [part.partition("\n") for part in path.read_text().split("\n## ")[1:]]
    sections = {heading: text for heading, _, text in parts} | new
    last = {RANDOM: sections.pop(RANDOM)} if RANDOM in sections else {}
    texts = [f"## {heading}\n\n{text.strip()}" for heading, text in (sections | last).items()]
    path.write_text("\n\n".join([HEAD.strip(), *texts]) + "\n")
