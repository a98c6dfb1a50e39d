"""A small process that cleans up after a starter that can no longer do it itself, for instance because it was killed.

It reads from its standard input, one line each: `process <pid>` and `folder <path>`. When the input ends, which it does
in whatever way the starter ends, it kills those processes, waits for them and removes the folders. It is run as a
script by `python -I -S`, so it imports nothing but the standard library.

A process is held by a file descriptor from the moment that it is reported, while the starter has not yet waited for it:
a number that the kernel gave to another process later is never killed. After an orderly end nothing is left to do.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys

_KILL_TIMEOUT_MILLISECONDS = 10_000


def main() -> None:
    """Read until the starter is gone, then clean up."""
    # Only the end of the input ends the guard.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    processes: list[int] = []
    folders: list[str] = []
    for line in sys.stdin:
        kind, _, value = line.rstrip("\n").partition(" ")
        if kind == "folder":
            folders.append(value)
        else:
            with contextlib.suppress(ProcessLookupError):
                processes.append(os.pidfd_open(int(value)))
    for process in reversed(processes):
        _kill(process)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    ended = select.poll()
    ended.register(process, select.POLLIN)
    ended.poll(_KILL_TIMEOUT_MILLISECONDS)


if __name__ == "__main__":
    main()
