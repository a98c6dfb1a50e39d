"""The key of an App that is with a service: what stands in an App in place of a private key.

It keeps the web tokens that were signed, and signs the next one ahead (`domain.apps.web_tokens`), so that a request
finds one ready, and an outage of the service is not noticed before that one has served. As long as the App is asked
for, that is looked after beside the requests.

- At most one attempt is under way; for how long it is waited for, and when the next begins, is in `attempts`.
- A key that changed at the service signs from the next web token on, and then all of them are signed anew: there is one
  key at a time, whose fingerprint is shown.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.adapters.signers.attempts import COME_BACK, SOONEST, Attempts
from githubtoken_operator.adapters.signers.checked import CheckedSigner, fingerprint
from githubtoken_operator.domain.apps import web_tokens
from githubtoken_operator.domain.apps.web_tokens import WebToken
from githubtoken_operator.domain.vocabulary.errors import SignerUnavailable, Terminal, TokenError, Transient
from githubtoken_operator.domain.vocabulary.newest import Newest

LOOKED_AFTER: Final = 5400.0
"""Seconds after its last use for which the next web token is signed ahead: more than an installation token's life."""
_MOST_ISSUERS: Final = 4
"""An App is known by its client id or its number."""
_MOST_SIGNATURES: Final = 4
"""For one issuer in one attempt; two are enough where the key does not change meanwhile."""
_IDLE: Final = 60.0
_REFUSED_AGAIN: Final = 60.0
"""Seconds for which nothing is signed anew for a refusal of GitHub's, after that was done."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kept:
    """The web tokens for one issuer. `ahead`: how far GitHub's clock is ahead of ours; `used`: in monotonic seconds."""

    made: tuple[WebToken, ...] = ()
    ahead: timedelta = timedelta()
    used: float = 0.0


