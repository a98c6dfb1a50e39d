"""`githubtoken` as somebody with a kubeconfig runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BIN: Final = Path(sys.executable).parent
"""Where `githubtoken` and `kubectl-githubtoken` are."""


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
        """Runs it to its end."""
        return self.run(str(BIN / "githubtoken"), *arguments)

    def run(self, program: str, *arguments: str, **environment: str) -> Ended:
        """Runs a program with this kubeconfig to its end."""
        process = self.start(program, *arguments, environment=environment)
        try:
            out, err = process.communicate(timeout=180)
        finally:
            process.kill()
        assert "Traceback" not in err
        return Ended(process.returncode, out, err)

    def start(
        self, program: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Starts a program with this kubeconfig."""
        return subprocess.Popen(
            [program, *arguments, *(("-n", self.namespace) if self.namespace else ())],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
