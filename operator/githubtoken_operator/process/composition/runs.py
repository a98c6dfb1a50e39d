"""The runs of GitHubTokens and Apps: made and connected here, on the cluster, the GitHub and the clocks that are given.

The process gives them the real ones (`wiring`), unit tests theirs; what is between is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from githubtoken_operator.apps.checks import Checks
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.resolving import Apps
from githubtoken_operator.apps.runs import AppRuns
from githubtoken_operator.engine.cache.watched import TOKENS, Ref
from githubtoken_operator.engine.scheduling.due_queue import Next
from githubtoken_operator.tokens.consumer.claims import Claims
from githubtoken_operator.tokens.deletion.ending import Endings
from githubtoken_operator.tokens.deletion.finalizer import Finalizer
from githubtoken_operator.tokens.deletion.revocation import Revocations
from githubtoken_operator.tokens.installation.kind import InstallationKind
from githubtoken_operator.tokens.kind import TokenKinds
from githubtoken_operator.tokens.personal.kind import PersonalKind
from githubtoken_operator.tokens.runs.acting import Actions
from githubtoken_operator.tokens.runs.gatherer import Gatherer
from githubtoken_operator.tokens.runs.reconciler import Reconciler
from githubtoken_operator.tokens.runs.turn import TokenTurns
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.spread.spreads import Spreads
from githubtoken_operator.tokens.user.kind import UserKind
from githubtoken_operator.tokens.user.room import UserRoom


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs, and of their parts what the process begins, feeds and ends."""

    app_runs: AppRuns
    users: UserRoom
    known: Known
    reconciler: Reconciler

    async def run(self, key: Ref) -> Next | None:
        """One run for an object, and when it is due again."""
        return await (self.reconciler.run(key) if key.kind in TOKENS else self.app_runs.run(key))


def runs_on(ground: Ground) -> Runs:
    """The runs of all kinds."""
    apps, users, known = Apps(ground), UserRoom(ground), Known()
    checks = Checks(ground, apps)
    kinds: TokenKinds = {
        "Installation": InstallationKind(ground, checks),
        "User": UserKind(ground, users, checks),
        "Personal": PersonalKind(ground),
    }
    return Runs(AppRuns(ground, apps, checks), users, known, _reconciler(ground, apps, kinds, known))


def _reconciler(ground: Ground, apps: Apps, kinds: TokenKinds, known: Known) -> Reconciler:
    claims, finalizer, turns = Claims(ground.objects, ground.watched), Finalizer(ground), TokenTurns(ground.turns)
    spreads = Spreads(ground, known, claims)
    endings = Endings(ground, kinds=kinds, apps=apps, spreads=spreads)
    return Reconciler(
        ground,
        gatherer=Gatherer(ground, kinds=kinds, apps=apps, finalizer=finalizer, claims=claims, spreads=spreads),
        actions=Actions(ground, apps=apps, turns=turns, finalizer=finalizer, spreads=spreads),
        turns=turns,
        revocations=Revocations(ground, endings=endings, finalizer=finalizer),
    )
