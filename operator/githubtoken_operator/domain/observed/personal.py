"""What only personal tokens add to what a run sees: the token in the human's Secret, and the last check of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from githubtoken_operator.domain.observed.own import Own
from githubtoken_operator.domain.vocabulary.model import Token


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

    def times(self, due: datetime | None) -> Mapping[str, datetime | None]:
        """It is not renewed."""
        return {"lastCheckTime": self.checked}
