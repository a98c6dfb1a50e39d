"""User tokens as a kind: a sign-in or a seed before the first, then one rotation after the other.

The pair is in the credential Secret when `obtain` and `step` return: it is published from there and from nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from githubtoken_operator.adapters.logs import about
from githubtoken_operator.apps.checks import Checks
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.lanes.budget import READ
from githubtoken_operator.domain.lanes.lane import NOWHERE, Lane
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.observed.own import Admit, Mark, Own, Step, TakeSeed
from githubtoken_operator.domain.observed.standing import Standing
from githubtoken_operator.domain.observed.user import OfUser
from githubtoken_operator.domain.runs import doubt
from githubtoken_operator.domain.runs.status import Granted
from githubtoken_operator.domain.user.credentials import credential
from githubtoken_operator.domain.user.device_flow import Ask, Awaiting, Poll
from githubtoken_operator.domain.user.revocation import given_up, is_called_dead
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    NotUnderstood,
    RefreshTokenRefused,
    Terminal,
    TokenError,
    Transient,
    Unsaved,
)
from githubtoken_operator.domain.vocabulary.model import JSON, App
from githubtoken_operator.engine.cache.objects import Read
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.engine.scheduling.turns import Stand
from githubtoken_operator.tokens.kind import Ending, Gathered, TokenKind
from githubtoken_operator.tokens.memory import Memory, app_ref
from githubtoken_operator.tokens.user.room import UserRoom

ACCOUNT_LOOKS: Final = 3
"""So often GitHub is asked whose token a rotated one is: replicas that lag behind do not know it at first."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Asked:
    """What was asked of GitHub about humans.

    `account_looks` is how often it may still be asked whose token it is, None where that was not thought of yet.
    """

    account_looks: int | None = None


