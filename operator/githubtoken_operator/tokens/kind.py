"""What a kind of token does in a run. Each kind is a folder that keeps this contract; the run knows none by name.

`observe` reads what only this kind needs, and changes nothing. `step` does what only this kind's rules ask for before a
token can be obtained. `obtain` gets a token from GitHub, and `revoke` ends what there is of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.objects.view import KindName
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.observed.own import Own
from githubtoken_operator.domain.observed.standing import Standing
from githubtoken_operator.domain.observed.steps import Step
from githubtoken_operator.domain.runs.due import schedule
from githubtoken_operator.domain.runs.due.schedule import Renewal
from githubtoken_operator.domain.runs.status import Granted
from githubtoken_operator.domain.vocabulary.errors import TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, App, Server
from githubtoken_operator.engine.cache.objects import Read
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.tokens.gathered import Gathered, Memory


class StartOver(Exception):
    """The store moved while a kind worked: look again and decide anew. Nothing was sent, or nothing was lost."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A GitHubToken with `deletionPolicy: Revoke` that is being deleted.

    `held` are the tokens that consumers have, and the one that this process remembers; `unread` is why it is not known
    what consumers have. `app` gives the App, which raises `TokenError` where nobody knows it any more. Inside of `turn`
    GitHub may be asked as that App, for so many points; it raises `Waits`, and there is one in an attempt.
    """

    body: JSON
    token: GitHubToken
    memory: Memory
    held: Sequence[Issued]
    unread: Forbidden | None
    now: datetime
    app: Callable[[], Awaitable[App]]
    turn: Callable[[App, float], AbstractContextManager[None]]


class TokenKind(Protocol):
    """One kind of token."""

    @property
    def deed(self) -> str:
        """What `obtain` does, for the log."""

    def secrets(self, token: GitHubToken) -> Sequence[str]:
        """Names of the Secrets that `observe` reads, so that a change of one wakes the object."""

    @property
    def spends(self) -> bool:
        """Whether what it does cannot be undone: it is decided on what the API server says at that moment."""

    async def observe(
        self, seen: Observation, resolved: Resolved, memory: Memory, stored: Issued | None, read: Read
    ) -> tuple[Observation, Sequence[str]]:
        """What this kind adds to `seen`, the token that is held above all, and what could mend a failure.

        `stored` is the token in the consumer's Secret, and `read` has the others. Raises `ApiError`.
        """

    @property
    def of_app(self) -> bool:
        """Whether its tokens are had through an App."""

    def points(self, memory: Memory) -> float:
        """What obtaining a token costs of GitHub's budget (`domain.lanes.budget`)."""

    def server(self, token: GitHubToken, app: App | None) -> Server | None:
        """The GitHub that the token is of; None where the App is not known."""

    def lane(self, token: GitHubToken, app: App | None) -> Lane | None:
        """Where obtaining the token stands in line, by nothing that somebody could claim for another.

        None where that is not known: the App cannot be used.
        """

    def trouble(self, resolved: Resolved) -> TokenError | None:
        """Which of what an App may lack is needed for this kind."""

    def renewal(self, seen: Observation) -> Renewal | None:
        """When the held token is to be replaced, or looked at again; None where there is nothing to be done."""

    async def prove(self, gathered: Gathered) -> None:
        """Sees that GitHub accepts the credential, before an attempt counts among its.

        Raises `TokenError`, and `Waits` where others do so already.
        """

    async def step(self, gathered: Gathered, memory: Memory, step: Step) -> Standing | None:
        """Does what the rules of this kind ask for. What is returned has to be waited for. Raises `TokenError`."""

    async def obtain(self, gathered: Gathered, memory: Memory) -> Issued | None:
        """Gets a token; None says that it is stored, and published from there. Raises `TokenError`."""

    def after(self, own: Own, memory: Memory, error: TokenError | None) -> Own:
        """What is seen of its own once an attempt failed with `error`, or got a token."""

    def is_told_by_another_look(self, own: Own, error: TokenError) -> bool:
        """Whether what is stored says more than the error, so that all is looked at anew and no failure counts."""

    def keep(self, memory: Memory, issued: Issued | None) -> None:
        """Remembers a token that is about to be published, where it is nowhere else until then."""

    def granted(self, seen: Observation, memory: Memory) -> Granted:
        """Whose the token is, and what GitHub granted it, as far as that is known."""

    async def learn_account(self, gathered: Gathered, memory: Memory) -> bool:
        """Asks whose token was published, where it may still be asked: whether it is known now, and was not before.

        Raises `Waits` where others go first: it is asked when its turn has come.
        """

    async def revoke(self, ending: Ending) -> tuple[JSON, str | None]:
        """Revokes all that is held and kept: the object as it is then, and what may be alive, in words for the event.

        Raises `TokenError` or `ApiError` to be tried again.
        """

    def given_up(self, token: GitHubToken) -> str:
        """What a human is told where that could not be done in time: what becomes of the tokens."""

    def forget(self, secrets: Iterable[Ref]) -> None:
        """A GitHubToken that had these Secrets is gone."""


class Plain:
    """What a kind answers that needs nothing of the sort."""

    deed = "obtained a token"
    spends = False
    of_app = True

    def points(self, memory: Memory) -> float:
        """One request that makes something."""
        return WRITE

    def secrets(self, token: GitHubToken) -> Sequence[str]:
        """None."""
        return ()

    def server(self, token: GitHubToken, app: App | None) -> Server | None:
        """The App's."""
        return app.server if app else None

    def trouble(self, resolved: Resolved) -> TokenError | None:
        """None of it."""
        return None

    def renewal(self, seen: Observation) -> Renewal | None:
        """A while before the end of what expires first."""
        return replacement(seen)

    async def prove(self, gathered: Gathered) -> None:
        """Nothing can be proved."""

    async def step(self, gathered: Gathered, memory: Memory, step: Step) -> Standing | None:
        """No rule of such a kind asks for a step."""
        raise AssertionError(step)

    def after(self, own: Own, memory: Memory, error: TokenError | None) -> Own:
        """The same."""
        return own

    def is_told_by_another_look(self, own: Own, error: TokenError) -> bool:
        """An error says all."""
        return False

    def keep(self, memory: Memory, issued: Issued | None) -> None:
        """It is in the consumer's Secret and in memory alone."""
        memory.held = issued

    def granted(self, seen: Observation, memory: Memory) -> Granted:
        """What obtaining it has told, else what status says."""
        return memory.granted or Granted.of(seen.token.status)

    async def learn_account(self, gathered: Gathered, memory: Memory) -> bool:
        """It was known when the token was obtained."""
        return False

    def forget(self, secrets: Iterable[Ref]) -> None:
        """Nothing is kept."""


def replacement(seen: Observation) -> Renewal | None:
    """When the held token is to be replaced; None where there is none, or where it does not expire."""
    token, issued = seen.token, seen.issued
    if issued is None or issued.access.expires_at is None:
        return None
    access = issued.access
    found = schedule.renewal(
        issued=access.created,
        expires=issued.access.expires_at,
        renew_before=token.renew_before,
        renew_before_percentage=token.renew_before_percentage,
        uid=token.uid,
        revision=issued.revision,
    )
    if access.refresh_expires_at is None:
        return found
    for_refresh_token = schedule.refresh_token_renewal(issued=access.created, refresh_expires=access.refresh_expires_at)
    return replace(found, due=min(found.due, for_refresh_token))


TokenKinds = Mapping[KindName, TokenKind]
