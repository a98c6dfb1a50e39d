"""What only one kind of token adds to what a run sees: the questions that the rules ask it, whatever the kind.

A `Step` is what only one kind needs before a token can be obtained or published: the rules ask for it, its room does
it. `asks_github`: whether the object needs its turn at GitHub for it.

Each kind that has something to say has a value of its own, which its room puts into the observation and reads there:
an empty one before the object was looked at. `Own` itself is that of a kind that has nothing to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.observed.standing import Standing
from githubtoken_operator.domain.user.device_flow import Ask, Poll
from githubtoken_operator.domain.vocabulary.model import AccessToken, Token


@dataclass(frozen=True, slots=True)
class Mark:
    """Put the label back on the credential Secret, and the object's name on one that is handed on to it."""

    asks_github: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class TakeSeed:
    """Take up the refresh token that a human put into the seed Secret."""

    seed: Token
    asks_github: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Admit:
    """See whether the right human signed in, before the token is published."""

    asks_github: ClassVar[bool] = True


Step = Mark | TakeSeed | Ask | Poll | Admit


@dataclass(frozen=True, slots=True)
class Own:
    """Nothing of its own.

    `renewal` says in words what is due when the held token is to be replaced. `replaces`: whether a new token ends the
    one before it.
    """

    renewal: ClassVar[str] = "renewal is due"
    replaces: ClassVar[bool] = False

    @classmethod
    def of(cls, own: Own) -> Self:
        """The same as this kind's; nothing is known of it where the object could not be looked at."""
        return own if isinstance(own, cls) else cls()

    @property
    def revoked(self) -> bool:
        """Whether the held token is known to be dead before its time, so that nobody is given it any more."""
        return False

    @property
    def refused(self) -> bool:
        """Whether GitHub has refused the held token, which consumers keep all the same until there is another."""
        return False

    @property
    def admission(self) -> Step | None:
        """What has to be done before the held token may be published."""
        return None

    def first(self, *, suspended: bool) -> Step | None:
        """What is done before anything else."""
        return None

    def ahead(self, now: datetime) -> Step | Standing | None:
        """What comes before a token can be obtained, or how far that has come."""
        return None

    def cause(self, held: Token | None) -> str | None:
        """Why another token is wanted than the one that is held."""
        return None

    def is_superseded(self, held: Token | None) -> bool:
        """Whether a human has put another token in the place of the one that is held."""
        return False

    def warn_from(self, token: GitHubToken, access: AccessToken) -> datetime | None:
        """From when on a human is told that the token expires; None where that needs none."""
        return None

    def warning(self, token: GitHubToken, access: AccessToken, now: datetime) -> str | None:
        """What a human is told from then on, until it expires."""
        return None

    def times(self, due: datetime | None) -> Mapping[str, datetime | None]:
        """What status says of the future and the past of the held token; `due` is when its renewal is."""
        return {"renewalTime": due}


NOTHING = Own()
