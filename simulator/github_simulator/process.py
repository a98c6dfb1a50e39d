"""The simulator as a process of its own: for everything that is proven against GitHub from outside.

The child says its addresses in one line of JSON on stdout, and ends when its stdin closes: when this process closes
it, or dies.

    SimulatorFailedError    the process did not start
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Self

from github_simulator.control_client import Control
from github_simulator.server import Addresses

_STOP_SECONDS = 10.0


class SimulatorFailedError(Exception):
    """The simulator did not start; its own words are on stderr."""


class SimulatorProcess:
    """A running simulator; use it as a context manager.

    Args:
        arguments: Further arguments of `python -m github_simulator`, such as `--ghes`, `--tls`, `--combined`.

    Attributes:
        addresses: `api_url`, `web_url`, `control_url` and `ca` (PEM, with TLS).
        control: A client of its control API.
    """

    addresses: Addresses
    control: Control

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None

    @property
    def api_url(self) -> str:
        """The REST API's address, without a trailing slash."""
        return self.addresses.api_url

    @property
    def web_url(self) -> str:
        """The web host's address, without a trailing slash."""
        return self.addresses.web_url

    @property
    def ca(self) -> str | None:
        """The PEM of the CA behind the listeners' certificate; None without TLS."""
        return self.addresses.ca

    @property
    def pid(self) -> int:
        """The process id."""
        if self._process is None:
            raise SimulatorFailedError("the simulator must be started first")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it listens. Raises `SimulatorFailedError`: it ended before that."""
        command = [sys.executable, "-m", "github_simulator", "--json", "--until-stdin-closes", *self._arguments]
        # The program is this package itself, run by this interpreter.
        self._process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the starter, which ends the simulator in order.
            start_new_session=True,
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self._end()
            raise SimulatorFailedError("the simulator ended before it listened")
        self.addresses = Addresses(**json.loads(line))
        self.control = Control(self.addresses.control_url)

    def stop(self) -> None:
        """End the process and wait for it."""
        if self._process is not None:
            self.control.close()
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with process:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
