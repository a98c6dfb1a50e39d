"""The Secrets of ClusterGitHubTokens: what a run sees of them, writes, withdraws and tells.

No Secret is read for a run: it is judged as the watches brought it (`known`), and written under its resourceVersion.
Only where that is not the present one it is read, and judged anew. Namespaces are written to side by side, and what one
of them refuses is its own failure: it is kept until it is tried again, and status tells it.

The token that is held is in these Secrets and in memory alone, unless it is a user's. A process that has just begun
takes it from one that it can trust (`domain.consumer.spread`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from githubtoken_operator.adapters.kubernetes.api import ApiError, Conflict, Forbidden, Invalid, NotFound, Terminating
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.metrics import Metrics
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain.consumer import consumer, ownership, spread
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.spread import Distribution, Failure, Place, Spread, Template
from githubtoken_operator.domain.objects.resources import GitHubToken
from githubtoken_operator.domain.objects.secrets import REVISION, annotations_of, revision_of
from githubtoken_operator.domain.runs.decide import RECHECK_CONFLICT, RECHECK_DENIED, Observation, desired_secret
from githubtoken_operator.domain.vocabulary import conditions, reasons
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.watched import Ref, Watched
from githubtoken_operator.tokens.claims import Claims
from githubtoken_operator.tokens.consumer_secret import write
from githubtoken_operator.tokens.gathered import ref_of
from githubtoken_operator.tokens.recorder import Recorder
from githubtoken_operator.tokens.spread.known import Known

AT_ONCE: Final = 8
"""Secrets that are written at the same time while the token before is still good."""
AT_ONCE_OF_A_USER: Final = 32
"""The same where the token before is dead."""
RETRY: Final = timedelta(seconds=2)
"""What the API server could not do now is tried again after this."""
MOST_TRIES: Final = 3
"""For one Secret in one run, while somebody else writes it too."""
MOST_GIVEN_OUT: Final = 20
"""Tokens that are looked for in the Secrets to be revoked."""
MOST_LOOKS: Final = 5
"""Secrets that are looked into for the token that is held."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _State:
    """What this process knows of one ClusterGitHubToken: by namespace, what came of the last look there."""

    uid: str
    published: Issued | None = None
    sealed: tuple[str, str] = ("", "")
    places: dict[str, Place] = field(default_factory=dict)
    told: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be written: for whom, and what."""

    key: Ref
    token: GitHubToken
    template: Template
    now: datetime


class Spreads:
    """The consumers' side of ClusterGitHubTokens. `home` is the operator's namespace."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        known: Known,
        watched: Watched,
        claims: Claims,
        recorder: Recorder,
        metrics: Metrics,
        home: str,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._known = known
        self._watched = watched
        self._claims = claims
        self._recorder = recorder
        self._metrics = metrics
        self._home = home
        self._now = now
        self._states: dict[Ref, _State] = {}

    # --- observe -----------------------------------------------------------------------------------------------------

    def secrets(self, key: Ref, token: GitHubToken) -> list[Ref]:
        """The Secrets that a run depends on: where they are wanted, and where they still are."""
        if token.wish is None:
            return []
        self._known.wish(key, token.wish)
        wanted = {(namespace, token.secret.name) for namespace in token.wish.wanted(self._known.namespaces)}
        return [Ref(Kind.SECRET, *where) for where in wanted | self._known.secrets(token.name).keys()]

    async def observe(self, key: Ref, token: GitHubToken, resolved: Resolved | None) -> Spread:
        """The wanted namespaces, and the token that they have; `resolved` where it is an App's. Raises `ApiError`."""
        state = self._state(key, token.uid)
        namespaces, own = self._known.namespaces, self._known.secrets(token.name)
        wish = token.wish
        if wish is None:
            raise AssertionError("the object has one namespace")
        refused = [_missing(name) for name in wish.missing(namespaces)]
        places: dict[str, Place] = {}
        for namespace in wish.wanted(namespaces):
            has = (namespace, token.secret.name) in own
            if resolved is not None and (refusal := self._refusal(resolved, namespace, has=has)):
                refused.append(refusal)
            else:
                places[namespace] = self._place(state, token, namespace)
        state.places = places
        left = [
            secret
            for (namespace, name), secret in own.items()
            if (namespace not in places or name != token.secret.name)
            and namespace in namespaces
            and not namespaces[namespace].going
            and spread.is_left(secret, token)
        ]
        seal_key = resolved.app.seal if resolved is not None and resolved.app is not None else None
        if state.published is None:
            await self._find_held(state, token, own.values(), seal_key)
        return Spread(tuple(places.values()), tuple(refused), state.published, tuple(left), seal_key, state.sealed)

    def _refusal(self, resolved: Resolved, namespace: str, *, has: bool) -> Failure | None:
        """Why the App may not be used there. Of one that cannot be read nothing is known, and nobody loses anything."""
        if resolved.source is None:
            unread = resolved.error or resolved.key_error
            reason, why = (unread.reason, unread.message) if unread else (reasons.APP_NOT_READY, "it cannot be read")
            return None if has else Failure(namespace, reason, f"nobody can say whether the App admits it: {why}")
        labels = self._known.namespaces[namespace].labels
        if resolved.source.allowed_namespaces.admit(namespace, own=self._home, labels=labels):
            return None
        return Failure(
            namespace,
            reasons.APP_NOT_ALLOWED,
            f"ClusterGitHubApp `{resolved.source.name}` may not be used for this namespace: admit it in the App's "
            "`spec.allowedNamespaces`, or take it from `spec.namespaces`",
        )

    def _place(self, state: _State, token: GitHubToken, namespace: str) -> Place:
        """The namespace as it is known now. A failure is forgotten once the watch tells something else than before."""
        before = state.places.get(namespace)
        secret = self._known.secrets(token.name).get((namespace, token.secret.name))
        if before is None:
            return Place(namespace, secret)
        there = self._watched.is_delivered(Ref(Kind.SECRET, namespace, token.secret.name))
        failed = before.failure is not None and before.delivered == there
        kept = replace(before, secret=secret)
        return kept if failed else replace(kept, failure=None, again=None)

    async def _find_held(self, state: _State, token: GitHubToken, secrets: Iterable[JSON], key: bytes | None) -> None:
        """Looks for the newest token that a process before this one gave out."""
        trusted = [secret for secret in secrets if spread.is_trusted(secret, token, key)]
        trusted.sort(key=lambda it: revision_of(annotations_of(it).get(REVISION)) or 0, reverse=True)
        for meta in [secret["metadata"] for secret in trusted][:MOST_LOOKS]:
            secret = await self._cluster.read(Kind.SECRET, meta["namespace"], meta["name"])
            found = consumer.read(secret) if secret is not None else None
            if secret is not None and found is not None and spread.is_trusted(secret, token, key):
                state.published, state.sealed = found, _seal_of(secret)
                return

    async def given_out(self, token: GitHubToken) -> list[Issued]:
        """The tokens that the Secrets have, each once: some may not have the newest yet. Raises `ApiError`."""
        own = (secret for secret in self._known.secrets(token.name).values() if ownership.is_ours(secret, token))
        by_token = {annotations_of(secret).get(consumer.TOKEN_SHA256): secret["metadata"] for secret in own}
        found = []
        for meta in list(by_token.values())[:MOST_GIVEN_OUT]:
            secret = await self._cluster.read(Kind.SECRET, meta["namespace"], meta["name"])
            issued = consumer.read(secret) if secret is not None else None
            found += [issued] if issued is not None else []
        return found

    def _state(self, key: Ref, uid: str) -> _State:
        state = self._states.get(key)
        if state is None or state.uid != uid:
            state = self._states[key] = _State(uid)
        return state

    def forget(self, key: Ref) -> None:
        """The ClusterGitHubToken is gone."""
        self._states.pop(key, None)
        self._known.forget(key)

    # --- act ---------------------------------------------------------------------------------------------------------

    async def publish(self, seen: Observation, body: dict[str, Any]) -> Spread:
        """Writes the token wherever it is missing; `body` is what each Secret must be. What it looks like then.

        What a namespace refuses raises nothing.
        """
        token, key = seen.token, ref_of(seen.token)
        state, present = self._state(key, token.uid), seen.spread or Spread()
        state.published, state.sealed = seen.issued, _seal_of(body)
        order = _Order(key, token, Template.of_body(body), seen.now)
        stale = [place for place in present.places if place.lacks(order.template, seen.now)]
        new: list[JSON] = []

        async def at(place: Place) -> None:
            state.places[place.namespace], secret = await self._write(order, place)
            if secret is not None and place.settled is None and place.secret is None:
                new.append(secret)
            elif secret is not None and place.settled and place.settled[0] == order.template.of(place.secret).version:
                self._metrics.repaired()

        await _side_by_side(stale, at, AT_ONCE_OF_A_USER if token.user else AT_ONCE)
        await _side_by_side(new, lambda secret: self._tell_tenant(token, secret), AT_ONCE)
        return replace(present, published=seen.issued, places=tuple(state.places[p.namespace] for p in present.places))

    async def _write(self, order: _Order, place: Place) -> tuple[Place, JSON | None]:
        """One Secret: what is known of it then, and itself where it was written."""
        token = replace(order.token, namespace=place.namespace)
        where = Ref(Kind.SECRET, place.namespace, token.secret.name)
        try:
            for _ in range(MOST_TRIES):
                if conflict := await self._claims.conflict(order.key, token, place.secret):
                    failed = await self._conflicts(order, place, conflict)
                    return failed, None
                wanted = order.template.of(place.secret)
                try:
                    written = await write(self._cluster, token, wanted.at(place.namespace), place.secret)
                except (Conflict, NotFound):
                    place = replace(place, secret=await self._cluster.read(Kind.SECRET, where.namespace, where.name))
                    continue
                self._known.wrote(written)
                version = str(written["metadata"].get("resourceVersion", ""))
                return Place(place.namespace, written, (wanted.version, version)), written
            return self._fails(order, place, reasons.PENDING, "somebody else writes the Secret all the time"), None
        except Terminating:
            # Whatever the watch brings of it next, nobody wants it any more.
            return replace(place, failure=None, again=order.now + RECHECK_DENIED), None
        except (Forbidden, Invalid) as refused:
            reason = reasons.INVALID_SPEC if isinstance(refused, Invalid) else reasons.MISSING_PERMISSION
            message = f"the API server refuses to write Secret `{where.name}`: {refused.message}"
            return self._fails(order, place, reason, message, RECHECK_DENIED), None
        except ApiError as error:
            return self._fails(order, place, reasons.PENDING, error.message), None

    def _fails(self, order: _Order, place: Place, reason: str, message: str, again: timedelta = RETRY) -> Place:
        there = self._watched.is_delivered(Ref(Kind.SECRET, place.namespace, order.token.secret.name))
        failure = Failure(place.namespace, reason, message)
        return replace(place, failure=failure, again=order.now + again, delivered=there)

    async def _conflicts(self, order: _Order, place: Place, conflict: str) -> Place:
        """The Secret is somebody else's, who is told once."""
        told = place.failure is not None and place.failure.reason == reasons.SECRET_CONFLICT
        failed = self._fails(order, place, reasons.SECRET_CONFLICT, conflict, RECHECK_CONFLICT)
        if not told and place.secret is not None:
            message = f"ClusterGitHubToken `{order.token.name}` keeps a token in a Secret of this name: {conflict}"
            await self._emit(place.secret, message, reasons.SECRET_CONFLICT, warning=True)
        return replace(failed, secret=None)

    async def finish(self, seen: Observation) -> tuple[Distribution, timedelta | None]:
        """Withdraws what nobody wants; what status says of it all, and when to look at it again."""
        token, now = seen.token, seen.now
        state, present = self._state(ref_of(token), token.uid), seen.spread or Spread()
        again = [place.again - now for place in present.places if place.failure and place.again and place.again > now]

        async def from_there(secret: JSON) -> None:
            if not await self._withdraw(token, secret):
                again.append(RETRY)

        await _side_by_side(present.left, from_there, AT_ONCE)
        body = desired_secret(seen)
        if body is not None:
            self._settle(state, present, Template.of_body(body))
        found = spread.distribution(present, body)
        await self._tell(token, state, found)
        return found, min(again, default=None)

    def _settle(self, state: _State, present: Spread, template: Template) -> None:
        """Notes what is right, so that what changes there is known for an edit."""
        for place in present.places:
            if place.has(template):
                version = template.of(place.secret).version
                state.places[place.namespace] = replace(place, settled=(version, place.version))

    async def _withdraw(self, token: GitHubToken, secret: JSON) -> bool:
        """Takes the Secret away, or, where it is to stay, what makes it ours; whether that is done."""
        meta = secret["metadata"]
        owners = [owner for owner in meta.get("ownerReferences") or () if owner.get("uid") != token.uid]
        try:
            if token.retain:
                changes = {"metadata": {"ownerReferences": owners, "resourceVersion": meta["resourceVersion"]}}
                self._known.wrote(await self._cluster.merge(Kind.SECRET, meta, changes))
            elif ownership.adopts(secret):
                self._known.wrote(await self._cluster.apply(Kind.SECRET, spread.given_back(secret)))
            else:
                await self._cluster.delete(Kind.SECRET, meta)
        except (NotFound, Terminating):
            return True
        except ApiError as error:
            logger.info("Secret %s/%s is withdrawn later: %s", meta["namespace"], meta["name"], error.message)
            return False
        return True

    # --- tell --------------------------------------------------------------------------------------------------------

    async def _tell(self, token: GitHubToken, state: _State, found: Distribution) -> None:
        """One event about the object where the namespaces are served otherwise than before."""
        status, reason, message = found.condition
        if state.told is None:
            old = conditions.find_condition(token.status, conditions.DISTRIBUTED)
            state.told = (old["status"], old["reason"]) if old else ("Unknown", reasons.PENDING)
        before, state.told = state.told, (status, reason)
        if before == state.told or (before[0] == "Unknown" and status != "False"):
            return
        tell = self._recorder.warn if status == "False" else self._recorder.note
        await tell(token, reason, message)

    async def _tell_tenant(self, token: GitHubToken, secret: JSON) -> None:
        message = (
            f"this Secret is kept by ClusterGitHubToken `{token.name}`, which administrators of the cluster made: its "
            "token is renewed there, and changes of others are undone"
        )
        await self._emit(secret, message, reasons.DISTRIBUTED, warning=False)

    async def _emit(self, secret: JSON, message: str, reason: str, *, warning: bool) -> None:
        about = {key: secret["metadata"][key] for key in ("name", "namespace", "uid")}
        try:
            await self._cluster.emit(
                Kind.SECRET, about, warning=warning, reason=reason, message=message, now=self._now()
            )
        except ApiError as error:
            logger.info("an event was not written: %s", error.message)


def _seal_of(secret: JSON) -> tuple[str, str]:
    """The seal of a Secret, or of the body of one, with the digest of what it is for."""
    return spread.digest_of_notes(secret), str(annotations_of(secret).get(spread.SEAL, ""))


def _missing(namespace: str) -> Failure:
    message = f"there is no namespace `{namespace}`: make it, or take it from `spec.namespaces.names`"
    return Failure(namespace, reasons.NAMESPACE_NOT_FOUND, message)


async def _side_by_side(items: Sequence[T], act: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Does it with each, so many at the same time."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await act(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(items))):
            group.create_task(work())
