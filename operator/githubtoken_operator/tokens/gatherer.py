"""Reads everything that one decision depends on into one frozen observation.

The consumer's Secret is read before the credential Secret: a writer that publishes from what was read here, under the
consumer's resourceVersion, can then never put an older token over a newer one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.kubernetes.api import Forbidden, Terminating
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.apps.checks import Apps
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain import personal_token
from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.consumer import consumer, ownership
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.installation import policy
from githubtoken_operator.domain.objects.resources import (
    LOGIN_REQUESTED_AT,
    GitHubToken,
    PersonalSource,
    UserSource,
    parse_token,
)
from githubtoken_operator.domain.objects.secrets import ROLE, ROLE_CREDENTIAL, ROLE_TOKEN, decoded, labels_of
from githubtoken_operator.domain.runs.decide import Observation
from githubtoken_operator.domain.user import credential
from githubtoken_operator.domain.user.credential import Credential, Expected
from githubtoken_operator.domain.user.device_flow import SignIn
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import NotUnderstood, RateLimited, Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, UNLIMITED, App, Token
from githubtoken_operator.domain.vocabulary.times import format_time
from githubtoken_operator.engine.pacing import Pacing
from githubtoken_operator.engine.watched import Ref, Watched
from githubtoken_operator.tokens.finalizer import Finalizer
from githubtoken_operator.tokens.gathered import (
    Gathered,
    Memory,
    app_ref,
    host_of,
    renewal_of,
    requester_of,
    server_of,
    with_target,
)
from githubtoken_operator.tokens.personal.checking import PersonalTokens
from githubtoken_operator.tokens.user.credential_store import StartOver
from githubtoken_operator.tokens.user.credentials import Credentials
from githubtoken_operator.tokens.user.saving import Savings
from githubtoken_operator.tokens.user.seeds import Seeds
from githubtoken_operator.tokens.user.sign_in import SignIns


class Gatherer:
    """Observes GitHubTokens."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        github: GitHub,
        apps: Apps,
        credentials: Credentials,
        savings: Savings,
        seeds: Seeds,
        personal: PersonalTokens,
        sign_ins: SignIns,
        finalizer: Finalizer,
        pacing: Pacing,
        watched: Watched,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._github = github
        self._apps = apps
        self._credentials = credentials
        self._savings = savings
        self._seeds = seeds
        self._personal = personal
        self._sign_ins = sign_ins
        self._finalizer = finalizer
        self._pacing = pacing
        self._watched = watched
        self._now = now
        self._monotonic = monotonic
        self._begun = now() - timedelta(seconds=monotonic())

    async def current(self, key: Ref, body: JSON | None) -> JSON | None:
        """The object as an event has just brought it, else `body` where it was just read; None where it is gone."""
        if (brought := self._watched.take(key)) is not None:
            self._watched.saw(key, brought)
            return brought
        return body or await self._cluster.read(Kind.TOKEN, key.namespace, key.name)

    async def gather(self, key: Ref, body: JSON, memory: Memory) -> Gathered:
        """The observation of one GitHubToken. Raises `ApiError`."""
        token = with_target(parse_token(body), memory)
        if memory.answered is not None:
            token = replace(token, status={**token.status, "lastHandledRefreshAt": memory.answered})
        # Said before anything is waited for, so that of two that begin at once each knows of the other.
        self._watched.depends(key, [*_inputs_of_app(token), *_secrets(token)])
        unresolved = token.invalid is not None or token.personal is not None
        resolved = (
            Resolved(self._now()) if unresolved else await self._apps.resolve_for(app_ref(token), token.namespace)
        )
        local_time = self._now()
        now = local_time + self._skew(token, resolved.app)
        seen = Observation(
            now=now,
            token=token,
            secret=None,
            failures=token.failures,
            spec_hash=consumer.spec_hash(token, resolved.app) if resolved.app else None,
            server=server_of(token, resolved.app or memory.app),
            trouble=_app_trouble(token, resolved),
            limit=self._limit(token, resolved.app),
            last_error=memory.error,
            unholdable=await self._finalizer.refusal() if token.revoke else None,
        )
        inputs = [resolved.digest, *ready_of(resolved.source.status)] if resolved.source else []
        stored: Issued | None = None
        try:
            secret = await self._cluster.read(Kind.SECRET, token.namespace, token.secret.name)
            abandoned = await self._abandoned(token, ownership.giver(secret, token))
            conflict = ownership.conflict(secret, token, abandoned=abandoned)
            conflict = conflict or await self._outranked(key, token, secret)
            stored = consumer.read(secret) if secret is not None and not conflict else None
            seen = replace(seen, secret=secret, conflict=conflict)
            if token.user is not None:
                seen, found = await self._gather_user(seen, token.user, resolved)
                inputs += found
                if (
                    stored is not None
                    and seen.issued is None
                    and self._savings.ended(credential.key_of(token), stored.access.token)
                ):
                    seen = replace(seen, revoked=True)
            else:
                seen = replace(seen, issued=_newer(memory.held, stored, now))
            if token.personal is not None:
                seen, found = await self._gather_personal(seen, token.personal, memory)
                inputs += found
        except Terminating:
            raise
        except Forbidden as error:
            denied = Terminal(reasons.MISSING_PERMISSION, f"the API server refuses a read: {error.message}")
            seen = replace(seen, denied=denied)
        renewal = renewal_of(seen)
        digest = hashlib.sha256("/".join(inputs).encode()).hexdigest()
        token = seen.token
        asked = token.refresh_pending and memory.request != token.refresh_requested
        asked = asked or (token.login_pending and memory.login != token.login_requested)
        return Gathered(
            observation=replace(
                seen,
                due=renewal.due if renewal else None,
                retry_now=asked or memory.inputs not in ("", digest),
            ),
            body=body,
            resolved=resolved,
            local_time=local_time,
            stored=stored,
            renewal=renewal,
            inputs=digest,
        )

    def timed(self, gathered: Gathered) -> Gathered:
        """The same at this moment. GitHub's answer may just have shown that our clock is off."""
        local_time = self._now()
        now = local_time + self._skew(gathered.observation.token, gathered.resolved.app)
        return replace(gathered, local_time=local_time, observation=replace(gathered.observation, now=now))

    async def _abandoned(self, token: GitHubToken, owner: str | None) -> bool:
        """Whether the GitHubToken `owner` is gone, or keeps its token elsewhere."""
        if owner is None:
            return False
        body = await self._cluster.read(Kind.TOKEN, token.namespace, owner)
        return body is None or parse_token(body).secret.name != token.secret.name

    async def _outranked(self, key: Ref, token: GitHubToken, secret: JSON | None) -> str | None:
        """Which other GitHubToken goes first, where several want one Secret."""
        wanted = Ref(Kind.SECRET, token.namespace, token.secret.name)
        others = [ref for ref in self._watched.dependents(wanted) if ref.kind is Kind.TOKEN and ref != key]
        bodies = [await self._cluster.read(Kind.TOKEN, ref.namespace, ref.name) for ref in others]
        rivals = [rival for body in bodies if body is not None and not (rival := parse_token(body)).deleting]
        return ownership.outranked(token, secret, rivals)

    async def _gather_user(
        self, seen: Observation, user: UserSource, resolved: Resolved
    ) -> tuple[Observation, list[str]]:
        """What a user token adds: the credential Secret and the seed. Also what could mend a failure.

        Raises `StartOver` where an answer of GitHub's that was kept could just be taken up.
        """
        token, key = seen.token, credential.key_of(seen.token)
        secret = await self._cluster.read(Kind.SECRET, token.namespace, user.credential)
        if unsaved := self._savings.trouble(key):
            # Until it is saved, nothing that the Secret says is the last word.
            self._savings.moved(key, secret)
            return replace(seen, trouble=unsaved, revoked=self._savings.ends_a_token(key)), []
        if conflict := credential.conflict(secret, token):
            return replace(seen, conflict=seen.conflict or conflict), []
        if secret is not None and await self._savings.look(key, secret):
            raise StartOver
        stored = credential.read(secret) if secret is not None else None
        seed, problem = await self._read_seed(token, user, resolved.app)
        newer = seed if seed is not None and not (stored and stored.knows(seed)) else None
        taken = self._seeds.refusal((token.namespace, user.credential), newer) if newer else None
        newer = newer if taken is None else None
        trouble = seen.trouble
        if trouble is None and newer is None:
            trouble = await self._credential_trouble(stored, problem, resolved.app, token)
            trouble = taken if taken and trouble and trouble.reason == reasons.CREDENTIAL_MISSING else trouble
        changed: dict[str, Any] = {"trouble": trouble, "newer_seed": newer if resolved.error is None else None}
        if secret is not None and stored is not None:
            changed["unlabelled"] = credential.lacks_label(secret)
            changed |= _of_credential(stored, user, _obtained_for(token, resolved.app))
        if user.device_flow is not None and newer is None and resolved.app is not None:
            changed |= self._gather_sign_in(seen, trouble, stored, user, resolved.app)
        current = (stored.current if stored else None) or ""
        return replace(seen, **changed), [current, seed.sha256 if seed else ""]

    async def _gather_personal(
        self, seen: Observation, source: PersonalSource, memory: Memory
    ) -> tuple[Observation, list[str]]:
        """What a personal token adds: the human's Secret, and the last check. Also what could mend a failure."""
        token, held = seen.token, seen.issued
        checked, refused = personal_token.last_check(token, held)
        seen = replace(
            seen,
            spec_hash=personal_token.spec_hash(source),
            checked=memory.checked or checked,
            refused=memory.refused or (memory.checked is None and refused),
        )
        refusal = self._personal.host_refusal(source.server)
        try:
            secret = await self._cluster.read(Kind.SECRET, token.namespace, source.secret.name)
            candidate = personal_token.token_in(secret, source)
        except Terminal as missing:
            return replace(seen, trouble=refusal or missing), []
        expired = personal_token.expiry(held, source) if held and seen.expired else None
        own = expired if held and held.access.token == candidate else None
        return replace(seen, candidate=candidate, trouble=refusal or own), [candidate.sha256]

    def _gather_sign_in(
        self, seen: Observation, trouble: TokenError | None, stored: Credential | None, user: UserSource, app: App
    ) -> dict[str, Any]:
        """What is known of the device flow; nothing where something else than a sign-in must be mended first."""
        if isinstance(trouble, NotUnderstood):
            # Another code would bring another such answer: it is shown to whoever asks for it.
            trouble = None
        if trouble is not None and trouble.reason not in reasons.SIGN_IN_HEALS:
            return {}
        token, flow = seen.token, stored.flow if stored else None
        if flow is not None and flow.request is not None:
            token = replace(token, status={**token.status, "lastHandledLoginAt": flow.request})
        key = (token.namespace, user.credential)
        poll_in = self._sign_ins.poll_in(key, flow, seen.now) if flow and flow.is_open(seen.now) else 0.0
        sign_in = SignIn(flow, trouble, token.login_pending, app.client_id, app.server, poll_in)
        return {"token": token, "sign_in": sign_in}

    async def _read_seed(self, token: GitHubToken, user: UserSource, app: App | None) -> tuple[Token | None, str]:
        """The seed, or what is wrong with it."""
        where = user.seed
        if where is None:
            return None, "nobody has signed in" if user.device_flow else "set `spec.user.seedSecretRef`"
        secret = await self._cluster.read(Kind.SECRET, token.namespace, where.name)
        if secret is None:
            return None, f"there is no Secret `{where.name}`: create it with a refresh token under `{where.key}`"
        role = labels_of(secret).get(ROLE)
        # The consumer's own may be a seed that was adopted.
        if role in (ROLE_CREDENTIAL, ROLE_TOKEN) and where.name != token.secret.name:
            return None, f"Secret `{where.name}` has the role `{role}` and is nobody's seed: name another"
        legacy = app is not None and hosts.is_enterprise_server(app.api_url)
        seed = credential.read_seed(decoded(secret, where.key), legacy=legacy)
        if seed is None:
            return None, f"`{where.key}` of Secret `{where.name}` must hold a refresh token of GitHub (`ghr_…`)"
        return seed, ""

    async def _credential_trouble(
        self, stored: Credential | None, problem: str, app: App | None, token: GitHubToken
    ) -> TokenError | None:
        missing = stored is None or stored.refresh_token is None
        if stored is not None and missing and stored.access is not None and stored.access.expires_at is None:
            # It lives until it is revoked, and there is nothing to refresh it with.
            away = credential.elsewhere(stored, app.server) if app else None
            return away or (_nothing_to_refresh() if token.refresh_pending else None)
        key, login = credential.key_of(token), token.user.login if token.user else None
        expected = Expected(app.client_id, app.server, login) if app and app.client_id else None
        if stored is not None and stored.kept is not None:
            return await self._credentials.hindrance(key, stored, expected)
        if stored is None or missing:
            refusal = credential.refusal(stored, expected) if stored and expected else None
            if refusal is not None and refusal.reason == reasons.WRONG_ACCOUNT:
                return refusal
            return Terminal(reasons.CREDENTIAL_MISSING, f"there is no refresh token to start from: {problem}")
        return await self._credentials.hindrance(key, stored, expected)

    def _skew(self, token: GitHubToken, app: App | None) -> timedelta:
        """How far GitHub's clock is ahead of ours, as far as its answers have shown."""
        server = server_of(token, app)
        return self._github.skew(host_of(token, server)) if server else timedelta(0)

    def _limit(self, token: GitHubToken, app: App | None) -> RateLimited | None:
        server = server_of(token, app)
        if server is None:
            return None
        host = host_of(token, server)
        until = self._pacing.paused_until(requester_of(token, app), host) or 0.0
        left = until - self._monotonic()
        if left <= 0:
            return None
        limited = "the App" if app else "the token's user"
        # A time, and the same at each look: what is left of it would be another status each time.
        message = (
            f"GitHub limits {limited} on {host}: waiting until {format_time(self._begun + timedelta(seconds=until))}"
        )
        return RateLimited(reasons.RATE_LIMITED, message, retry_after=left)


