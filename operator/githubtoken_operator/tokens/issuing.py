"""Obtains tokens of every kind, and signs humans in; what it learns on the way goes into the memory of the object.

What comes of it is published and recorded by `reconciler`. An installation's token is returned, a user's is in the
store when `obtain` returns: it is published from there and from nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.logs import about
from githubtoken_operator.adapters.metrics import Metrics, RefreshResult
from githubtoken_operator.apps.checks import Apps
from githubtoken_operator.domain import personal_token
from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.installation import target
from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.resources import InstallationSource
from githubtoken_operator.domain.runs import doubt
from githubtoken_operator.domain.runs.status import Granted
from githubtoken_operator.domain.user.device_flow import Ask, Awaiting, Poll
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError, Transient
from githubtoken_operator.domain.vocabulary.model import App, Token
from githubtoken_operator.engine.watched import Ref
from githubtoken_operator.tokens.gathered import Gathered, Memory
from githubtoken_operator.tokens.gatherer import Gatherer
from githubtoken_operator.tokens.installation.minting import InstallationTokens
from githubtoken_operator.tokens.personal.checking import PersonalTokens
from githubtoken_operator.tokens.recorder import Recorder
from githubtoken_operator.tokens.user.credentials import Credentials
from githubtoken_operator.tokens.user.rotation import Rotation
from githubtoken_operator.tokens.user.sign_in import SignIns

ACCOUNT_LOOKS: Final = 3
"""So often GitHub is asked whose token a rotated one is: replicas that lag behind do not know it at first."""

logger = logging.getLogger(__name__)


class Issuer:
    """Gets tokens from GitHub, by whatever each kind needs."""

    def __init__(
        self,
        *,
        github: GitHub,
        gatherer: Gatherer,
        apps: Apps,
        installations: InstallationTokens,
        credentials: Credentials,
        rotation: Rotation,
        personal: PersonalTokens,
        sign_ins: SignIns,
        recorder: Recorder,
        metrics: Metrics,
        monotonic: Callable[[], float],
    ) -> None:
        self._github = github
        self._gatherer = gatherer
        self._apps = apps
        self._installations = installations
        self._credentials = credentials
        self._rotation = rotation
        self._personal = personal
        self._sign_ins = sign_ins
        self._recorder = recorder
        self._metrics = metrics
        self._monotonic = monotonic

    async def label(self, gathered: Gathered) -> None:
        """Puts the label back on the credential Secret."""
        await self._credentials.label(gathered.observation.token)

    async def take_seed(self, gathered: Gathered, seed: Token) -> None:
        """Takes up the refresh token that a human put into the seed Secret."""
        await self._credentials.take_seed(gathered.observation.token, seed, await self._client_id(gathered))

    def forget(self, secrets: Iterable[Ref]) -> None:
        """A GitHubToken that had these Secrets is gone."""
        for ref in secrets:
            self._sign_ins.forget((ref.namespace, ref.name))
            self._credentials.forget((ref.namespace, ref.name))

    async def prove(self, gathered: Gathered, memory: Memory) -> None:
        """Sees that GitHub accepts the App's key, before an attempt counts among that key's. Raises `TokenError`."""
        if gathered.observation.token.installation is not None:
            with self._attempt(gathered, memory):
                await self._apps.ensure_checked(gathered.app_ref)

    async def obtain(self, gathered: Gathered, memory: Memory, cause: str) -> Issued | None:
        """Gets a token. A user's pair is stored then, and None says: publish it from the store. Raises `TokenError`."""
        token = gathered.observation.token
        started = self._monotonic()
        issued: Issued | None = None
        with self._attempt(gathered, memory):
            if token.installation is not None:
                issued = await self._mint(gathered, memory, token.installation)
            elif gathered.observation.candidate is not None:
                issued = await self._check(gathered, memory, gathered.observation.candidate)
            else:
                client_id, final = await self._client_id(gathered), doubt.gives_up(gathered.observation)
                await self._rotation.rotate(token, gathered.app, client_id, final=final)
                known = _account_known(gathered, memory)
                memory.account_looks = ACCOUNT_LOOKS if gathered.observation.seeded or not known else 0
        self._metrics.refreshed(token.kind, "success")
        memory.obtained_from = started
        memory.request = memory.answered = token.refresh_requested
        memory.error, memory.inputs = None, ""
        done = "checked the token" if token.personal else "obtained a token"
        logger.info("%s because %s", done, cause, extra=about(token.namespace, token.name))
        return issued

    @contextmanager
    def _attempt(self, gathered: Gathered, memory: Memory) -> Iterator[None]:
        """Counts a failure, and that it was made for the refresh request, if there is one."""
        token, started = gathered.observation.token, self._monotonic()
        try:
            yield
        except TokenError as error:
            memory.request = token.refresh_requested
            if error.reason != reasons.PENDING:
                result: RefreshResult = "transient" if isinstance(error, Transient) else "terminal"
                self._metrics.refreshed(token.kind, result)
                self._metrics.took(token.kind, self._monotonic() - started)
            raise

    async def _client_id(self, gathered: Gathered) -> str:
        return await self._apps.client_id(gathered.app_ref, gathered.app)

    async def sign_in(self, gathered: Gathered, memory: Memory, step: Ask | Poll) -> TokenError | None:
        """Asks for a code, or whether it was entered. What is returned says that the App's polls have to wait."""
        token = gathered.observation.token
        app = replace(gathered.app, client_id=await self._client_id(gathered))
        if delay := self._sign_ins.delay(gathered.requester, app.web_host):
            if isinstance(step, Poll):
                return Awaiting(step.flow, delay)
            return Transient(reasons.PENDING, "many sign-ins of this App are under way", retry_after=delay)
        if isinstance(step, Ask):
            memory.login = token.login_requested
            await self._sign_ins.ask(token, app, step)
        else:
            await self._poll(gathered, app, step)
            memory.account_looks = ACCOUNT_LOOKS
        return None

    async def _poll(self, gathered: Gathered, app: App, step: Poll) -> None:
        seen = gathered.observation
        try:
            await self._sign_ins.poll(seen.token, app, step.flow, seen.now)
        except Terminal as error:
            # How a human ended the flow is stored; the next look tells it, with what to do.
            if error.reason not in reasons.SIGN_IN_HEALS or seen.sign_in is None or seen.sign_in.needed is None:
                raise

    async def admit(self, gathered: Gathered) -> None:
        """Sees whether the right human signed in. Consumers keep what they have where only the spec changed."""
        seen, stored = gathered.observation, gathered.stored
        if seen.issued is not None:
            access = seen.issued.access
            published = stored is not None and stored.access.token == access.token
            await self._sign_ins.admit(seen.token, gathered.app, access, published=published)

    async def _mint(self, gathered: Gathered, memory: Memory, source: InstallationSource) -> Issued:
        token, app = gathered.observation.token, gathered.app
        known = target.known(token.status, source, app.server)
        minted, found, accepted = await self._installations.obtain(app, source, known)
        fresh = Issued(minted.access, _next_revision(gathered), consumer.spec_hash(token, app), origin.of(app))
        if not accepted:
            message = "GitHub was not seen to accept the token that it has just issued"
            if self._gatherer.timed(gathered).observation.valid:
                _supersede(gathered, memory, fresh)
                raise Transient(reasons.GITHUB_UNAVAILABLE, f"{message}: the one before is kept")
            # Consumers have nothing that works; what will work in a moment is better than that.
            await self._recorder.warn(token, reasons.NOT_VERIFIED, f"{message}: it is published, for there is no other")
        if gathered.observation.issued is not None:
            _supersede(gathered, memory, gathered.observation.issued)
        memory.held = fresh
        memory.granted = Granted(found.account, minted.permissions, minted.repository_selection, found)
        return memory.held

    async def _check(self, gathered: Gathered, memory: Memory, candidate: Token) -> Issued:
        seen, held = gathered.observation, gathered.observation.issued
        # A token of an earlier spec may be another host's, and is not shown to this one.
        published = held.access.token if held and seen.for_present_spec else None
        info = await self._personal.check(gathered.server, candidate, published)
        memory.held = personal_token.accepted(
            candidate,
            info,
            held,
            revision=_next_revision(gathered),
            spec_hash=seen.spec_hash or "",
            origin=origin.of(gathered.server),
        )
        memory.granted = Granted(info.login)
        memory.checked, memory.refused = info.at, False
        return memory.held

    async def learn_account(self, gathered: Gathered, memory: Memory) -> bool:
        """Asks whose token a rotated one is, after it was published: the answer changes nothing but status.

        Whether it is known now, and was not before.
        """
        seen = gathered.observation
        if seen.token.user is None or seen.issued is None or not seen.valid or gathered.resolved.error is not None:
            return False
        if memory.account_looks is None:
            # A GitHubToken that was made anew takes up a pair of which its status says nothing.
            memory.account_looks = 0 if _account_known(gathered, memory) else ACCOUNT_LOOKS
        if memory.account_looks == 0 or seen.account is not None or seen.unadmitted or seen.moved:
            return False
        memory.account_looks -= 1
        try:
            login = await self._github.get_login(gathered.app, seen.issued.access.token)
        except TokenError as error:
            where = about(seen.token.namespace, seen.token.name)
            logger.info("it is not known yet whose token this is: %s", error.message, extra=where)
            return False
        memory.account_looks = 0
        memory.granted = Granted(account=login)
        return True


def _account_known(gathered: Gathered, memory: Memory) -> bool:
    return (memory.granted or Granted.of(gathered.observation.token.status)).account is not None


def _supersede(gathered: Gathered, memory: Memory, issued: Issued) -> None:
    """Remembers a token that lives on without being stored, where the GitHubToken's end is to be theirs."""
    seen = gathered.observation
    known = (*memory.superseded, issued) if seen.token.revoke else ()
    memory.superseded = tuple(
        each for each in known if each.access.expires_at is not None and each.access.expires_at > seen.now
    )


def _next_revision(gathered: Gathered) -> int:
    seen = gathered.observation
    return 1 + max(seen.issued.revision if seen.issued else 0, int(seen.token.status.get("revision", 0)))
