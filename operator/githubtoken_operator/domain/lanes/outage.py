"""Something of GitHub's that does not answer, or not as it should: asked by one at a time until it does.

The pauses between two looks grow with how long it lasts, so that the end is noticed within a sixteenth of it. A look
that hangs holds up no other for longer than a pause.

Pure: seconds of a monotonic clock are an argument.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

FIRST_PAUSE: Final = 1.75
"""Seconds between two looks at first."""
PAUSE_OF_OTHERS: Final = 0.25
"""Seconds from one look to that of another who has not failed."""
LONGEST_PAUSE: Final = 30.0
"""Seconds between two looks at most."""
GROWTH: Final = 16


@dataclass(slots=True)
class Outage:
    """When it began, when the last look was and when the next is due; `since` is None while all is well."""

    since: float | None = None
    last_look: float = -math.inf
    next_look: float = -math.inf

    def begin(self, now: float) -> None:
        """An answer failed; if that goes on already, nothing changes."""
        if self.since is None:
            self.since = self.last_look = now
            self.next_look = now + FIRST_PAUSE

    def opens(self, now: float) -> float:
        """When somebody may ask: `now` or earlier where that is at once."""
        return now if self.since is None else self.next_look

    def opens_to_new(self, now: float) -> float:
        """The same for one that has not failed: it may be right where all others are wrong, and waits little."""
        return now if self.since is None else min(self.next_look, self.last_look + PAUSE_OF_OTHERS)

    def look(self, now: float) -> None:
        """Somebody asks: the next one is to wait."""
        if self.since is not None:
            self.last_look = now
            self.next_look = now + self.pause(now)

    def hung(self, seconds: float, now: float) -> None:
        """A look took so long to fail: it is not begun anew at once."""
        if self.since is not None:
            self.next_look = max(self.next_look, now + min(max(seconds, 0.0), LONGEST_PAUSE))

    def end(self) -> None:
        """It answered."""
        self.since, self.last_look, self.next_look = None, -math.inf, -math.inf

    def pause(self, now: float) -> float:
        """Seconds between two looks by now."""
        lasted = 0.0 if self.since is None else now - self.since
        return min(max(FIRST_PAUSE, lasted / GROWTH), LONGEST_PAUSE)
