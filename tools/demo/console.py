"""Where the demo speaks. Without a terminal, or with NO_COLOR, it writes plain text and no control characters."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TextIO

from demo import words


class Console:
    """Writes to one stream, each line at once."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._colour = out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._gap = True

    def step(self, text: str, style: str = "plain") -> None:
        """A line of what happens, with the time."""
        self._write(f"{words.clock(datetime.now(UTC))}  {self._styled(text, style)}")

    def line(self, text: str, style: str = "plain") -> None:
        """A line without the time."""
        self._write(self._styled(text, style))

    def heading(self, text: str) -> None:
        """A line that begins something, between two empty ones."""
        self.gap()
        self._write(self._styled(text, "strong"))
        self.gap()

    def block(self, text: str) -> None:
        """Indented lines, as they are, and an empty one."""
        self._write(words.indented(text))
        self.gap()

    def gap(self) -> None:
        """An empty line, unless the last one is empty."""
        if not self._gap:
            self._write("")
            self._gap = True

    def _styled(self, text: str, style: str) -> str:
        return words.styled(text, style, colour=self._colour)

    def _write(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()
        self._gap = False