class UserKind(TokenKind):
    """The kind `User`."""

    spends = True
    own = OfUser()

    def __init__(self, ground: Ground, room: UserRoom, checks: Checks) -> None:
        self._github = ground.github
        self._turns = ground.turns
        self._room = room
        self._checks = checks

    def lane(self, token: GitHubToken, app: App | None) -> Lane:
        """The client's. Its id is public, so it counts within the namespace of the App's object.

        That of a ClusterGitHubApp is the cluster's.
        """
        return Lane(app.server.web_host, self._client(token, app)) if app else NOWHERE

    @staticmethod
    def _client(token: GitHubToken, app: App) -> str:
        return f"client {app_ref(token).namespace}/{app.client_id or app.app_id}"

    async def prove(self, gathered: Gathered) -> None:
        """Has the App's client id found out, where the spec does not give it."""
        await self._client_id(gathered)

    def trouble(self, resolved: Resolved) -> TokenError | None:
        """The client secret."""
        return resolved.client_secret_error

    def secrets(self, token: GitHubToken) -> Sequence[str]:
        """The credential Secret, and the seed if one is named."""
        user = token.user
        return [user.credential, *([user.seed.name] if user.seed else [])] if user else []

    async def observe(
        self, seen: Observation, resolved: Resolved, memory: Memory, stored: Issued | None, read: Read
    ) -> tuple[Observation, Sequence[str]]:
        """The credential Secret, the seed and the sign-in."""
        if seen.token.user is None:
            raise AssertionError("the token is of another kind")
        if (app := resolved.app) is not None:
            known = self._checks.known_client_id(app_ref(seen.token), app)
            resolved = replace(resolved, app=replace(app, client_id=known))
        seen, found = await self._room.inputs.observe(seen, seen.token.user, resolved, stored, read)
        key = credential.key_of(seen.token)
        if stored is not None and seen.issued is None:
            ended = self._room.credentials.savings.ended(key, stored.access.token)
            if ended or is_called_dead(seen.token, stored.access.token):
                seen = replace(seen, own=replace(OfUser.of(seen.own), revoked=True))
        return seen, found

    async def step(self, gathered: Gathered, memory: Memory, step: Step) -> Standing | None:
        """Marks, takes a seed up, signs a human in or sees who did. Returned: the App's polls have to wait."""
        token = gathered.observation.token
        match step:
            case Mark():
                await self._room.credentials.mark(token)
            case TakeSeed(seed):
                await self._room.credentials.take_seed(token, seed, await self._client_id(gathered))
            case Ask() | Poll():
                return await self._sign_in(gathered, memory, step)
            case Admit():
                await self._admit(gathered)
        return None

    async def obtain(self, gathered: Gathered, memory: Memory) -> Issued | None:
        """Rotates the pair, which is stored then."""
        seen, own = gathered.observation, OfUser.of(gathered.observation.own)
        client_id, final = await self._client_id(gathered), doubt.gives_up(seen, may_ask=own.sign_in is not None)
        await self._room.rotation.rotate(seen.token, gathered.app, client_id, final=final)
        known = not own.seeded and _account_known(gathered, memory)
        memory.of(Asked).account_looks = 0 if known else ACCOUNT_LOOKS
        return None

    def after(self, own: Own, memory: Memory, error: TokenError | None) -> Own:
        """Where GitHub refuses the refresh token, the token beside it is dead."""
        return replace(OfUser.of(own), revoked=True) if isinstance(error, RefreshTokenRefused) else own

    def is_told_by_another_look(self, own: Own, error: TokenError) -> bool:
        """An answer is kept or on its way into the store; or the device flow begins at once."""
        refused = isinstance(error, RefreshTokenRefused) and OfUser.of(own).sign_in is not None
        return refused or isinstance(error, NotUnderstood | Unsaved)

    def keep(self, memory: Memory, issued: Issued | None) -> None:
        """It is in the credential Secret."""

    def granted(self, seen: Observation, memory: Memory) -> Granted:
        """Whom the credential Secret names goes first."""
        account = OfUser.of(seen.own).account
        return Granted(account=account) if account is not None else super().granted(seen, memory)

    async def learn_account(self, gathered: Gathered, memory: Memory) -> bool:
        """Asks whose token a rotated one is, after it was published: the answer changes nothing but status.

        Whether it is known now, and was not before. The client has a lane at the REST API too. Raises `Waits`.
        """
        seen = gathered.observation
        if seen.issued is None or not seen.valid or gathered.resolved.error is not None:
            return False
        asked, own = memory.of(Asked), OfUser.of(seen.own)
        if asked.account_looks is None:
            # A GitHubToken that was made anew takes up a pair of which its status says nothing.
            asked.account_looks = 0 if _account_known(gathered, memory) else ACCOUNT_LOOKS
        if asked.account_looks == 0 or own.account is not None or own.unadmitted or seen.moved:
            return False
        lane = Lane(gathered.app.server.api_host, self._client(seen.token, gathered.app))
        deadline = seen.issued.access.expires_at or datetime.max.replace(tzinfo=UTC)
        try:
            with self._turns.turn(gathered.key, Stand(lane, deadline.timestamp(), READ)):
                asked.account_looks -= 1
                login = await self._github.get_login(gathered.app, seen.issued.access.token)
        except TokenError as error:
            where = about(*seen.token.namespaced_name)
            logger.info("it is not known yet whose token this is: %s", error.message, extra=where)
            return False
        asked.account_looks = 0
        memory.granted = Granted(account=login)
        return True

    async def revoke(self, ending: Ending) -> tuple[JSON, str | None]:
        """The pair, whose Secret goes after it."""
        return await self._room.revocation.revoke(ending)

    def given_up(self, token: GitHubToken) -> str:
        """The pair is kept, since nothing else could revoke it."""
        return given_up(token)

    def forget(self, secrets: Iterable[Ref]) -> None:
        """A GitHubToken that had these Secrets is gone."""
        for ref in secrets:
            self._room.sign_ins.forget((ref.namespace, ref.name))
            self._room.credentials.forget((ref.namespace, ref.name))

    async def _sign_in(self, gathered: Gathered, memory: Memory, step: Ask | Poll) -> Standing | None:
        """Asks for a code, or whether it was entered. What is returned says that the App's polls have to wait."""
        token = gathered.observation.token
        app = replace(gathered.app, client_id=await self._client_id(gathered))
        if delay := self._room.sign_ins.delay(gathered.lane.credential, gathered.lane.host):
            self._turns.tell(gathered.key, None)
            if isinstance(step, Poll):
                return Awaiting(step.flow, delay)
            return Transient(reasons.PENDING, "many sign-ins of this App are under way", retry_after=delay)
        if isinstance(step, Ask):
            await self._room.sign_ins.ask(token, app, step)
        else:
            await self._poll(gathered, app, step)
            memory.of(Asked).account_looks = ACCOUNT_LOOKS
        return None

    async def _poll(self, gathered: Gathered, app: App, step: Poll) -> None:
        seen = gathered.observation
        try:
            if (unanswered := await self._room.sign_ins.poll(seen.token, app, step.flow, seen.now)) is not None:
                self._turns.tell(gathered.key, unanswered)
        except Terminal as error:
            # How a human ended the flow is stored; the next look tells it, with what to do.
            sign_in = OfUser.of(seen.own).sign_in
            if error.reason not in reasons.SIGN_IN_HEALS or sign_in is None or sign_in.needed is None:
                raise

    async def _admit(self, gathered: Gathered) -> None:
        """Sees whether the right human signed in. Consumers keep what they have where only the spec changed."""
        seen, stored = gathered.observation, gathered.stored
        if seen.issued is not None:
            access = seen.issued.access
            published = stored is not None and stored.access.token == access.token
            await self._room.sign_ins.admit(seen.token, gathered.app, access, published=published)

    async def _client_id(self, gathered: Gathered) -> str:
        return await self._checks.client_id(gathered.app_ref, gathered.app, asks=gathered.key)


def _account_known(gathered: Gathered, memory: Memory) -> bool:
    return (memory.granted or Granted.of(gathered.observation.token.status)).account is not None
