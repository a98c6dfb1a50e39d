"""What only one kind of token needs before one can be obtained or published: the rules ask for it, its room does it.

`asks_github`: whether the object needs its turn at GitHub for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from githubtoken_operator.domain.user.device_flow import Ask, Poll
from githubtoken_operator.domain.vocabulary.model import Token


@dataclass(frozen=True, slots=True)
class Label:
    """Put the label back on the credential Secret."""

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


Step = Label | TakeSeed | Ask | Poll | Admit
