"""How a run can end: a closed union, of which `followup` says what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.runs.status import Result


@dataclass(frozen=True, slots=True)
class Settled:
    """It came to its end, and what came of it is recorded.

    `local_time` is our clock at the moment of `seen.now`. `recheck` is when to look at what no watch tells of, where
    the decision said so, and `consumers` when those are told who could not be told yet. `asks`: there is more to be
    asked at GitHub when its turn has come.
    """

    seen: Observation
    result: Result
    local_time: datetime
    recheck: timedelta | None = None
    consumers: timedelta | None = None
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody else wrote meanwhile, or there is more to do."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The API server could not be asked, or refused; `refusals`: how many runs in a row it refused.

    One that has just started does so for a moment. Where a namespace has lost the operator's rights it lasts, and where
    an admission webhook or policy keeps an object from being written.
    """

    refusals: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """Something was refused that status does not tell, as while the operator's rights are missing."""


@dataclass(frozen=True, slots=True)
class NotItsTurn:
    """Others go first at GitHub, or GitHub is to be left alone; it is woken when its turn has come."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class Lagging:
    """GitHub's replicas are not seen to know the new token yet."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class NamespaceGoes:
    """Nothing can be made in its namespace any more."""


@dataclass(frozen=True, slots=True)
class Revoking:
    """It is being deleted, and what it had is not revoked yet. `left`: how long it is held for that at most."""

    wait: timedelta
    left: timedelta


@dataclass(frozen=True, slots=True)
class Gone:
    """The object is not there any more, or not ours to hold."""


Outcome = Settled | Moved | Unreachable | Refused | NotItsTurn | Lagging | NamespaceGoes | Revoking | Gone
