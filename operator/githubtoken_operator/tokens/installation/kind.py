"""Installation tokens as a kind: the token that is held, and what minting another leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from githubtoken_operator.apps.checks import Checks
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain.consumer.consumer import MOST_PREDECESSORS, Issued, Predecessor
from githubtoken_operator.domain.installation import probe, target
from githubtoken_operator.domain.installation.target import GIVEN_UP, Target
from githubtoken_operator.domain.lanes.budget import READ, WRITE
from githubtoken_operator.domain.lanes.lane import NOWHERE, Lane
from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.runs.status import Granted
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    Concern,
    NotHonoured,
    NotSent,
    OutcomeUnknown,
    TokenError,
    Transient,
)
from githubtoken_operator.domain.vocabulary.model import JSON, App, InstallationToken
from githubtoken_operator.engine.cache.objects import Read
from githubtoken_operator.engine.scheduling.turns import Stand
from githubtoken_operator.tokens.installation.minting import InstallationTokens
from githubtoken_operator.tokens.installation.revocation import InstallationRevocation
from githubtoken_operator.tokens.kind import Ending, Gathered, TokenKind
from githubtoken_operator.tokens.memory import Memory, newer
from githubtoken_operator.tokens.moments import Moments
from githubtoken_operator.tokens.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Trial:
    """A new token that GitHub was not seen to accept at so many `looks`, and where it is from."""

    issued: Issued
    minted: InstallationToken
    found: Target
    looks: int = 0


@dataclass(slots=True)
class Beside:
    """Tokens beside the one that is held: one that is not published yet, and those that may live on unstored.

    `superseded` is kept with `deletionPolicy: Revoke` only.
    """

    trial: Trial | None = None
    superseded: tuple[Issued, ...] = ()


class InstallationKind(TokenKind):
    """The kind `Installation`."""

    def __init__(self, ground: Ground, checks: Checks) -> None:
        github, settings = ground.github, ground.settings
        self._checks = checks
        self._tokens = InstallationTokens(
            github, verify=settings.verify_before_publish, monotonic=ground.clocks.monotonic
        )
        self._revocation = InstallationRevocation(github, allowed_hosts=settings.allowed_hosts)
        self._moments = Moments(ground)
        self._recorder = Recorder(ground)

    async def observe(
        self, seen: Observation, resolved: Resolved, memory: Memory, stored: Issued | None, read: Read
    ) -> tuple[Observation, Sequence[str]]:
        """The token that is held: from the consumer's Secret, or remembered where that was deleted."""
        return replace(seen, issued=newer(memory.held, stored, seen.now)), []

    def points(self, memory: Memory) -> float:
        """Minting, or one more look at what was minted."""
        return READ if memory.of(Beside).trial else WRITE

    def lane(self, token: GitHubToken, app: App | None) -> Lane:
        """The installation under the App's key, which GitHub has accepted before anything is counted.

        It is known by its number, or by what the spec calls it while that is not known.
        """
        source = token.installation
        if source is None or app is None:
            return NOWHERE
        known = target.known(token.status, source, app.server)
        number = known.installation_id if known is not None else self._tokens.number(app, source)
        return Lane(app.server.api_host, app.credential, str(number) if number is not None else source.selector)

    def trouble(self, resolved: Resolved) -> TokenError | None:
        """The private key."""
        return resolved.key_error

    async def prove(self, gathered: Gathered) -> None:
        """Has the App's key checked. One that has to wait for that stands in its own lane afterwards."""
        stand = Stand(gathered.lane, gathered.deadline, WRITE) if gathered.lane != NOWHERE else None
        await self._checks.ensure_checked(gathered.app_ref, asks=gathered.key, stand=stand)

    async def obtain(self, gathered: Gathered, memory: Memory) -> Issued | None:
        """Mints, and sees GitHub accept it: raises `NotHonoured` where that is to be looked at again.

        A token that GitHub was never seen to accept is published only where there is no other.
        """
        source = gathered.observation.token.installation
        if source is None:
            raise AssertionError("the token is of another kind")
        token, app = gathered.observation.token, gathered.app
        beside = memory.of(Beside)
        trial = _present(gathered, beside) or await self._mint(gathered, source)
        minted, found, fresh, beside.trial = trial.minted, trial.found, trial.issued, None
        accepted, concern = False, Concern.NOBODY
        try:
            accepted = await self._tokens.is_accepted(app, source, found, minted)
        except (NotSent, OutcomeUnknown) as error:
            concern = error.concern
        if not accepted:
            if trial.looks < len(probe.DELAYS):
                beside.trial = replace(trial, looks=trial.looks + 1)
                raise NotHonoured(probe.DELAYS[trial.looks], concern=concern)
            message = "GitHub was not seen to accept the token that it has just issued"
            if self._moments.timed(gathered).observation.valid:
                _supersede(gathered, beside, fresh)
                raise Transient(reasons.GITHUB_UNAVAILABLE, f"{message}: the one before is kept")
            # Consumers have nothing that works; what will work in a moment is better than that.
            await self._recorder.warn(token, reasons.NOT_VERIFIED, f"{message}: it is published, for there is no other")
        if gathered.observation.issued is not None:
            _supersede(gathered, beside, gathered.observation.issued)
        memory.held = replace(fresh, predecessors=_predecessors(gathered, beside))
        memory.granted = Granted(found.account, minted.permissions, minted.repository_selection, found.place)
        return memory.held

    async def _mint(self, gathered: Gathered, source: InstallationSource) -> Trial:
        token, app = gathered.observation.token, gathered.app
        if token.refresh_pending:
            self._tokens.ask_again(app, source)
        minted, found = await self._tokens.obtain(app, source, target.known(token.status, source, app.server))
        issued = Issued(minted.access, gathered.next_revision, gathered.spec_hash, origin.of(app.server))
        return Trial(issued, minted, found)

    def granted(self, seen: Observation, memory: Memory) -> Granted:
        """The same; a token that was taken up from its Secret is of the account in the spec, if it names one."""
        known, source = super().granted(seen, memory), seen.token.installation
        if memory.granted is None and (found := target.remembered(seen.token.status)) is not None:
            known = replace(known, place=found.place)
        if known.account is None and source is not None and seen.issued is not None and seen.for_present_spec:
            return replace(known, account=source.account)
        return known

    async def revoke(self, ending: Ending) -> tuple[JSON, str | None]:
        """Also those that live on beside the one that is held."""
        beside = ending.memory.of(Beside)
        unpublished = [beside.trial.issued] if beside.trial else []
        return ending.body, await self._revocation.revoke(ending, [*beside.superseded, *unpublished])

    def given_up(self, token: GitHubToken) -> str:
        """They do not live long."""
        return GIVEN_UP


