"""`python -m demo [--seconds N]`.

Exit codes: 0 when `--seconds` are over and all went well, 1 when it did not, 2 for a wrong flag, 128 and the signal's
number after Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from typing import Final

import httpx

from demo import tally, words
from demo.console import Console
from demo.interrupts import Interrupted, Interrupts
from demo.stage import stage
from demo.watching import apply_all, show_tokens, watch
from github_simulator.control_client import ControlFailedError
from github_simulator.process import SimulatorFailedError
from localcluster import LocalClusterError, locate_or_build
from localcluster.operator_process import OperatorDied

_DIGITS: Final = re.compile(r"[0-9]{1,9}")
_LONGEST: Final = 86_400

_BROKEN: Final = (LocalClusterError, SimulatorFailedError, ControlFailedError, OperatorDied, httpx.HTTPError)
"""What ends the demo early: something that it needs does not start, ends, or does not answer."""


def main(arguments: list[str] | None = None) -> int:
    """Runs the demo; returns the exit code."""
    flags = parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where the terminal knows no arrow, a question mark does.
        sys.stdout.reconfigure(errors="replace")
    console = Console(sys.stdout)
    interrupts = Interrupts()
    interrupts.install()
    try:
        return _run(console, interrupts, flags.seconds)
    except Interrupted as interrupted:
        console.gap()
        console.line("Ended. Nothing is left behind.")
        return interrupted.exit_code
    except BrokenPipeError:
        # Whoever read us has gone, as `| head` does; the interpreter's last flush must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except _BROKEN as error:
        console.gap()
        console.line(f"The demo failed: {error}", "bad")
        return 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m demo",
        description="Start a Kubernetes control plane, a GitHub simulator and the operator, and watch two tokens that "
        "live for about a minute being renewed. Ctrl-C ends it and leaves nothing behind.",
    )
    made.add_argument(
        "--seconds",
        type=seconds,
        metavar="N",
        help="end after N seconds of watching: with 0 if every token was rotated at least once and was valid at every "
        "look, else with 1; the first rotations come after about 40 seconds (default: until Ctrl-C)",
    )
    return made


def seconds(text: str) -> int:
    """Reads the flag. Raises ArgumentTypeError, of which argparse makes one line."""
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= _LONGEST:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of seconds from 1 to {_LONGEST}, such as 90, not {text!r}"
        )
    return int(text)


def _run(console: Console, interrupts: Interrupts, limit: int | None) -> int:
    binaries = locate_or_build(say=console.step)
    with stage(binaries, console, interrupts) as running:
        apply_all(running, console)
        tallies = watch(running, console, limit)
        show_tokens(running, console)
        spends = len(running.simulator.control.ledger().double_spends)
    found = tally.problems(tallies, spends)
    for number, line in enumerate(words.verdict(tallies, found)):
        console.line(line, "plain" if number else "bad" if found else "good")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
