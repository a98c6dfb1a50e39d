"""What only personal tokens add to what a run sees: the token in the human's Secret, and the last check of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from githubtoken_operator.domain import personal_token
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.observed.own import Own
from githubtoken_operator.domain.vocabulary.model import AccessToken, Token


@dataclass(frozen=True, slots=True)
class OfPersonal(Own):
    """A personal token's own.

    `candidate` is what the human's Secret holds, `checked` is when GitHub last accepted the token that is held, and
    `refused` says that it has refused it since.
    """

    renewal: ClassVar[str] = "a check is due"

    candidate: Token | None = None
    checked: datetime | None = None
    refused: bool = False

    def cause(self, held: Token | None) -> str | None:
        """Another token of the human's, or a look whether GitHub takes the old one again."""
        if self.is_superseded(held):
            return "a human made another token"
        return "GitHub refused it" if self.refused else None

    def is_superseded(self, held: Token | None) -> bool:
        """Whether the human's Secret has another."""
        return self.candidate not in (None, held)

    def warn_from(self, token: GitHubToken, access: AccessToken) -> datetime | None:
        """A week before."""
        return personal_token.warn_from(token, access)

    def warning(self, token: GitHubToken, access: AccessToken, now: datetime) -> str | None:
        """To make another."""
        return personal_token.warning(token, access, now)

    def times(self, due: datetime | None) -> Mapping[str, datetime | None]:
        """It is not renewed."""
        return {"lastCheckTime": self.checked}
