"""A program whose processes all carry a mark in their environment: what it says, and what of it is left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

MARK: Final = "MARKED_RUN"


class MarkedRun:
    """A running program, with a temporary folder of its own; `goes_on`: seconds after which `end` fails."""

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        *,
        goes_on: float,
        environment: Mapping[str, str],
        cwd: Path | None = None,
        start_new_session: bool = False,
    ) -> None:
        self.folder = folder
        self._goes_on = goes_on
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**environment, "TMPDIR": str(folder), MARK: str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=start_new_session,
        )

    def read_until(self, text: str) -> str:
        """Reads up to the line that has the text; the end of the output is a failure."""
        lines: list[str] = []
        for line in self._output():
            lines.append(line)
            if text in line:
                return "".join(lines)
        raise AssertionError(f"{text!r} never came:\n{''.join(lines)}")

    def end(self) -> tuple[int, str]:
        """The exit code and the rest of what it says."""
        rest, _ = self.process.communicate(timeout=self._goes_on)
        return self.process.returncode, rest

    def survivors(self) -> list[str]:
        """Processes that were started by it and are still there."""
        found = []
        for process in psutil.process_iter(["environ", "cmdline"]):
            # None where the process ended meanwhile or is another user's.
            environment = process.info["environ"] or {}
            if environment.get(MARK) == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.info["cmdline"] or ()))
        return found

    def _output(self) -> Iterator[str]:
        assert self.process.stdout is not None
        return iter(self.process.stdout.readline, "")
