"""What a kind of token does in a run. Each kind is a folder that keeps this contract; the run knows none by name.

`observe` reads what only this kind needs, and changes nothing. `step` does what only this kind's rules ask for before a
token can be obtained. `obtain` gets a token from GitHub, and `revoke` ends what there is of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime

from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.objects.view import KindName
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.observed.own import Own, Step
from githubtoken_operator.domain.observed.standing import Standing
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


class TokenKind(ABC):
    """One kind of token. What has a body is what a kind answers that needs nothing else."""

    deed = "obtained a token"
    """What `obtain` does, for the log."""
    spends = False
    """Whether what it does cannot be undone: it is decided on what the API server says at that moment."""
    of_app = True
    """Whether its tokens are had through an App."""

    def secrets(self, token: GitHubToken) -> Sequence[str]:
        """Names of the Secrets that `observe` reads, so that a change of one wakes the object."""
        return ()

    @abstractmethod
    async def observe(
        self, seen: Observation, resolved: Resolved, memory: Memory, stored: Issued | None, read: Read
    ) -> tuple[Observation, Sequence[str]]:
        """What this kind adds to `seen`, the token that is held above all, and what could mend a failure.

        `stored` is the token in the consumer's Secret, and `read` has the others. Raises `ApiError`.
        """

    def points(self, memory: Memory) -> float:
        """What obtaining a token costs of GitHub's budget (`domain.lanes.budget`): one request that makes something."""
        return WRITE

    def server(self, token: GitHubToken, app: App | None) -> Server | None:
        """The GitHub that the token is of, the App's; None where the App is not known."""
        return app.server if app else None

    @abstractmethod
    def lane(self, token: GitHubToken, app: App | None) -> Lane | None:
        """Where obtaining the token stands in line, by nothing that somebody could claim for another.

        None where that is not known: the App cannot be used.
        """

    def trouble(self, resolved: Resolved) -> TokenError | None:
        """Which of what an App may lack is needed for this kind."""
        return None

    def renewal(self, seen: Observation) -> Renewal | None:
        """When the held token is to be replaced, or looked at again; None where there is nothing to be done."""
        return replacement(seen)

    async def prove(self, gathered: Gathered) -> None:  # noqa: B027 - where nothing can be proved
        """Sees that GitHub accepts the credential, before an attempt counts among its.

        Raises `TokenError`, and `Waits` where others do so already.
        """

    async def step(self, gathered: Gathered, memory: Memory, step: Step) -> Standing | None:
        """Does what the rules of this kind ask for. What is returned has to be waited for. Raises `TokenError`."""
        raise AssertionError(step)

    @abstractmethod
    async def obtain(self, gathered: Gathered, memory: Memory) -> Issued | None:
        """Gets a token; None says that it is stored, and published from there. Raises `TokenError`."""

    def after(self, own: Own, memory: Memory, error: TokenError | None) -> Own:
        """What is seen of its own once an attempt failed with `error`, or got a token: the same."""
        return own

    def is_told_by_another_look(self, own: Own, error: TokenError) -> bool:
        """Whether what is stored says more than the error, so that all is looked at anew and no failure counts."""
        return False

    def keep(self, memory: Memory, issued: Issued | None) -> None:
        """Remembers a token that is about to be published, where it is nowhere else until then."""
        memory.held = issued

    def granted(self, seen: Observation, memory: Memory) -> Granted:
        """Whose the token is, and what GitHub granted it: what obtaining it has told, else what status says."""
        return memory.granted or Granted.of(seen.token.status)

    async def learn_account(self, gathered: Gathered, memory: Memory) -> bool:
        """Asks whose token was published, where it may still be asked: whether it is known now, and was not before.

        Raises `Waits` where others go first: it is asked when its turn has come.
        """
        return False

    @abstractmethod
    async def revoke(self, ending: Ending) -> tuple[JSON, str | None]:
        """Revokes all that is held and kept: the object as it is then, and what may be alive, in words for the event.

        Raises `TokenError` or `ApiError` to be tried again.
        """

    @abstractmethod
    def given_up(self, token: GitHubToken) -> str:
        """What a human is told where that could not be done in time: what becomes of the tokens."""

    def forget(self, secrets: Iterable[Ref]) -> None:  # noqa: B027 - most kinds keep nothing
        """A GitHubToken that had these Secrets is gone."""


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
