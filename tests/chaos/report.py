"""The fault matrix as a page of the documentation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.chaos.stage import Row

HEAD: Final = """# The fault matrix

What becomes of a user token when something breaks in the middle of its rotation. Every cell runs the operator as a
process of its own against a real API server and the simulator of GitHub, through a proxy on each side. Made by:

    make chaos

A cell ends with `grant alive`: the sign-in lives, and the consumer's Secret holds the token that GitHub takes. Where
GitHub's answer existed nowhere but on the wire or in the killed process, it ends with `ReauthorizationRequired`, or,
with `user.deviceFlow`, in another code (`AwaitingAuthorization`), and one event; the run fails where that takes more
than 10 s. *Double spends* are refresh tokens sent again although the answer was there, *replays* those sent again
because it was lost, on the wire or with the process that had it. *Seconds* count from the fault, where the operator
lives on, else from the fault's end or the restart (the start of the process included), on the machine that made this
page.
"""
COLUMNS: Final = ("Cell", "Outcome", "Double spends", "Replays", "Seconds")


def write_report(path: Path, rows: Sequence[Row]) -> None:
    """Writes the page anew."""
    parts = [HEAD]
    for group, found in itertools.groupby(rows, key=lambda row: row.group):
        parts.append(f"\n## {group}\n\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n")
        parts += [
            f"| {row.cell} | {row.outcome} | {row.double_spends} | {row.replays} | {row.seconds:.1f} |\n"
            for row in found
        ]
    path.write_text("".join(parts))