def _of_credential(stored: Credential, user: UserSource, obtained_for: str) -> dict[str, Any]:
    """What the stored pair is to one decision. That of another account is not for the present spec."""
    right = None in (stored.account, user.login) or credential.same_account(stored.account or "", user.login or "")
    found: dict[str, Any] = {
        "seeded": stored.refresh_token is not None and stored.seeded,
        "revoked": (stored.refused is not None and stored.refused == stored.current)
        or (stored.kept is not None and stored.kept.of_rotation),
        "account": stored.account,
    }
    if stored.access is not None:
        found["issued"] = Issued(stored.access, stored.revision, obtained_for if right else "", stored.origin)
        found["unadmitted"] = user.login is not None and stored.account is None
    return found


def _nothing_to_refresh() -> Terminal:
    return Terminal(
        reasons.CREDENTIAL_MISSING,
        f"the token does not expire and there is nothing to refresh it with: sign in again, by `{LOGIN_REQUESTED_AT}`",
    )


def _app_trouble(token: GitHubToken, resolved: Resolved) -> TokenError | None:
    if resolved.error is not None:
        if resolved.error.reason == reasons.INVALID_SPEC:
            return Terminal(reasons.APP_NOT_READY, f"{token.app_kind} `{token.app}`: {resolved.error.message}")
        return resolved.error
    if resolved.app is not None and (denied := policy.refusal(token, resolved.app.limits)):
        return denied
    return resolved.key_error if token.installation else resolved.client_secret_error


