"""Processes that are started, watched and ended by their own id, and that never outlive the one that started them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from localcluster import guard
from localcluster.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Sequence

_TAIL_LINES = 15
_END_TIMEOUT_SECONDS = 10.0


class Guard:
    """The starter's side of `localcluster.guard`: what is reported here is gone when this process is."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            # Ctrl-C reaches all processes of the terminal's group; the guard has to outlast it.
            start_new_session=True,
        )

    def add_folder(self, folder: Path) -> None:
        """Remove this folder at the end."""
        self._report(f"folder {folder}")

    def add_process(self, pid: int) -> None:
        """Kill this child of ours at the end; reported before anybody waits for it."""
        self._report(f"process {pid}")

    def close(self) -> None:
        """End the guard, which does what is left to do; harmless when repeated."""
        if self._process.stdin is not None:
            # A signal for the whole group can end the guard before it is in a session of its own.
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait(_END_TIMEOUT_SECONDS)

    def _report(self, line: str) -> None:
        if self._process.stdin is None:
            raise ControlPlaneError("the guard process has no input")
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


class Process:
    """One running program, with its output in a file."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, guard: Guard) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for the starter, which ends its processes in order.
                start_new_session=True,
            )
        guard.add_process(self._process.pid)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def require_running(self) -> None:
        """ControlPlaneError with the end of the log when the process has ended."""
        exit_code = self._process.poll()
        if exit_code is not None:
            raise ControlPlaneError(f"{self.name} ended with exit code {exit_code}; the end of its log:\n{self.tail()}")

    def terminate(self, grace_seconds: float) -> None:
        """Ask the process to end, and kill it when it has not after the grace."""
        self._process.terminate()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once and wait for it; harmless when it has ended."""
        self._process.kill()
        self._process.wait(_END_TIMEOUT_SECONDS)

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
