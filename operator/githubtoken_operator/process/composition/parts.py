"""What one process begins when it leads, and ends in reverse order."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Final

from githubtoken_operator.apps.signing import Signing
from githubtoken_operator.engine.cache.first_lists import FirstLists
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.engine.scheduling.api_outage import ApiOutage
from githubtoken_operator.engine.scheduling.turns import Turns
from githubtoken_operator.process import footprint
from githubtoken_operator.tokens.user.storing.credential_store import CredentialStore
from githubtoken_operator.tokens.user.storing.saving import Savings
from githubtoken_operator.watching import handlers
from githubtoken_operator.watching.named_secrets import NamedSecrets

SAVES_BEFORE_RELEASE: Final = 2.0
"""Seconds for which the end waits, with the Lease, for pairs that are not stored yet."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the process begins and ends: what kopf's handlers need, the pairs of users, the first lists, the signers."""

    wiring: handlers.Wiring
    turns: Turns[Ref]
    api_outage: ApiOutage
    store: CredentialStore
    savings: Savings
    first_lists: FirstLists
    signing: Signing
    named: NamedSecrets

    def tasks(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """What the process does for as long as it leads, by names."""
        listed = self.first_lists.complete
        yield "named Secrets", self.named.run(listed)
        yield "looks at Secrets", self.named.look_around(listed)
        yield "scheduler", self._run_keys()
        yield "turns", self.turns.run()
        yield "looks at the API server", self.api_outage.run()

    async def _run_keys(self) -> None:
        """Runs keys until `drain`, as soon as it is known what there is."""
        await self.first_lists.wait()
        footprint.settled()
        await self.wiring.scheduler.run()

    async def drain(self) -> None:
        """Returns once nothing runs any more, and what GitHub answered is in the store, as far as that takes it."""
        await self.named.end()
        await self.wiring.scheduler.drain()
        await self.savings.late.finish(SAVES_BEFORE_RELEASE)

    async def finish(self, seconds: float) -> None:
        """The end: goes on with saving for so long, and says goodbye to the services that sign."""
        await self.savings.late.finish(seconds)
        await self.signing.aclose()