class RemoteKey:
    """One App's key. `connect` makes its signer; `changed` is told of another key, of trouble, and of its end."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[CheckedSigner]],
        *,
        name: str,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        changed: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`name` is the App's, for the log."""
        self._connect = connect
        self._name = name
        self._now = now
        self._monotonic = monotonic
        self._changed = changed
        self._sleep = sleep
        self._signer: CheckedSigner | None = None
        self._kept: Newest[str, _Kept] = Newest(_MOST_ISSUERS)
        self.fingerprint = ""
        """`SHA256:…` of the public key that signs, "" until it is known."""
        self.key_id = ""
        """The key that signs, as its service calls it."""
        self._doubted = float("-inf")
        self._told = False
        self._attempts = Attempts(name=name, monotonic=monotonic, tell=self._tell)
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def trouble(self) -> TokenError | None:
        """Why no web token can be had; None while there is one, and before any was asked for."""
        error, kept = self._attempts.error, self._kept.values()
        return None if any(web_tokens.in_use(each.made, self._time(each)) for each in kept) else error

    async def identify(self) -> str:
        """The fingerprint, asked for where it is not known yet. Raises `TokenError`."""
        if not self.fingerprint:
            await self._attempts.wait(self._identify)
        return self.fingerprint

    def look_after(self, issuer: str, now: datetime) -> None:
        """From now on there is to be a web token for this issuer; `now` is GitHub's time."""
        kept = self._of(issuer, now)
        if self._keeper is None and not self._closed:
            self._keeper = asyncio.create_task(self._keep(), name=f"signer of {self._name}")
        elif web_tokens.wanted(kept.made, self._time(kept)) is not None and self._attempts.may_begin():
            self._attempts.begin(self._fill)

    async def bearer(self, issuer: str, now: datetime, *, renew: bool = False) -> str:
        """A web token that serves at `now`, GitHub's time; `renew`: GitHub has just refused the times of the last."""
        self.look_after(issuer, now)
        kept = self._kept[issuer]
        if renew:
            kept.made = ()
        for _ in range(2):
            if (made := web_tokens.in_use(kept.made, self._time(kept))) is not None:
                return made.text
            await self._attempts.wait(self._fill)
        raise SignerUnavailable("the service that signs for the App has not signed yet", retry_after=COME_BACK)

    async def bearer_of_another_key(self, issuer: str, now: datetime, refused: str) -> str | None:
        """A web token by the key that signs now, after GitHub refused `refused`; None where that is the same.

        Raises `Transient` where the service has not answered yet: then nobody knows which key signs.
        """
        kept = self._of(issuer, now)
        before = next((each.key_id for each in kept.made if each.text == refused), self.key_id)
        now_seconds = self._monotonic()
        if now_seconds - self._attempts.ended < SOONEST or now_seconds - self._doubted < _REFUSED_AGAIN:
            return None
        self._doubted, signed = now_seconds, kept.made
        kept.made = ()
        try:
            await self._attempts.wait(self._fill)
        except (Transient, Terminal):
            if self._attempts.running is not None:
                raise
        finally:
            made = web_tokens.in_use(kept.made, self._time(kept))
            if made is None:
                kept.made = signed
        return made.text if made is not None and made.key_id != before else None

    async def aclose(self) -> None:
        """Ends what is under way, and the connection."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._attempts.aclose()
        if self._signer is not None:
            await self._signer.aclose()

    def _tell(self) -> None:
        troubled = self.trouble is not None
        if troubled != self._told or (self._attempts.sent_away and self._attempts.running is None):
            self._told, self._attempts.sent_away = troubled, False
            self._changed()

    # --- What is attempted -------------------------------------------------------------------------------------------

    async def _connected(self) -> CheckedSigner:
        if self._signer is None:
            self._signer = await self._connect()
        return self._signer

    async def _identify(self) -> None:
        key = await (await self._connected()).identify()
        self._signs(key.key_id, fingerprint(key))

    async def _fill(self) -> None:
        """Signs what is wanted, for each issuer that is in use."""
        signer = await self._connected()
        for issuer, kept in tuple(self._kept.items()):
            for _ in range(_MOST_SIGNATURES):
                begins = web_tokens.wanted(kept.made, self._time(kept)) if self._is_used(kept) else None
                if begins is None:
                    break
                made = await self._sign(signer, issuer, begins)
                if kept.made and made.key_id != kept.made[-1].key_id:
                    # Another key signs now: what the former one signed is not sent beside it.
                    now = self._time(kept)
                    kept.made = (made if made.serves(now) else await self._sign(signer, issuer, now),)
                else:
                    kept.made = (*web_tokens.living(kept.made, self._time(kept)), made)

    async def _sign(self, signer: CheckedSigner, issuer: str, begins: int) -> WebToken:
        text = web_tokens.signing_input(issuer, begins)
        signed = await signer.sign(text)
        self._signs(signed.key_id, signed.fingerprint)
        return WebToken(begins, signed.key_id, web_tokens.complete(text, signed.signature))

    def _signs(self, key_id: str, its_fingerprint: str) -> None:
        """Notes which key signs."""
        known, self.key_id = bool(self.fingerprint), key_id
        if its_fingerprint == self.fingerprint:
            return
        self.fingerprint = its_fingerprint
        if known:
            logger.info("%s: another key signs now: %s, %s", self._name, key_id, its_fingerprint)
            self._changed()

    # --- Looking after it --------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            if self._attempts.running is None and self._monotonic() >= self._attempts.resumes() and self._wanting():
                self._attempts.begin(self._fill)
            if self._attempts.running is not None:
                await asyncio.wait({self._attempts.running})
            await self._sleep(self._pause())
            self._tell()

    def _wanting(self) -> bool:
        return any(web_tokens.wanted(each.made, self._time(each)) is not None for each in self._in_use())

    def _pause(self) -> float:
        """Seconds until there is something to do."""
        if self._attempts.error is not None and self._wanting():
            return max(self._attempts.resumes() - self._monotonic(), 0.1)
        waits = [web_tokens.next_wanted(each.made, self._time(each)) - self._time(each) for each in self._in_use()]
        return min((*(max(wait, 0.1) for wait in waits), _IDLE))

    def _in_use(self) -> list[_Kept]:
        return [each for each in self._kept.values() if self._is_used(each)]

    def _is_used(self, kept: _Kept) -> bool:
        return self._monotonic() - kept.used <= LOOKED_AFTER

    def _of(self, issuer: str, now: datetime) -> _Kept:
        kept = self._kept[issuer] = self._kept.get(issuer) or _Kept()
        kept.ahead, kept.used = now - self._now(), self._monotonic()
        return kept

    def _time(self, kept: _Kept) -> int:
        """GitHub's time, in whole seconds."""
        return int((self._now() + kept.ahead).timestamp())
