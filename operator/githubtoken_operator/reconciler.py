"""One run for one GitHubToken: observe, decide, act, record. Returns when it wants to run next.

    observe   `gatherer`: all inputs, with the time, in one frozen value
    decide    `domain.decide`, pure
    act       get a token; then the consumer's Secret, always before status
    record    one status write, only if it differs; one event, only on a transition; one log line; counters
    tell      `consumers`: workloads are restarted and pods touched, where the spec says so and the token is new

After a crash between the Secret and status, the Secret alone suffices.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.kubernetes.api import ApiError, Conflict, Forbidden, Invalid, NotFound, Terminating
from githubtoken_operator.adapters.kubernetes.cluster import Cluster
from githubtoken_operator.adapters.kubernetes.cluster import Kind as ObjectKind
from githubtoken_operator.adapters.logs import about
from githubtoken_operator.adapters.metrics import Metrics, RefreshResult
from githubtoken_operator.apps import Apps
from githubtoken_operator.consumers import Consumers
from githubtoken_operator.credential_store import StartOver
from githubtoken_operator.domain import consumer, followup, personal_token, reasons, rollout
from githubtoken_operator.domain.consumer import Issued
from githubtoken_operator.domain.decide import (
    Admit,
    Halt,
    Hold,
    Observation,
    Obtain,
    Publish,
    TakeSeed,
    Wait,
    decide,
    desired_secret,
    must_publish,
)
from githubtoken_operator.domain.device_flow import Ask, Awaiting, Poll
from githubtoken_operator.domain.errors import (
    RateLimited,
    RefreshTokenRefused,
    Terminal,
    TokenError,
    TokenRefused,
    Transient,
)
from githubtoken_operator.domain.model import JSON, App, Token
from githubtoken_operator.domain.resources import Failures, GitHubToken, InstallationSource
from githubtoken_operator.domain.status import Granted, Result
from githubtoken_operator.gathered import Gathered, Memory
from githubtoken_operator.gatherer import Gatherer
from githubtoken_operator.installation import InstallationTokens
from githubtoken_operator.pacing import Pacing
from githubtoken_operator.personal import PersonalTokens
from githubtoken_operator.recorder import Recorder
from githubtoken_operator.revocation import Revocations
from githubtoken_operator.rotation import UserTokens
from githubtoken_operator.scheduler import Next
from githubtoken_operator.sign_in import SignIns
from githubtoken_operator.watched import Ref, Watched

MOST_PASSES: Final = 5
"""Of observe, decide, act in one run: holding, taking a seed, rotating, admitting and publishing are one pass each."""
RETRY_CONFLICT: Final = timedelta(milliseconds=200)
RETRY_API: Final = timedelta(seconds=2)
"""While the API server is away nothing can be recorded, so the key simply comes back."""

ACCOUNT_LOOKS: Final = 3
"""So often GitHub is asked whose token a rotated one is: replicas that lag behind do not know it at first."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Done:
    """A run is over."""

    next: Next | None


