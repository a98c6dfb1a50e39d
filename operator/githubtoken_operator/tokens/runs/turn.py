"""An object's turn to ask GitHub: in which lane it stands, and what is said of it while it waits.

It says who it is to the lanes (`engine.scheduling.turns`), as its kind has it: the reconciler knows no kinds.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.observed.standing import BackingOff, Queued, Standing
from githubtoken_operator.domain.runs.due.outcomes import NotItsTurn, Outcome, Settled
from githubtoken_operator.domain.vocabulary import conditions, reasons
from githubtoken_operator.domain.vocabulary.errors import NotSent, OutcomeUnknown
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.engine.scheduling.turns import LOOK_AGAIN, WORTH_A_WORD, Stand, Turns, Waits
from githubtoken_operator.tokens.kind import Gathered


class TokenTurns:
    """The turns of GitHubTokens and ClusterGitHubTokens."""

    def __init__(self, turns: Turns[Ref]) -> None:
        self._turns = turns

    def turn(self, gathered: Gathered, points: float = WRITE) -> AbstractContextManager[None]:
        """Inside of it GitHub may be asked for the object. Raises `Waits`."""
        lane = gathered.lane
        app = gathered.app_ref if gathered.resolved.app else Ref(Kind.APP, gathered.key.namespace, "")
        self._turns.owned(lane, (app.namespace, app.name))
        stand = Stand(lane, gathered.deadline, points)
        return self._turns.turn(gathered.key, stand, learnt=lambda: gathered.lane)

    def reserve(self, gathered: Gathered) -> None:
        """Keeps a turn for one that failed as GitHub failed."""
        self._turns.reserve(gathered.key, Stand(gathered.lane, gathered.deadline, WRITE))

    def stand(self, gathered: Gathered) -> None:
        """Gives a turn to one that need not wait for its own next attempt."""
        self._turns.stand(gathered.key, Stand(gathered.lane, gathered.deadline, WRITE))

    def ended(self, key: Ref, outcome: Outcome) -> None:
        """A run ended so: unless the object waits at GitHub, it wants no turn any more."""
        if not _keeps_its_turn(outcome):
            self._turns.leave(key)


def was_unanswered(seen: Observation) -> bool:
    """Whether consumers have no token since GitHub did not answer an earlier process.

    That had a turn for it, for when GitHub answers again; here the first ones find out whether it does.
    """
    return conditions.ready_of(seen.token.status) == ("False", reasons.GITHUB_UNAVAILABLE)


def while_waiting(gathered: Gathered, waits: Waits) -> tuple[Standing | None, NotItsTurn]:
    """What status is to say, None where it need not, and when to look again at an object that has a reservation.

    It is said once, where status says nothing of this spec yet, or has become untrue: where the token has died since
    its renewal failed, why it failed; and where GitHub answers again, that there is but a turn to wait for.
    """
    seen, status = gathered.observation, gathered.observation.token.status
    decided = conditions.is_decided(status, seen.token.generation)
    untrue = not seen.valid and conditions.ready_of(status)[0] == "True"
    # Where no attempt of its own failed, status has that from its wait.
    answers = not waits.out and not seen.failures.attempts and was_unanswered(seen)
    unsaid = 0.0 if untrue else max(WORTH_A_WORD - waits.waited, 0.0)
    # A token that dies while it waits is told when it does.
    left, pause = gathered.deadline - seen.now.timestamp(), unsaid or LOOK_AGAIN
    again = NotItsTurn(timedelta(seconds=min(left, pause) if left > 0 else pause))
    if unsaid or (decided and not untrue and not answers):
        return None, again
    failed = seen.last_error if decided else None
    return failed or Queued(waits.before, out=gathered.lane.host if waits.out else ""), again


def _keeps_its_turn(outcome: Outcome) -> bool:
    """Whether the object waits at GitHub: for its turn, or until GitHub answers again."""
    if isinstance(outcome, Settled):
        return outcome.asks or isinstance(outcome.result.standing, NotSent | OutcomeUnknown | BackingOff)
    return isinstance(outcome, NotItsTurn)
