"""Installation tokens as a kind: the token that is held, and what minting another leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from githubtoken_operator.apps.checks import Apps
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.consumer.consumer import MOST_PREDECESSORS, Issued, Predecessor
from githubtoken_operator.domain.installation import target
from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.runs.decide import Observation
from githubtoken_operator.domain.runs.status import Granted
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Transient
from githubtoken_operator.tokens.gathered import Gathered, Memory, newer
from githubtoken_operator.tokens.installation.minting import InstallationTokens
from githubtoken_operator.tokens.kind import Plain
from githubtoken_operator.tokens.moments import Moments
from githubtoken_operator.tokens.recorder import Recorder


class InstallationKind(Plain):
    """The kind `Installation`."""

    def __init__(self, *, apps: Apps, tokens: InstallationTokens, moments: Moments, recorder: Recorder) -> None:
        self._apps = apps
        self._tokens = tokens
        self._moments = moments
        self._recorder = recorder

    async def observe(
        self,
        seen: Observation,
        resolved: Resolved,
        memory: Memory,
        stored: Issued | None,
    ) -> tuple[Observation, Sequence[str]]:
        """The token that is held: from the consumer's Secret, or remembered where that was deleted."""
        return replace(seen, issued=newer(memory.held, stored, seen.now)), []

    async def prove(self, gathered: Gathered) -> None:
        """Has the App's key checked."""
        await self._apps.ensure_checked(gathered.app_ref)

    async def obtain(self, gathered: Gathered, memory: Memory) -> Issued | None:
        """Mints; a token that GitHub was not seen to accept is published only where there is no other."""
        source = gathered.observation.token.installation
        if source is None:
            raise AssertionError("the token is of another kind")
        token, app = gathered.observation.token, gathered.app
        known = target.known(token.status, source, app.server)
        minted, found, accepted = await self._tokens.obtain(app, source, known)
        fresh = Issued(minted.access, gathered.next_revision, consumer.spec_hash(token, app), origin.of(app))
        if not accepted:
            message = "GitHub was not seen to accept the token that it has just issued"
            if self._moments.timed(gathered).observation.valid:
                _supersede(gathered, memory, fresh)
                raise Transient(reasons.GITHUB_UNAVAILABLE, f"{message}: the one before is kept")
            # Consumers have nothing that works; what will work in a moment is better than that.
            await self._recorder.warn(token, reasons.NOT_VERIFIED, f"{message}: it is published, for there is no other")
        if gathered.observation.issued is not None:
            _supersede(gathered, memory, gathered.observation.issued)
        memory.held = replace(fresh, predecessors=_predecessors(gathered, memory))
        memory.granted = Granted(found.account, minted.permissions, minted.repository_selection, found)
        return memory.held

    def granted(self, seen: Observation, memory: Memory) -> Granted:
        """The same; a token that was taken up from its Secret is of the account in the spec, if it names one."""
        known, source = super().granted(seen, memory), seen.token.installation
        if known.account is None and source is not None and seen.issued is not None and seen.for_present_spec:
            return replace(known, account=source.account)
        return known


def _predecessors(gathered: Gathered, memory: Memory) -> tuple[Predecessor, ...]:
    """What lives on beside a token that has just been minted, as far as it is known."""
    seen = gathered.observation
    if seen.issued is None or not seen.token.revoke:
        return ()
    superseded = {each.access.token.sha256_base64: each.access.expires_at for each in memory.superseded}
    known = [*seen.issued.predecessors, *(Predecessor(sha256, end) for sha256, end in superseded.items() if end)]
    living = {each.sha256: each for each in known if each.expires > seen.now}
    return tuple(living.values())[-MOST_PREDECESSORS:]


def _supersede(gathered: Gathered, memory: Memory, issued: Issued) -> None:
    """Remembers a token that lives on without being stored, where the GitHubToken's end is to be theirs."""
    seen = gathered.observation
    known = (*memory.superseded, issued) if seen.token.revoke else ()
    memory.superseded = tuple(
        each for each in known if each.access.expires_at is not None and each.access.expires_at > seen.now
    )
