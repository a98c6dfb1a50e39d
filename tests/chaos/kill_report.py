"""The table of the SIGKILLs at random moments."""

from __future__ import annotations

import platform
import textwrap
from typing import TYPE_CHECKING

from githubtoken_operator import __version__
from tests.chaos.books import Step
from tests.chaos.kill_rounds import BOTS, CALM_EVERY, ROTATING, USERS
from tests.chaos.report import table

if TYPE_CHECKING:
    from tests.chaos.kill_rounds import KillRounds, Tally


def kill_report(run: KillRounds, *, kubernetes: str) -> str:
    """The section's text."""
    kept, gone = run.kept, run.gone
    done = (
        f"{run.rounds} kills in {run.seconds / 60:.0f} minutes, seed {run.seed}; githubtoken-operator {__version__}, "
        f"Python {platform.python_version()}, Kubernetes {kubernetes}. {USERS} user tokens and {BOTS} installation "
        f"tokens were renewed all the time, {run.rotations} and {run.mints} times in all. A third of the processes was "
        "killed at a moment chosen evenly from the time until it would lead, the rest at one from the "
        f"{ROTATING:.1f} s that follow, and the next process began at once; after every {CALM_EVERY} kills one was let "
        "be until each consumer had a token that lives."
    )
    columns = (
        f"*Kept* are the {kept.kills} kills after which the next process found the journal, as in a restarted "
        f"container, *gone* the {gone.kills} after which it did not, as in another pod. Most kills find rotations in "
        "several steps."
    )
    head = ("Found", "Kept: kills", "rotations", "sign-ins lost", "Gone: kills", "rotations", "sign-ins lost")
    rows = [(step, *_numbers(kept, step), *_numbers(gone, step)) for step in Step]
    texts = [textwrap.fill(text, 120, break_on_hyphens=False) for text in (done, columns)]
    return "\n\n".join([*texts, table(head, rows).strip(), table(("In all", "Number"), _verdict(run))])


def _numbers(tally: Tally, step: Step) -> tuple[int, int | str, int]:
    return tally.struck[step], "" if step is Step.START else tally.caught[step], tally.lost[step]


def _verdict(run: KillRounds) -> list[tuple[str, object]]:
    return [
        ("failures: above all, a sign-in lost although GitHub's answer was kept or could have been", len(run.failures)),
        ("double spends: a refresh token sent again although the answer had come", run.double_spends),
        ("sign-ins lost with an answer that was on its way", sum((run.kept.lost + run.gone.lost).values())),
        ("seconds that the oldest of their requests was under way", f"{run.oldest:.2f}"),
        ("of these sign-ins, said by `ReauthorizationRequired`, and signed in anew", run.reported),
        (
            "replays: a lost one's refresh token sent again, once by each process until one stored the refusal",
            run.replays,
        ),
    ]
