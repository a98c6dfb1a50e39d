"""`githubtoken` as somebody with a kubeconfig runs it."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from click.testing import CliRunner

from githubtoken_operator.cli import cli

BIN: Final = Path(sys.executable).parent
"""Where `githubtoken` and `kubectl-githubtoken` are."""
LINE_WITHIN: Final = 60.0
"""Seconds until the next line of a command that waits must be there."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of a command that failed."""
        assert self.code == 1, self.out + self.err
        assert self.out == ""
        (line,) = self.err.splitlines()
        return line


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs the command with a kubeconfig; a namespace is given unless it is empty."""

    kubeconfig: Path
    namespace: str = ""

    def __call__(self, *arguments: str) -> Ended:
        """Runs it to its end, in this process: starting one takes longer than most commands."""
        return self.run_with_input(*arguments)

    def run_with_input(self, *arguments: str, given: str = "") -> Ended:
        """The same with a text on standard input."""
        environment = {"KUBECONFIG": str(self.kubeconfig)}
        ended = CliRunner().invoke(cli, self._placed(*arguments), env=environment, input=given)
        assert isinstance(ended.exception, SystemExit | None), ended.exception
        return Ended(ended.exit_code, ended.stdout, ended.stderr)

    def run(self, program: str, *arguments: str, **environment: str) -> Ended:
        """Runs a program with this kubeconfig to its end."""
        process = self.start(program, *arguments, **environment)
        try:
            out, err = process.communicate(timeout=LINE_WITHIN)
        finally:
            process.kill()
        return Ended(process.returncode, out, err)

    def start(self, program: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Starts a program with this kubeconfig."""
        return subprocess.Popen(
            [program, *self._placed(*arguments)],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "PYTHONUNBUFFERED": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _placed(self, *arguments: str) -> list[str]:
        return [*arguments, *(("-n", self.namespace) if self.namespace else ())]


@dataclass
class Login:
    """A running `githubtoken login`, whose lines are read as they come."""

    process: subprocess.Popen[str]
    out: queue.Queue[str] = field(default_factory=queue.Queue)
    err: queue.Queue[str] = field(default_factory=queue.Queue)
    readers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            assert stream is not None
            self.readers.append(threading.Thread(target=_copy, args=(stream, lines)))
            self.readers[-1].start()

    def line(self) -> str:
        """The next line of output."""
        return self.out.get(timeout=LINE_WITHIN)

    def code(self) -> str:
        """The code that is shown next, whose address and expiry follow it."""
        shown = [self.line() for _ in range(3)]
        assert [line[:10] for line in shown] == ["Code:     ", "Enter at: ", "Expires:  "]
        assert shown[2].startswith("Expires:  in ")
        return shown[0][10:]

    def end(self) -> tuple[int, str]:
        """The exit code, and the last line on standard error."""
        code, last = self.process.wait(LINE_WITHIN), ""
        self.join()
        while not self.err.empty():
            last = self.err.get()
        return code, last

    def stop(self) -> None:
        """Ends it if it has not ended."""
        self.process.kill()
        self.process.wait()
        self.join()

    def join(self) -> None:
        """Waits until everything is read of a process that has ended."""
        for reader in self.readers:
            reader.join()


def _copy(stream: IO[str], lines: queue.Queue[str]) -> None:
    with stream:
        for line in stream:
            lines.put(line.rstrip("\n"))
