"""How a wait goes on, on standard error: one line, rewritten on a terminal, else written when it says something new."""

from __future__ import annotations

import shutil
import sys
from typing import Final

import click

from githubtoken_operator.commands.terminal.layout import printable

_REWRITE: Final = "\r\x1b[2K"


class Progress:
    """The line; it is wiped before anything else is written."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = ""

    def show(self, text: str, *, seconds: float) -> None:
        """Says what is waited for, and on a terminal for how many seconds."""
        if self._terminal:
            # Cut to the width, because a line that wraps cannot be rewritten.
            line = f"{printable(text)} ({seconds:.0f}s)"[: shutil.get_terminal_size().columns - 1]
            click.echo(_REWRITE + line, err=True, nl=False)
        elif text != self._last:
            click.echo(printable(text), err=True)
        self._last = text

    def wipe(self) -> None:
        """Takes the line away."""
        if self._terminal and self._last:
            click.echo(_REWRITE, err=True, nl=False)
            self._last = ""