class Reconciler:
    """Runs GitHubTokens."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        gatherer: Gatherer,
        github: GitHub,
        apps: Apps,
        installations: InstallationTokens,
        users: UserTokens,
        personal: PersonalTokens,
        sign_ins: SignIns,
        pacing: Pacing,
        revocations: Revocations,
        consumers: Consumers,
        recorder: Recorder,
        watched: Watched,
        metrics: Metrics,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._gatherer = gatherer
        self._github = github
        self._apps = apps
        self._installations = installations
        self._users = users
        self._personal = personal
        self._sign_ins = sign_ins
        self._pacing = pacing
        self._revocations = revocations
        self._consumers = consumers
        self._recorder = recorder
        self._watched = watched
        self._metrics = metrics
        self._now = now
        self._monotonic = monotonic
        self._memories: dict[Ref, Memory] = {}

    async def run(self, key: Ref) -> Next | None:
        """One run; never raises for what the cluster or GitHub do."""
        try:
            return await self._run(key)
        except (Conflict, NotFound, StartOver):
            return self._in(RETRY_CONFLICT)
        except Terminating:
            logger.info("%s: the namespace is being deleted", key)
            return None
        except ApiError as error:
            logger.warning("%s: %s", key, error.message)
            return self._in(RETRY_API)

    async def _run(self, key: Ref) -> Next | None:
        body: JSON | None = None
        for _ in range(MOST_PASSES):
            body = await self._gatherer.current(key, body)
            if body is None or "deletionTimestamp" in body["metadata"]:
                return await self._end(key, body)
            memory = self._memory(key, body["metadata"]["uid"])
            gathered = await self._gatherer.gather(key, body, memory)
            memory.app = gathered.resolved.app or memory.app
            done = await self._pass(gathered, memory)
            if isinstance(done, _Done):
                return done.next
            body = done
        return self._in(RETRY_CONFLICT)

    async def _pass(self, gathered: Gathered, memory: Memory) -> _Done | JSON:
        """Decides and acts once. An object that is returned says: the world has changed, look again."""
        seen = gathered.observation
        try:
            match decide(seen):
                case Hold():
                    return await self._revocations.hold(gathered.body, held=seen.token.revoke)
                case TakeSeed(seed):
                    await self._users.take_seed(seen.token, seed, await self._apps.client_id(gathered.app))
                    return gathered.body
                case Ask() | Poll() as step:
                    waiting = await self._sign_in(gathered, memory, step)
                    return _Done(await self._settle(gathered, memory, waiting)) if waiting else gathered.body
                case Admit():
                    await self._admit(gathered)
                    return gathered.body
                case Obtain(cause):
                    return await self._renew(gathered, memory, cause)
                case Publish(hindrance):
                    return _Done(await self._publish(gathered, memory, hindrance))
                case Wait(hindrance):
                    return _Done(await self._settle(gathered, memory, hindrance))
                case Halt(error, recheck):
                    return _Done(await self._settle(gathered, memory, error, recheck=recheck))
        except TokenError as error:
            if isinstance(error, RefreshTokenRefused):
                if seen.sign_in is not None:
                    # The refusal is in the store. The device flow begins at once, and says so instead.
                    return gathered.body
                gathered = gathered.revoked()
            return _Done(await self._failed(self._gatherer.timed(gathered), memory, error))

    async def _renew(self, gathered: Gathered, memory: Memory, cause: str) -> _Done | JSON:
        """Gets a token when it is the App's turn, and publishes it; a user's is published from the store."""
        if delay := self._pacing.delay(gathered.share, gathered.host, self._monotonic()):
            return _Done(self._in(timedelta(seconds=delay)))
        issued = await self._obtain(gathered, memory, cause)
        if issued is None:
            return gathered.body
        obtained = self._gatherer.timed(gathered).holding(issued, memory.checked)
        act = self._publish if must_publish(obtained.observation) else self._settle
        return _Done(await act(obtained, memory, None))

    async def _end(self, key: Ref, body: JSON | None) -> Next | None:
        """The object is gone, or going."""
        due = await self._revocations.end(body, self._memory(key, body["metadata"]["uid"])) if body else None
        if due is None:
            self._forget(key)
        return due

    # --- act ---------------------------------------------------------------------------------------------------------

    async def _obtain(self, gathered: Gathered, memory: Memory, cause: str) -> Issued | None:
        """Gets a token. A user's pair is stored then, and None says: publish it from the store. Raises `TokenError`."""
        token = gathered.observation.token
        memory.request = token.refresh_requested
        started = self._monotonic()
        issued: Issued | None = None
        try:
            if token.installation is not None:
                issued = await self._mint(gathered, memory, token.installation)
            elif gathered.observation.candidate is not None:
                issued = await self._check(gathered, memory, gathered.observation.candidate)
            else:
                await self._users.rotate(token, gathered.app, await self._apps.client_id(gathered.app))
                known = (memory.granted or Granted.of(token.status)).account is not None
                memory.account_looks = ACCOUNT_LOOKS if gathered.observation.seeded or not known else 0
        except TokenError as error:
            if error.reason != reasons.PENDING:
                result: RefreshResult = "transient" if isinstance(error, Transient) else "terminal"
                self._metrics.refreshed(token.kind, result, self._monotonic() - started)
            raise
        self._metrics.refreshed(token.kind, "success", self._monotonic() - started)
        memory.answered, memory.error, memory.inputs = token.refresh_requested, None, ""
        done = "checked the token" if token.personal else "obtained a token"
        logger.info("%s because %s", done, cause, extra=about(token.namespace, token.name))
        return issued

    async def _app_changed(self, gathered: Gathered) -> bool:
        """Whether the App's key or secret was replaced after it was read: what was refused then is no failure."""
        if gathered.resolved.source is None or not await self._apps.changed_since(gathered.app_ref, gathered.resolved):
            return False
        token = gathered.observation.token
        logger.info("the App was changed meanwhile: trying again", extra=about(token.namespace, token.name))
        return True

    async def _sign_in(self, gathered: Gathered, memory: Memory, step: Ask | Poll) -> TokenError | None:
        """Asks for a code, or whether it was entered. What is returned says that the App's polls have to wait."""
        token = gathered.observation.token
        app = replace(gathered.app, client_id=await self._apps.client_id(gathered.app))
        if delay := self._sign_ins.delay(app):
            if isinstance(step, Poll):
                return Awaiting(step.flow, delay)
            return Transient(reasons.PENDING, "many sign-ins of this App are under way", retry_after=delay)
        if isinstance(step, Ask):
            memory.login = token.login_requested
            await self._sign_ins.ask(token, app, step)
        else:
            await self._poll(gathered, app, step)
            memory.account_looks = ACCOUNT_LOOKS
        return None

    async def _poll(self, gathered: Gathered, app: App, step: Poll) -> None:
        seen = gathered.observation
        try:
            await self._sign_ins.poll(seen.token, app, step.flow, seen.now)
        except Terminal as error:
            # How a human ended the flow is stored; the next look tells it, with what to do.
            if error.reason not in reasons.SIGN_IN_HEALS or seen.sign_in is None or seen.sign_in.needed is None:
                raise

    async def _admit(self, gathered: Gathered) -> None:
        """Sees whether the right human signed in. Consumers keep what they have where only the spec changed."""
        seen, stored = gathered.observation, gathered.stored
        if seen.issued is not None:
            access = seen.issued.access
            published = stored is not None and stored.access.token == access.token
            await self._sign_ins.admit(seen.token, gathered.app, access, published=published)

    async def _mint(self, gathered: Gathered, memory: Memory, source: InstallationSource) -> Issued:
        token, app = gathered.observation.token, gathered.app
        await self._apps.ensure_checked(gathered.app_ref)
        minted, installation, accepted = await self._installations.obtain(app, source)
        if not accepted:
            message = "GitHub does not accept the token that it has just issued"
            if self._gatherer.timed(gathered).observation.valid:
                raise Transient(reasons.GITHUB_UNAVAILABLE, f"{message}: the one before is kept")
            # Consumers have nothing that works; what will work in a moment is better than that.
            await self._recorder.warn(token, reasons.NOT_VERIFIED, f"{message}: it is published, for there is no other")
        memory.held = Issued(minted.access, _next_revision(gathered), consumer.spec_hash(token, app))
        memory.granted = Granted(installation.account, minted.permissions, minted.repository_selection)
        return memory.held

    async def _check(self, gathered: Gathered, memory: Memory, candidate: Token) -> Issued:
        seen, held = gathered.observation, gathered.observation.issued
        # A token of an earlier spec may be another host's, and is not shown to this one.
        published = held.access.token if held and seen.for_present_spec else None
        info = await self._personal.check(gathered.server, candidate, published)
        memory.held = personal_token.accepted(
            candidate, info, held, revision=_next_revision(gathered), spec_hash=seen.spec_hash or ""
        )
        memory.granted = Granted(info.login)
        memory.checked, memory.refused = info.at, False
        return memory.held

    async def _publish(self, gathered: Gathered, memory: Memory, hindrance: TokenError | None) -> Next | None:
        """Applies the consumer's Secret under what was read of it, from the token that is held."""
        seen = gathered.observation
        body = desired_secret(seen)
        if seen.issued is None or body is None:
            return await self._settle(gathered, memory, hindrance)
        if seen.token.user is None:
            # Until it is in the Secret again, it is nowhere else.
            memory.held = seen.issued
        try:
            await self._write(seen.token, body, seen.secret)
        except Terminating:
            raise
        except (Forbidden, Invalid) as refused:
            message = f"the API server refuses to write Secret `{seen.token.secret.name}`: {refused.message}"
            reason = reasons.INVALID_SPEC if isinstance(refused, Invalid) else reasons.MISSING_PERMISSION
            return await self._failed(gathered, memory, Terminal(reason, message), publish=False)
        published = gathered.stored.revision if gathered.stored else seen.token.status.get("revision")
        if published != seen.issued.revision:
            memory.published = rollout.mark(seen.issued)
        elif seen.token.seen:
            self._metrics.repaired()
        return await self._settle(replace(gathered, stored=seen.issued), memory, hindrance)

    async def _write(self, token: GitHubToken, body: dict[str, Any], present: JSON | None) -> None:
        """Applies a Secret under what was read of it. The type of one cannot be changed: it is made anew."""
        if consumer.size(body) > consumer.SIZE_LIMIT:
            raise Invalid(0, "it would hold more than 1 MiB: shorten `spec.secret.data`")
        if present is not None and present.get("type") != body["type"]:
            await self._cluster.delete(ObjectKind.SECRET, present["metadata"])
            where = about(token.namespace, token.name)
            logger.info("deleted the Secret to make it anew with another type", extra=where)
            present = None
        if present is not None:
            meta = present["metadata"]
            body["metadata"] |= {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        else:
            # An apply with a resourceVersion creates what is absent, and conflicts with what appeared meanwhile.
            body["metadata"]["resourceVersion"] = "1"
        await self._cluster.apply(ObjectKind.SECRET, body)

    # --- record ------------------------------------------------------------------------------------------------------

    async def _failed(
        self, gathered: Gathered, memory: Memory, error: TokenError, *, publish: bool = True
    ) -> Next | None:
        """Counts a failed attempt; what is held stays published."""
        seen = gathered.observation
        if error.reason == reasons.AUTHENTICATION_FAILED and await self._app_changed(gathered):
            return self._in(RETRY_CONFLICT)
        if error.reason == reasons.PENDING:
            return await self._settle(gathered, memory, error)
        memory.error, memory.inputs = error, gathered.inputs
        if isinstance(error, RateLimited) and error.retry_after is not None:
            self._pacing.pause(gathered.requester, gathered.host, self._monotonic() + error.retry_after)
        memory.refused = seen.refused or isinstance(error, TokenRefused)
        failed = gathered.after(followup.count_failure(seen, error), refused=memory.refused)
        if publish and must_publish(seen):
            return await self._publish(failed, memory, error)
        return await self._settle(failed, memory, error)

    async def _learn_account(self, gathered: Gathered, memory: Memory) -> None:
        """Asks whose token a rotated one is, after it was published: the answer changes nothing but status."""
        seen = gathered.observation
        if memory.account_looks == 0 or seen.issued is None or not seen.valid:
            return
        if seen.account is not None or seen.unadmitted:
            return
        memory.account_looks -= 1
        try:
            login = await self._github.get_login(gathered.app, seen.issued.access.token)
        except TokenError as error:
            where = about(seen.token.namespace, seen.token.name)
            logger.info("it is not known yet whose token this is: %s", error.message, extra=where)
        else:
            memory.account_looks = 0
            memory.granted = Granted(account=login)

    async def _settle(
        self, gathered: Gathered, memory: Memory, error: TokenError | None, *, recheck: timedelta | None = None
    ) -> Next | None:
        """Records how the run ended and says when the next one is due."""
        await self._learn_account(gathered, memory)
        seen = gathered.observation
        result = Result(
            issued=gathered.stored,
            granted=_granted(seen, memory),
            due=gathered.renewal.due if gathered.renewal else None,
            error=error,
            failures=Failures() if error is None or isinstance(error, Awaiting) else seen.failures,
        )
        if memory.held is None and seen.token.user is None:
            memory.held = gathered.stored
        await self._recorder.record(gathered, memory, result)
        again = await self._consumers.tell(gathered, memory)
        offset = seen.now - gathered.local_time
        due = followup.next_run(seen, result, recheck)
        if again is not None:
            due = min(again + offset, due or again + offset)
        if due is None:
            return None
        expires = result.issued.access.expires_at if result.issued else None
        return Next((due - offset).timestamp(), ((expires or due) - offset).timestamp())

    def _memory(self, key: Ref, uid: str) -> Memory:
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            memory = self._memories[key] = Memory(uid)
        return memory

    def _forget(self, key: Ref) -> None:
        self._memories.pop(key, None)
        for ref in self._watched.reads(key):
            if ref.kind in (ObjectKind.APP, ObjectKind.CLUSTER_APP):
                self._apps.count_again(ref)
        self._watched.depends(key, ())
        self._metrics.forget(key.namespace, key.name)

    def _in(self, wait: timedelta) -> Next:
        due = (self._now() + wait).timestamp()
        return Next(due, due)


def _next_revision(gathered: Gathered) -> int:
    seen = gathered.observation
    return 1 + max(seen.issued.revision if seen.issued else 0, int(seen.token.status.get("revision", 0)))


def _granted(seen: Observation, memory: Memory) -> Granted:
    if seen.account is not None:
        return Granted(account=seen.account)
    return memory.granted or Granted.of(seen.token.status)