def _present(gathered: Gathered, beside: Beside) -> Trial | None:
    """The token that is being looked at, unless the spec has changed since, or it was left alone for long."""
    seen, trial = gathered.observation, beside.trial
    if trial is None:
        return None
    wanted = trial.issued.spec_hash == gathered.spec_hash
    if wanted and seen.now - trial.issued.access.created < probe.TRIED_FOR:
        return trial
    _supersede(gathered, beside, trial.issued)
    beside.trial = None
    return None


def _predecessors(gathered: Gathered, beside: Beside) -> tuple[Predecessor, ...]:
    """What lives on beside a token that has just been minted, as far as it is known."""
    seen = gathered.observation
    if seen.issued is None or not seen.token.revoke:
        return ()
    superseded = {each.access.token.sha256_base64: each.access.expires_at for each in beside.superseded}
    known = [*seen.issued.predecessors, *(Predecessor(sha256, end) for sha256, end in superseded.items() if end)]
    living = {each.sha256: each for each in known if each.expires > seen.now}
    return tuple(living.values())[-MOST_PREDECESSORS:]


def _supersede(gathered: Gathered, beside: Beside, issued: Issued) -> None:
    """Remembers a token that lives on without being stored, where the GitHubToken's end is to be theirs."""
    seen = gathered.observation
    known = (*beside.superseded, issued) if seen.token.revoke else ()
    beside.superseded = tuple(
        each for each in known if each.access.expires_at is not None and each.access.expires_at > seen.now
    )
