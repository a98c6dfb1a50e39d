"""What only users' tokens add to what a run sees: the credential Secret, the seed, and how far a sign-in has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from githubtoken_operator.domain.observed.own import Admit, Mark, Own, Step, TakeSeed
from githubtoken_operator.domain.observed.standing import Standing
from githubtoken_operator.domain.user import device_flow
from githubtoken_operator.domain.user.device_flow import SignIn
from githubtoken_operator.domain.vocabulary.model import Token


@dataclass(frozen=True, slots=True)
class OfUser(Own):
    """A user's own.

    `seeded` says that the refresh token was put there by a human, and `newer_seed` is one that was not taken up yet.
    `revoked`: GitHub refuses the refresh token, so the token beside it is dead too. `unadmitted`: it is not known yet
    whether the right human signed in, and `account` is who did. `unmarked`: the credential Secret lacks the label by
    which it is watched, or the name of this object, to which it is handed on. `sign_in` is set where the device flow is
    allowed.
    """

    replaces: ClassVar[bool] = True

    seeded: bool = False
    newer_seed: Token | None = None
    revoked: bool = False
    unadmitted: bool = False
    unmarked: bool = False
    sign_in: SignIn | None = None
    account: str | None = None

    @property
    def admission(self) -> Step | None:
        """Whose pair it is must be known."""
        return Admit() if self.unadmitted else None

    def first(self, *, suspended: bool) -> Step | None:
        """The label, without which a change would not be seen; then a seed."""
        if self.unmarked:
            return Mark()
        return TakeSeed(self.newer_seed) if self.newer_seed is not None and not suspended else None

    def ahead(self, now: datetime) -> Step | Standing | None:
        """The device flow."""
        return device_flow.next_step(self.sign_in, now) if self.sign_in else None

    def cause(self, held: Token | None) -> str | None:
        """A seed is exchanged at once: until then, whoever else has it could."""
        return "a human signed in" if self.seeded else None
