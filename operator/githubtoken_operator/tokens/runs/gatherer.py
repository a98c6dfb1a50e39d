"""Reads everything that one decision depends on into one frozen observation.

The consumer's Secret is read before the credential Secret: a writer that publishes from what was read here, under the
consumer's resourceVersion, can then never put an older token over a newer one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import Forbidden, Terminating
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.apps.resolving import Apps
from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.installation import policy
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken, parse_token
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.runs import appcheck
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, App
from githubtoken_operator.domain.vocabulary.times import format_time
from githubtoken_operator.engine.cache.objects import Read
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.tokens.consumer.claims import Claims
from githubtoken_operator.tokens.deletion.finalizer import Finalizer
from githubtoken_operator.tokens.kind import Gathered, TokenKind, TokenKinds
from githubtoken_operator.tokens.memory import Memory, app_ref, with_place
from githubtoken_operator.tokens.moments import Moments
from githubtoken_operator.tokens.spread.spreads import Spreads

_DIGITS: Final = 40
"""Of the digest of what could mend a failure; since when the App is ready stands behind it, which mends only some."""


class Gatherer:
    """Observes GitHubTokens."""

    def __init__(
        self, ground: Ground, *, kinds: TokenKinds, apps: Apps, finalizer: Finalizer, claims: Claims, spreads: Spreads
    ) -> None:
        self._objects = ground.objects
        self._watched = ground.watched
        self._turns = ground.turns
        self._home = ground.home
        self._kinds = kinds
        self._moments = Moments(ground)
        self._apps = apps
        self._finalizer = finalizer
        self._claims = claims
        self._spreads = spreads

    async def current(self, key: Ref, body: JSON | None, *, fresh: bool) -> JSON | None:
        """The object; None where it is gone. `body` is it as it was just read or written, which may be old by now."""
        where = key.kind, key.namespace, key.name
        return (self._objects.at_hand(*where) or body) if body is not None else await self._read(fresh=fresh)(*where)

    def _read(self, *, fresh: bool) -> Read:
        return self._objects.now if fresh else self._objects.known

    async def gather(self, key: Ref, body: JSON, memory: Memory, *, fresh: bool) -> Gathered:
        """The observation of one GitHubToken, `fresh` of its Secrets as they are at this moment. Raises `ApiError`."""
        read = self._read(fresh=fresh)
        token = parse_token(body, self._home)
        token = with_place(token if memory.unwritten is None else replace(token, status=memory.unwritten), memory)
        if memory.answered is not None:
            token = replace(token, status={**token.status, "lastHandledRefreshAt": memory.answered})
        # Said before anything is waited for, so that of two that begin at once each knows of the other.
        kind = self._kinds[token.kind]
        secrets = [Ref(Kind.SECRET, token.namespace, name) for name in kind.secrets(token)]
        consumers = self._spreads.secrets(token) if token.clusterwide else [Ref(*_place_of(token))]
        self._watched.depends(key, [*(_inputs_of_app(token) if kind.of_app else ()), *secrets, *consumers])
        around = await self._around(token, kind, body, memory)
        seen, resolved = around.observation, around.resolved
        inputs = [resolved.digest] if resolved.source else []
        stored: Issued | None = None
        try:
            if token.clusterwide:
                spread = await self._spreads.observe(token, resolved if kind.of_app else None, memory)
                seen, stored = replace(seen, spread=spread), spread.published
            else:
                secret = None if self._is_first(token) and not fresh else await read(*_place_of(token))
                conflict = await self._claims.conflict(token, secret)
                stored = consumer.read(secret) if secret is not None and not conflict else None
                seen = replace(seen, secret=secret, conflict=conflict)
            seen, found = await kind.observe(seen, resolved, memory, stored, read)
            inputs += found
            if stored is not None and stored.origin is None and stored.access.token == seen.held:
                # The consumer's Secret says where its token came from only where that matters to who reads it.
                stored = replace(stored, origin=seen.issued.origin if seen.issued else None)
        except Terminating:
            raise
        except Forbidden as error:
            denied = Terminal(reasons.MISSING_PERMISSION, f"the API server refuses a read: {error.message}")
            seen = replace(seen, denied=denied)
        made_with, mended = _made_with(seen, inputs, resolved.source.status if resolved.source else {})
        # Once its turn has come GitHub may be asked again, whatever our own back-off says.
        retry_now = mended or self._turns.is_granted(key)
        seen = replace(seen, renewal=kind.renewal(seen), retry_now=retry_now)
        return replace(around, observation=seen, stored=stored, inputs=made_with)

    async def _around(self, token: GitHubToken, kind: TokenKind, body: JSON, memory: Memory) -> Gathered:
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

    def forget(self, key: Ref) -> None:
        """The object is gone."""
        secrets = [ref for ref in self._watched.reads(key) if ref.kind is Kind.SECRET]
        self._watched.depends(key, ())
        for kind in self._kinds.values():
            kind.forget(secrets)
        self._spreads.forget(key)

    def _is_first(self, token: GitHubToken) -> bool:
        """Whether there can be no Secret yet, as far as is known: if there is one, its creation conflicts."""
        status = token.status
        had = status.get("revision") is not None or ready_of(status)[1] == reasons.SECRET_CONFLICT
        return not had and self._objects.lacks(*_place_of(token))


def _trouble(token: GitHubToken, kind: TokenKind, resolved: Resolved) -> TokenError | None:
    if resolved.error is not None:
        if resolved.error.reason == reasons.INVALID_SPEC:
            return Terminal(reasons.APP_NOT_READY, f"{token.app_kind} `{token.app}`: {resolved.error.message}")
        return resolved.error
    if resolved.app is not None and (denied := policy.refusal(token, resolved.app.limits)):
        return denied
    return kind.trouble(resolved)


def _place_of(token: GitHubToken) -> tuple[Kind, str, str]:
    """Where the consumer's Secret is."""
    return Kind.SECRET, token.namespace, token.secret.name


def _made_with(seen: Observation, inputs: Sequence[str], app: JSON) -> tuple[str, bool]:
    """What an attempt is made with now, and whether that may mend the last failure; `app` is the status of its App."""
    digest = hashlib.sha256("/".join([*inputs, *_wishes(seen.token)]).encode()).hexdigest()[:_DIGITS]
    failed_with, _, ready_then = seen.failures.inputs.partition("/")
    known = failed_with != ""
    mended = known and (failed_with != digest or appcheck.mended_since(ready_then, app, seen.token.status))
    return f"{digest}/{appcheck.ready_since(app)}", mended


def _wishes(token: GitHubToken) -> tuple[str, str]:
    """What is asked for by annotations and was not answered yet."""
    refresh = token.refresh_requested if token.refresh_pending else None
    login = token.login_requested if token.login_pending else None
    return refresh or "", login or ""


def _inputs_of_app(token: GitHubToken) -> list[Ref]:
    """The App, and the namespace by whose labels a ClusterGitHubApp may go."""
    cluster_app = token.app_kind == "ClusterGitHubApp" and not token.clusterwide
    return [app_ref(token), *([Ref(Kind.NAMESPACE, "", token.namespace)] if cluster_app else [])]
