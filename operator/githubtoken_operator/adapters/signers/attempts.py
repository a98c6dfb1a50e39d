"""Attempts to have a service sign: one at a time, and after a failure the next one after a pause that grows.

- Who needs what an attempt brings waits for it for a moment only (`PATIENCE`, counted from its beginning) and then
  comes back: a service that hangs holds no place of another App's.
- Who needs it now may cut a pause to `SOONEST`, but never a time that the service stated.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    SignerThrottled,
    SignerUnavailable,
    Terminal,
    TokenError,
    Transient,
)

PATIENCE: Final = 0.3
"""Seconds of an attempt for which requests wait in their places."""
COME_BACK: Final = 1.0
"""Seconds after which they look again."""
SOONEST: Final = 2.0
"""Seconds between two attempts at least."""
FIRST_PAUSE: Final = 5.0
LAST_PAUSE: Final = 30.0
LAST_PAUSE_TERMINAL: Final = 60.0
THROTTLED_PAUSE: Final = 5.0
"""Seconds that a service is left alone which limits us and names no time."""

logger = logging.getLogger(__name__)


class Attempts:
    """The attempts of one App's key. `tell` is called when one has ended."""

    def __init__(self, *, name: str, monotonic: Callable[[], float], tell: Callable[[], None]) -> None:
        """`name` is the App's, for the log."""
        self._name = name
        self._monotonic = monotonic
        self._tell = tell
        self._begun = 0.0
        self._failures = 0
        self._closed = False
        self.running: asyncio.Task[None] | None = None
        """The attempt that is under way."""
        self.ended = float("-inf")
        """When the last one ended, in monotonic seconds."""
        self.error: TokenError | None = None
        """What the last one failed with."""
        self.sent_away = False
        """Whether somebody did not wait for its end."""

    async def wait(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Waits for an attempt, for a moment. Raises what it failed with, or last did where it is not repeated yet."""
        running = self.running
        if running is None:
            if not self.may_begin():
                raise self._standing_error()
            running = self.begin(attempt)
        left = self._begun + PATIENCE - self._monotonic()
        done, _ = await asyncio.wait({running}, timeout=max(left, 0.0))
        if not done:
            self.sent_away = True
            raise Transient(
                reasons.PENDING, "the service that signs for the App has not answered yet", retry_after=COME_BACK
            )
        if self.error is not None:
            raise self.error.with_traceback(None)

    def _standing_error(self) -> TokenError:
        if isinstance(self.error, SignerThrottled):
            return SignerThrottled(self.error.message, retry_after=max(self.resumes() - self._monotonic(), 0.0))
        if self.error is not None:
            return self.error.with_traceback(None)
        return SignerUnavailable("the signer of the App is being replaced", retry_after=COME_BACK)

    def may_begin(self) -> bool:
        """Whether somebody who has no web token may begin one."""
        if self.running is not None or self._closed:
            return False
        soonest = self.resumes() if isinstance(self.error, SignerThrottled) else self.ended + SOONEST
        return self.error is None or self._monotonic() >= soonest

    def resumes(self) -> float:
        """When the next attempt begins by itself, in monotonic seconds."""
        if self.error is None:
            return self.ended
        if isinstance(self.error, SignerThrottled):
            return self.ended + (self.error.retry_after or THROTTLED_PAUSE)
        last = LAST_PAUSE_TERMINAL if isinstance(self.error, Terminal) else LAST_PAUSE
        return self.ended + min(FIRST_PAUSE * 2.0 ** min(self._failures - 1, 8), last)

    def begin(self, attempt: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Begins one; none is under way."""
        self._begun = self._monotonic()
        self.running = asyncio.create_task(self._try(attempt), name=f"signature for {self._name}")
        return self.running

    async def _try(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Never raises but when it is cancelled: what it failed with is kept."""
        error: TokenError | None = None
        try:
            await attempt()
        except TokenError as failed:
            error = failed
        except Exception as failed:  # noqa: BLE001 - a library's own; its text may hold anything
            error = SignerUnavailable(f"the service that signs for the App cannot be asked: {type(failed).__name__}")
        finally:
            self.running = None
            self.ended = self._monotonic()
        self._failures = self._failures + 1 if error else 0
        self.error = error
        if error is not None:
            logger.warning("%s: no signature: %s", self._name, error.message)
        self._tell()

    async def aclose(self) -> None:
        """Ends what is under way; no other begins."""
        self._closed = True
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
