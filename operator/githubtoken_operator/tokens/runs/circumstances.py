"""What is around an object: its App, GitHub's time and limits, and what of it stands in the way of a token."""

from __future__ import annotations

from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.apps.resolving import Apps
from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.installation import policy
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, App
from githubtoken_operator.domain.vocabulary.times import format_time
from githubtoken_operator.tokens.deletion.finalizer import Finalizer
from githubtoken_operator.tokens.kind import Gathered, TokenKind
from githubtoken_operator.tokens.memory import Memory, app_ref
from githubtoken_operator.tokens.moments import Moments


class Circumstances:
    """Looks around."""

    def __init__(self, ground: Ground, *, apps: Apps, finalizer: Finalizer) -> None:
        self._moments = Moments(ground)
        self._turns = ground.turns
        self._apps = apps
        self._finalizer = finalizer

    async def gather(self, token: GitHubToken, kind: TokenKind, body: JSON, memory: Memory) -> Gathered:
        """What is known before anything was read that belongs to the object itself. Raises `ApiError`."""
        resolved = (
            await self._apps.resolve_for(app_ref(token), token.namespaced_name[0])
            if kind.of_app and token.invalid is None
            else Resolved(self._moments.now())
        )
        lane = kind.lane(token, resolved.app)
        local_time = self._moments.now()
        seen = Observation(
            now=local_time + self._moments.ahead(lane.host),
            token=token,
            secret=None,
            failures=token.failures,
            own=kind.own,
            spec_hash=consumer.spec_hash(token, resolved.app) if resolved.app else None,
            server=kind.server(token, resolved.app or memory.app),
            trouble=_trouble(token, kind, resolved),
            limit=self._limit(lane, resolved.app),
            last_error=memory.error,
            unholdable=await self._finalizer.refusal() if token.revoke else None,
        )
        return Gathered(seen, kind, body, resolved, local_time, stored=None, inputs="")

    def _limit(self, lane: Lane, app: App | None) -> RateLimited | None:
        ends = self._turns.paused_until(lane)
        if ends is None:
            return None
        limited = "the App" if app else "the token's user"
        # A time, and the same at each look: what is left of it would be another status each time.
        until = self._moments.at(ends)
        message = f"GitHub limits {limited} on {lane.host}: waiting until {format_time(until)}"
        left = (until - self._moments.now()).total_seconds()
        return RateLimited(reasons.RATE_LIMITED, message, retry_after=left)


def _trouble(token: GitHubToken, kind: TokenKind, resolved: Resolved) -> TokenError | None:
    if resolved.error is not None:
        if resolved.error.reason == reasons.INVALID_SPEC:
            return Terminal(reasons.APP_NOT_READY, f"{token.app_kind} `{token.app}`: {resolved.error.message}")
        return resolved.error
    if resolved.app is not None and (denied := policy.refusal(token, resolved.app.limits)):
        return denied
    return kind.trouble(resolved)
