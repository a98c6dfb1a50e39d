"""Personal tokens as a kind: a human made one and nobody can renew it, so GitHub is only asked whether it is good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain import personal_token
from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.lanes.budget import READ
from githubtoken_operator.domain.lanes.lane import NOWHERE, Lane
from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.observed.observation import Observation, Renewal
from githubtoken_operator.domain.observed.own import Own
from githubtoken_operator.domain.observed.personal import OfPersonal
from githubtoken_operator.domain.runs.status import Granted
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError, TokenRefused
from githubtoken_operator.domain.vocabulary.model import JSON, App, PersonalTokenInfo, Server, Token
from githubtoken_operator.domain.vocabulary.times import is_ahead
from githubtoken_operator.engine.cache.objects import Read
from githubtoken_operator.tokens.kind import Ending, Gathered, TokenKind
from githubtoken_operator.tokens.memory import Memory, newer


@dataclass(slots=True)
class LastCheck:
    """When GitHub last accepted the token, as far as this process asked, and whether it has refused it since."""

    at: datetime | None = None
    refused: bool = False


class PersonalKind(TokenKind):
    """The kind `Personal`."""

    deed = "checked the token"
    of_app = False
    own = OfPersonal()

    def __init__(self, ground: Ground) -> None:
        self._github = ground.github
        self._allowed_hosts = ground.settings.allowed_hosts

    def points(self, memory: Memory) -> float:
        """It is only asked about."""
        return READ

    def server(self, token: GitHubToken, app: App | None) -> Server | None:
        """The one in the spec."""
        return token.personal.server if token.personal else None

    def lane(self, token: GitHubToken, app: App | None) -> Lane:
        """One of its own, among those of the namespace: whose the token is, is not known before GitHub says so."""
        source = token.personal
        of = token.namespaced_name[0]
        return Lane(source.server.api_host, f"namespace {of}", token.name) if source else NOWHERE

    def renewal(self, seen: Observation) -> Renewal | None:
        """GitHub is asked once an hour whether it still accepts the token."""
        if seen.issued is None:
            return None
        checked = OfPersonal.of(seen.own).checked
        known = checked is not None and not is_ahead(checked, seen.now)
        return Renewal(checked + personal_token.CHECK_EVERY if checked and known else seen.now)

    def secrets(self, token: GitHubToken) -> Sequence[str]:
        """The human's."""
        return [token.personal.secret.name] if token.personal else []

    async def observe(
        self, seen: Observation, resolved: Resolved, memory: Memory, stored: Issued | None, read: Read
    ) -> tuple[Observation, Sequence[str]]:
        """The human's Secret, and the last check."""
        seen = replace(seen, issued=newer(memory.held, stored, seen.now))
        token, source, held = seen.token, seen.token.personal, seen.issued
        if source is None:
            return seen, []
        spec_hash = personal_token.spec_hash(source)
        (checked, refused), last = personal_token.last_check(token, held, spec_hash), memory.of(LastCheck)
        own = OfPersonal(checked=last.at or checked, refused=last.refused or (last.at is None and refused))
        refusal = hosts.refusal(source.server, self._allowed_hosts, where="spec.personal")
        try:
            secret = await read(Kind.SECRET, token.namespace, source.secret.name)
            candidate = personal_token.token_in(secret, source)
        except Terminal as missing:
            return replace(seen, own=own, spec_hash=spec_hash, trouble=refusal or missing), []
        expired = personal_token.expiry(held, source) if held and seen.expired else None
        over = expired if held and held.access.token == candidate else None
        own = replace(own, candidate=candidate)
        return replace(seen, own=own, spec_hash=spec_hash, trouble=refusal or over), [candidate.sha256]

    async def obtain(self, gathered: Gathered, memory: Memory) -> Issued | None:
        """Has the human's token checked; what GitHub accepts is what is held from now on."""
        seen = gathered.observation
        candidate, source = OfPersonal.of(seen.own).candidate, seen.token.personal
        if candidate is None or source is None:
            raise AssertionError("there is no token to check")
        held = seen.issued
        # A token of an earlier spec may be another host's, and is not shown to this one.
        published = held.access.token if held and seen.for_present_spec else None
        info = await self._check(source.server, candidate, published)
        memory.held = personal_token.accepted(
            candidate,
            info,
            held,
            revision=gathered.next_revision,
            spec_hash=seen.spec_hash or "",
            origin=origin.of(source.server),
        )
        memory.granted = Granted(info.login)
        memory.part = LastCheck(info.at)
        return memory.held

    def after(self, own: Own, memory: Memory, error: TokenError | None) -> Own:
        """A refusal is of the token that is held, and lasts until one is accepted."""
        own, last = OfPersonal.of(own), memory.of(LastCheck)
        if error is None:
            return replace(own, checked=last.at, refused=False)
        last.refused = own.refused or isinstance(error, TokenRefused)
        return replace(own, refused=last.refused)

    async def revoke(self, ending: Ending) -> tuple[JSON, str | None]:
        """The API server takes no such object: a human's own token is not ours to revoke."""
        return ending.body, self.given_up(ending.token)

    def given_up(self, token: GitHubToken) -> str:
        """It is its human's."""
        return "A personal token is revoked by the human who made it, at GitHub"

    async def _check(self, server: Server, token: Token, held: Token | None) -> PersonalTokenInfo:
        """What GitHub says of `token`; `held` is the one that consumers have. Raises `TokenError`.

        Who makes a new token at GitHub often ends the old one by it. So where the new one is refused, the one that
        consumers have is asked about too: `TokenRefused` always means that theirs is dead.
        """
        try:
            return await self._github.check_personal_token(server, token)
        except TokenRefused as refused:
            if held is None or held == token or not await self._may_live(server, held):
                raise
            raise Terminal(refused.reason, refused.message) from refused

    async def _may_live(self, server: Server, token: Token) -> bool:
        try:
            await self._github.check_personal_token(server, token)
        except TokenError as error:
            # No answer says nothing about the token.
            return not isinstance(error, TokenRefused)
        return True
