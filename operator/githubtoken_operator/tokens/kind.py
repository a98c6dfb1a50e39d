"""What a run gathers, and what a kind of token does with it. Each kind is a folder that keeps this contract.

The run knows none of them by name.

`observe` reads what only this kind needs, and changes nothing. `step` does what only this kind's rules ask for before a
token can be obtained. `obtain` gets a token from GitHub, and `revoke` ends what there is of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.objects.specs.github_token import Failures, GitHubToken
from githubtoken_operator.domain.objects.specs.sources import KindName
from githubtoken_operator.domain.observed.observation import Observation, Renewal
from githubtoken_operator.domain.observed.own import NOTHING, Own, Step
from githubtoken_operator.domain.observed.standing import Standing
from githubtoken_operator.domain.runs.due import schedule, urgency
from githubtoken_operator.domain.runs.status import Granted
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, App, Server
from githubtoken_operator.engine.cache.objects import Read
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.tokens.memory import Memory, app_ref, ref_of, with_place


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
    """One kind of token. What it says nothing of is done as here.

    `deed` is what `obtain` does, for the log. `spends`: what it does cannot be undone, so it is decided on what the API
    server says at that moment. `of_app`: its tokens are had through an App. `own` is what is seen of its own before the
    object was looked at.
    """

    deed: ClassVar[str] = "obtained a token"
    spends: ClassVar[bool] = False
    of_app: ClassVar[bool] = True
    own: ClassVar[Own] = NOTHING

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
        """What obtaining a token costs of GitHub's budget (`domain.lanes.budget`)."""
        return WRITE

    def server(self, token: GitHubToken, app: App | None) -> Server | None:
        """The GitHub that the token is of; None where the App is not known."""
        return app.server if app else None

    @abstractmethod
    def lane(self, token: GitHubToken, app: App | None) -> Lane:
        """Where obtaining the token stands in line, by nothing that somebody could claim for another.

        `NOWHERE` where that is not known.
        """

    def trouble(self, resolved: Resolved) -> TokenError | None:
        """Which of what an App may lack is needed for this kind."""
        return None

    def renewal(self, seen: Observation) -> Renewal | None:
        """When the held token is to be replaced, or looked at again; None where there is nothing to be done."""
        return schedule.replacement(seen)

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
        """What is seen of its own once an attempt failed with `error`, or got a token."""
        return own

    def is_told_by_another_look(self, own: Own, error: TokenError) -> bool:
        """Whether what is stored says more than the error, so that all is looked at anew and no failure counts."""
        return False

    def keep(self, memory: Memory, issued: Issued | None) -> None:
        """Remembers a token that is about to be published, where it is nowhere else until then."""
        memory.held = issued

    def granted(self, seen: Observation, memory: Memory) -> Granted:
        """Whose the token is, and what GitHub granted it, as far as that is known."""
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


@dataclass(frozen=True, slots=True)
class Gathered:
    """The observation, what only acting on it needs, and the objects that were read.

    `stored` is the token in the consumer's Secret. `local_time` is our clock at the moment of `observation.now`.
    `inputs` changes with anything that could mend a failure. `kind` is what its kind of token does.
    """

    observation: Observation
    kind: TokenKind
    body: JSON
    resolved: Resolved
    local_time: datetime
    stored: Issued | None
    inputs: str

    @property
    def key(self) -> Ref:
        """The object's own."""
        return ref_of(self.observation.token)

    @property
    def app(self) -> App:
        """The App; a decision to obtain is made only where there is one."""
        if self.resolved.app is None:
            raise Terminal(reasons.APP_NOT_READY, "the App cannot be used")
        return self.resolved.app

    @property
    def spec_hash(self) -> str:
        """Of what a token is obtained for."""
        if self.observation.spec_hash is None:
            raise Terminal(reasons.APP_NOT_READY, "the App cannot be used")
        return self.observation.spec_hash

    @property
    def lane(self) -> Lane:
        """Where obtaining the token stands in line."""
        return self.kind.lane(self.observation.token, self.resolved.app)

    @property
    def app_ref(self) -> Ref:
        """The App that `appRef` names, whether or not it is there."""
        return app_ref(self.observation.token)

    @property
    def deadline(self) -> float:
        """Until when a new token is wanted, in Unix seconds."""
        return urgency.deadline(self.observation).timestamp()

    @property
    def next_revision(self) -> int:
        """The number of the token that is obtained next."""
        seen = self.observation
        return 1 + max(seen.issued.revision if seen.issued else 0, int(seen.token.status.get("revision", 0)))

    def holding(self, issued: Issued, memory: Memory) -> Gathered:
        """The same after `issued` was obtained, which answers the refresh request if there was one."""
        own = self.kind.after(self.observation.own, memory, None)
        token = with_place(self.observation.token, memory)
        if token.refresh_requested is not None:
            token = replace(token, status={**token.status, "lastHandledRefreshAt": token.refresh_requested})
        seen = replace(self.observation, issued=issued, token=token, own=own)
        return replace(self, observation=replace(seen, renewal=self.kind.renewal(seen)))

    def failed(self, error: TokenError, failures: Failures, memory: Memory) -> Gathered:
        """The same after an attempt failed."""
        own = self.kind.after(self.observation.own, memory, error)
        return replace(self, observation=replace(self.observation, failures=failures, own=own))


TokenKinds = Mapping[KindName, TokenKind]
