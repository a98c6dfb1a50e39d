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
    """Writes the matrix anew. What random kills were found to do stays."""
    _write(path, _matrix(rows), _split(path)[1])


def write_kills(path: Path, text: str) -> None:
    """Writes the section on random kills anew. The matrix stays."""
    _write(path, _split(path)[0], f"## {RANDOM}\n\n{text}")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """In Markdown."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]) + "\n"


def _matrix(rows: Sequence[Row]) -> str:
    parts = [HEAD]
    for group, found in itertools.groupby(rows, key=lambda row: row.group):
        cells = [(row.cell, row.outcome, row.double_spends, row.replays, f"{row.seconds:.1f}") for row in found]
        parts.append(f"## {group}\n\n{table(COLUMNS, cells)}")
    return "\n".join(parts)


def _split(path: Path) -> tuple[str, str]:
    """The page up to the section on random kills, and that section."""
    before, heading, after = path.read_text().partition(f"## {RANDOM}\n")
    return before, heading + after


def _write(path: Path, matrix: str, kills: str) -> None:
    path.write_text("\n\n".join(part.strip() for part in (matrix, kills) if part.strip()) + "\n")
