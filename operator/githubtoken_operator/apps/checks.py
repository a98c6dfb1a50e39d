"""What GitHub said of Apps, when `domain.runs.appcheck` wanted them checked, and what is learnt of them thereby.

One asks for all that need to know: the others wait. Once GitHub has answered they are woken, or stand in their lanes
where all that they would find out is that it is not their turn.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from githubtoken_operator.adapters.signers.remote_key import RemoteKey
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.resolving import Apps
from githubtoken_operator.domain.lanes.budget import READ
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.objects.specs.github_app import GitHubApp
from githubtoken_operator.domain.runs import appcheck
from githubtoken_operator.domain.runs.appcheck import AppCheck
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, Transient
from githubtoken_operator.domain.vocabulary.model import App, AppInfo, PrivateKey
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.engine.scheduling.turns import Stand, Waits

logger = logging.getLogger(__name__)


class Checks:
    """What GitHub said of each App."""

    def __init__(self, ground: Ground, apps: Apps) -> None:
        self._github = ground.github
        self._turns = ground.turns
        self._wake = ground.wake
        self._now = ground.clocks.now
        self._apps = apps
        self._checks: dict[Ref, AppCheck] = {}
        self._client_ids: dict[Ref, tuple[tuple[str, str, str], str]] = {}
        self._limits: dict[Ref, tuple[datetime, RateLimited]] = {}
        self._unchecked: dict[Ref, dict[Ref, Stand | None]] = {}
        self._unanswered: dict[Ref, str] = {}

    async def ensure_checked(self, ref: Ref, *, asks: Ref, stand: Stand | None = None) -> None:
        """Asks GitHub about the App where that is due. Raises what GitHub refused, and its limit until it ends.

        One asks for all: others have to wait (`Waits`) without a place, and are woken once GitHub has answered, or
        where it accepts the App put where they say that they `stand`. No answer counts as no check; an App that GitHub
        accepted before is used nevertheless.
        Where a service has the key, raises why it is not known which.
        """
        resolved = await self._apps.resolve(ref)
        source, app, key = resolved.source, resolved.app, resolved.key
        if source is None or app is None or key is None:
            return
        if isinstance(key, RemoteKey):
            await key.identify()
        check = self._checks.get(ref) or appcheck.remembered(source)
        if check is None or check.is_due(source, key.fingerprint, self._now()):
            check = await self._check(ref, source, app, key, before=check, asks=asks, stand=stand)
            # Whoever goes on with what was known before waits for nothing.
            self._unchecked.get(ref, {}).pop(asks, None)
        self._checks[ref] = check
        if check.error is not None:
            raise check.error

    def last(self, ref: Ref) -> AppCheck | None:
        """What GitHub said when the App was looked at last."""
        return self._checks.get(ref)

    def limited_until(self, ref: Ref) -> datetime | None:
        """When the limit ends that GitHub stated at the last look."""
        return self._limits[ref][0] if ref in self._limits else None

    def unanswered(self, ref: Ref) -> str | None:
        """Why GitHub did not answer at the last look; None where it did, or was not asked."""
        return self._unanswered.get(ref)

    def look_after(self, app: App, key: RemoteKey) -> None:
        """Has the service sign ahead for the App, by GitHub's clock."""
        key.look_after(app.issuer, self._now() + self._github.skew(app.server.api_host))

    def let_go(self, ref: Ref) -> None:
        """Keeps nothing of an App that is gone."""
        for kept in (self._checks, self._client_ids, self._limits, self._unchecked, self._unanswered):
            kept.pop(ref, None)

    async def client_id(self, ref: Ref, app: App, *, asks: Ref) -> str:
        """The client id, which user tokens need; learnt from `GET /app` where the spec gives only `appID`.

        It is asked for as a check is, so not within another turn. Raises what a check raises.
        """
        if app.private_key is not None and self.known_client_id(ref, app) is None:
            await self.ensure_checked(ref, asks=asks)
            if self.known_client_id(ref, app) is None:
                # It was checked before this process began.
                with self._turns.turn(asks, _stand(app)):
                    self._learn(ref, app, await self._github.get_app(app))
        found = self.known_client_id(ref, app)
        if found is None:
            raise Terminal(reasons.APP_NOT_READY, "user tokens need the App's client id: set its `spec.clientID`")
        return found

    def known_client_id(self, ref: Ref, app: App) -> str | None:
        """The client id, where nobody has to be asked for it."""
        proof, learnt = self._client_ids.get(ref, (None, None))
        return app.client_id or (learnt if proof == app.proof else None)

    async def _check(
        self,
        ref: Ref,
        source: GitHubApp,
        app: App,
        key: PrivateKey,
        *,
        before: AppCheck | None,
        asks: Ref,
        stand: Stand | None,
    ) -> AppCheck:
        self._raise_limit(ref)
        worked = before is not None and before.error is None and before.concerns(source, key.fingerprint)
        own = _stand(app)
        self._unchecked.setdefault(ref, {})[asks] = stand
        self._turns.owned(own.lane, (ref.namespace, ref.name))
        try:
            with self._turns.turn(asks, own):
                info = await self._github.get_app(app)
        except Waits:
            if before is None or not worked:
                raise
            return before
        except RateLimited as error:
            self._limits[ref] = self._now() + timedelta(seconds=error.retry_after or 0), error
            self._unanswered[ref] = error.message
            self._tell(ref, asks)
            raise
        except Transient as error:
            logger.info("%s was not checked: %s", ref, error.message)
            self._unanswered[ref] = error.message
            if before is None or not worked:
                self._turns.reserve(asks, own)
                raise
            return before
        except Terminal as error:
            check = appcheck.refused(source, key.fingerprint, self._now(), error, before)
        else:
            self._learn(ref, app, info)
            check = appcheck.accepted(source, key.fingerprint, self._now(), info)
        self._unanswered.pop(ref, None)
        self._tell(ref, asks, accepted=check.error is None)
        return check

    def _tell(self, ref: Ref, asked: Ref, *, accepted: bool = False) -> None:
        """Tells the App, and those that wait for what GitHub says of it."""
        for waiting, stand in ({ref: None} | self._unchecked.pop(ref, {})).items():
            if waiting == asked:
                continue
            if stand is not None and accepted:
                self._turns.stand(waiting, stand)
            else:
                self._wake(waiting)

    def _raise_limit(self, ref: Ref) -> None:
        """Raises the limit that GitHub stated at the last look, as long as it lasts."""
        if ref not in self._limits:
            return
        until, error = self._limits[ref]
        left = (until - self._now()).total_seconds()
        if left > 0:
            raise RateLimited(error.reason, error.message, retry_after=left)
        del self._limits[ref]

    def _learn(self, ref: Ref, app: App, info: AppInfo) -> None:
        if info.client_id is not None:
            self._client_ids[ref] = app.proof, info.client_id


def _stand(app: App) -> Stand:
    """A look at the App goes before all that is to be had through it."""
    return Stand(Lane(app.server.api_host, app.credential), 0, READ)
