"""The keys of Apps that name a service which signs for them: one for each App, from its first use to its end.

Each has its own connection, credential and web tokens, and none waits for another's. A change of `spec.signer`, or of
the App's host or ids, ends the former key.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from githubtoken_operator.adapters.signers.backends import backend_of, open_signer
from githubtoken_operator.adapters.signers.checked import CheckedSigner, SignerObserver
from githubtoken_operator.adapters.signers.port import Signer, Surroundings
from githubtoken_operator.adapters.signers.remote_key import RemoteKey
from githubtoken_operator.domain.apps.signers import SignerKey
from githubtoken_operator.domain.objects.specs.github_app import GitHubApp
from githubtoken_operator.engine.cache.watched import Ref

_END: Final = 5.0
"""Seconds that the end waits for connections to be closed."""

logger = logging.getLogger(__name__)

Open = Callable[[SignerKey, Surroundings], Awaitable[Signer]]


@dataclass(frozen=True, slots=True)
class _Held:
    what: tuple[str, SignerKey, str]
    key: RemoteKey


class Signing:
    """The keys that are with services. Close it with `aclose`."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        observer: SignerObserver,
        now: Callable[[], datetime],
        changed: Callable[[Ref], None],
        open_signer: Open = open_signer,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`changed` is told of an App whose key is another now, or is to be had again, or no longer."""
        self._surroundings = surroundings
        self._observer = observer
        self._now = now
        self._changed = changed
        self._open = open_signer
        self._monotonic = monotonic
        self._sleep = sleep
        self._held: dict[Ref, _Held] = {}
        self._ends: set[asyncio.Task[None]] = set()

    def key_of(self, ref: Ref, source: GitHubApp) -> RemoteKey | None:
        """The key of an App that names a signer; nobody is asked yet."""
        if source.signer is None:
            self.forget(ref)
            return None
        what = source.uid, source.signer, source.server.api_url
        held = self._held.get(ref)
        if held is None or held.what != what:
            self.forget(ref)
            held = self._held[ref] = _Held(what, self._made(ref, source.signer))
        return held.key

    def forget(self, ref: Ref) -> None:
        """The App is gone, or names another signer, or none."""
        if (held := self._held.pop(ref, None)) is not None:
            end = asyncio.get_running_loop().create_task(held.key.aclose(), name=f"end of the signer of {ref}")
            self._ends.add(end)
            end.add_done_callback(self._ends.discard)

    async def aclose(self) -> None:
        """Ends all."""
        for ref in tuple(self._held):
            self.forget(ref)
        if self._ends:
            await asyncio.wait(self._ends, timeout=_END)

    def _made(self, ref: Ref, signer: SignerKey) -> RemoteKey:
        async def connect() -> CheckedSigner:
            opened = await self._open(signer, self._surroundings)
            return CheckedSigner(opened, backend=backend_of(signer).name, observer=self._observer)

        return RemoteKey(
            connect,
            name=str(ref),
            now=self._now,
            monotonic=self._monotonic,
            changed=lambda: self._changed(ref),
            sleep=self._sleep,
        )