def _obtained_for(token: GitHubToken, app: App | None) -> str:
    """The spec hash of a stored user token: nothing but its App can differ, and no limit has let another be had."""
    return consumer.spec_hash(token, replace(app, limits=UNLIMITED)) if app else ""


def _newer(held: Issued | None, stored: Issued | None, now: datetime) -> Issued | None:
    """The token to go on with: the remembered one, unless another valid one of a later revision is in the Secret."""
    if held is None or stored is None:
        return held or stored
    if stored.access.token == held.access.token:
        # What the Secret says of it otherwise was edited.
        return held
    expired = held.access.expires_at is not None and held.access.expires_at <= now
    return stored if expired or stored.revision > held.revision else held


def _inputs_of_app(token: GitHubToken) -> list[Ref]:
    """The App, and the namespace by whose labels a ClusterGitHubApp may go."""
    if token.personal is not None:
        return []
    cluster_app = token.app_kind == "ClusterGitHubApp"
    return [app_ref(token), *([Ref(Kind.NAMESPACE, "", token.namespace)] if cluster_app else [])]


def _secrets(token: GitHubToken) -> list[Ref]:
    names = [token.secret.name]
    if token.user is not None:
        names.append(token.user.credential)
        if token.user.seed is not None:
            names.append(token.user.seed.name)
    if token.personal is not None:
        names.append(token.personal.secret.name)
    return [Ref(Kind.SECRET, token.namespace, name) for name in names]
