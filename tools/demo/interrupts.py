"""Ctrl-C, SIGTERM and a closed terminal end the demo in the same way: by one exception, once.

The first signal raises `Interrupted` in the main thread; later ones are ignored, because the clean-up that has begun
must not be cut short. While `held`, the signal waits: for steps that must not be left half done, such as the start of
a process, between its first moment and the note that it must be ended.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked the demo to end. No Exception, so that nothing takes it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number
        """What a shell gives a program that a signal ended."""


class Interrupts:
    """The demo's signal handlers; made once, in the main thread."""

    def __init__(self) -> None:
        self._holding = False
        self._ignoring = False
        self._came: int | None = None

    def install(self) -> None:
        """From now on signals raise `Interrupted`."""
        for number in SIGNALS:
            signal.signal(number, self._receive)

    def ignore(self) -> None:
        """The demo ends anyway: from now on signals do nothing."""
        self._ignoring = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps a signal back until the block is left, also by an error."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            if self._came is not None:
                raise Interrupted(self._came)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._came is not None or self._ignoring:
            return
        self._came = number
        if not self._holding:
            raise Interrupted(number)
        # To the file itself: the stream may be in the middle of a line.
        os.write(2, b"\nending when this step is done\n")
