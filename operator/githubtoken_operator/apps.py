"""GitHubApps: read with their Secrets into what requests need, and checked with GitHub where `domain.appcheck` says so.

Tokens ask `resolve` and `ensure_checked`; the App's own `run` writes its status and wakes the tokens that it concerns.
What was read is reused for a few seconds, so that the tokens of one App do not read it a hundred times.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.github.jwt import load_private_key
from githubtoken_operator.adapters.kubernetes.api import ApiError, Conflict, Forbidden, NotFound, Terminating
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.domain import appcheck, hosts, reasons
from githubtoken_operator.domain.appcheck import Check
from githubtoken_operator.domain.errors import RateLimited, Terminal, TokenError, Transient
from githubtoken_operator.domain.model import JSON, App, PrivateKey, Server, Token
from githubtoken_operator.domain.resources import GitHubApp, KeyRef, parse_app
from githubtoken_operator.domain.secrets import decoded_bytes
from githubtoken_operator.domain.status import ready_of
from githubtoken_operator.scheduler import Next
from githubtoken_operator.watched import Ref, Watched

REUSE: Final = timedelta(seconds=10)
"""So long what was read of an App serves its tokens; a watched change ends it at once."""
RECHECK_MISSING: Final = timedelta(seconds=10)
"""A key Secret without our label makes no event, so while one is missing it is looked for again."""

COUNT_AFTER: Final = 5.0
"""Seconds that the count of an App's tokens waits, so that many that come together are counted once."""

logger = logging.getLogger(__name__)


class Wake(Protocol):
    """Makes an object's run due, in `delay` seconds at the latest."""

    def __call__(self, key: Ref, *, delay: float = 0.0) -> None:
        """What `Scheduler.wake` does."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A GitHubApp with its Secrets, as they were at one moment.

    `app` is None where the spec cannot be used. `error` concerns every token, `key_error` installation tokens only,
    `client_secret_error` user tokens only. `digest` changes with anything that could mend a failure.
    """

    at: datetime
    source: GitHubApp | None = None
    body: JSON | None = None
    app: App | None = None
    error: TokenError | None = None
    key_error: TokenError | None = None
    client_secret_error: TokenError | None = None
    digest: str = ""
    reads: frozenset[Ref] = frozenset()

    @property
    def key(self) -> PrivateKey | None:
        """The parsed private key."""
        return self.app.private_key if self.app else None


class Apps:
    """The Apps of the cluster. `wake` makes an object's run due."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        github: GitHub,
        watched: Watched,
        allowed_hosts: Sequence[str],
        wake: Wake,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._github = github
        self._watched = watched
        self._allowed_hosts = allowed_hosts
        self._wake = wake
        self._now = now
        self._resolved: dict[Ref, Resolved] = {}
        self._checks: dict[Ref, Check] = {}
        self._digests: dict[Ref, str] = {}
        self._client_ids: dict[tuple[str, str], str] = {}
        self._limits: dict[Ref, tuple[datetime, RateLimited]] = {}
        self._locks: defaultdict[Ref, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def resolve(self, ref: Ref) -> Resolved:
        """The App as it is, or as it was read within `REUSE`."""
        async with self._locks[ref]:
            known = self._resolved.get(ref)
            if known is None or self._now() - known.at > REUSE:
                known = self._resolved[ref] = await self._read(ref)
            return known

    def forget(self, changed: Ref) -> None:
        """Ends the reuse of what `changed` (the App or a Secret of it) was part of."""
        for ref, known in list(self._resolved.items()):
            if changed == ref or changed in known.reads:
                del self._resolved[ref]

    async def ensure_checked(self, ref: Ref) -> None:
        """Asks GitHub about the App where that is due. Raises what GitHub refused, and its limit until it ends.

        No answer counts as no check.
        """
        resolved = await self.resolve(ref)
        source, app, key = resolved.source, resolved.app, resolved.key
        if source is None or app is None or key is None:
            return
        async with self._locks[ref]:
            check = self._checks.get(ref) or appcheck.remembered(source)
            if check is None or check.is_due(source, key.fingerprint, self._now()):
                self._raise_limit(ref)
                try:
                    info = await self._github.get_app(app)
                except RateLimited as error:
                    self._limits[ref] = self._now() + timedelta(seconds=error.retry_after or 0), error
                    raise
                except Transient as error:
                    logger.info("%s was not checked: %s", ref, error.message)
                    return
                except Terminal as error:
                    check = appcheck.refused(source, key.fingerprint, self._now(), error, check)
                else:
                    check = appcheck.accepted(source, key.fingerprint, self._now(), info)
                self._wake(ref)
            self._checks[ref] = check
        if check.error is not None:
            raise check.error

    def _raise_limit(self, ref: Ref) -> None:
        """Raises the limit that GitHub stated at the last look, as long as it lasts."""
        if ref not in self._limits:
            return
        until, error = self._limits[ref]
        left = (until - self._now()).total_seconds()
        if left > 0:
            raise RateLimited(error.reason, error.message, retry_after=left)
        del self._limits[ref]

    def count_again(self, ref: Ref) -> None:
        """Says that a token began or ceased to use the App."""
        if ref in self._digests:
            self._wake(ref, delay=COUNT_AFTER)

    async def client_id(self, app: App) -> str:
        """The client id, which user tokens need; learnt from `GET /app` where the spec gives only `appID`."""
        if app.client_id is not None:
            return app.client_id
        key = app.api_url, app.identity
        if key not in self._client_ids:
            learnt = (await self._github.get_app(app)).client_id if app.private_key else None
            if learnt is None:
                raise Terminal(reasons.APP_NOT_READY, "user tokens need the App's client id: set its `spec.clientID`")
            self._client_ids[key] = learnt
        return self._client_ids[key]

    async def run(self, ref: Ref) -> Next | None:
        """One run for a GitHubApp; never raises for what the cluster or GitHub do."""
        try:
            return await self._run(ref)
        except Terminating:
            logger.info("%s: the namespace is being deleted", ref)
            return None
        except ApiError as error:
            logger.warning("%s: %s", ref, error.message)
            due = (self._now() + RECHECK_MISSING).timestamp()
            return Next(due, due)

    async def _run(self, ref: Ref) -> Next | None:
        """Read, check where due, write status, wake the tokens that a change concerns."""
        self._resolved.pop(ref, None)
        resolved = await self.resolve(ref)
        self._watched.depends(ref, resolved.reads)
        # The App's own key is among those that read it.
        tokens = [key for key in self._watched.dependents(ref) if key.kind is Kind.TOKEN]
        if self._digests.get(ref) != resolved.digest:
            self._digests[ref] = resolved.digest
            for token in tokens:
                self._wake(token)
        if resolved.source is None or resolved.body is None:
            self._watched.depends(ref, ())
            self._checks.pop(ref, None)
            self._digests.pop(ref, None)
            self._limits.pop(ref, None)
            return None
        error = resolved.error or (resolved.key_error if resolved.source.private_key else None)
        if error is None:
            try:
                await self.ensure_checked(ref)
            except (Terminal, RateLimited) as refused:
                logger.warning("%s: %s", ref, refused.message)
        check = None if error else self._checks.get(ref)
        await self._record(resolved.source, resolved.body, check, error, len(tokens))
        return self._again(ref, resolved, error, check)

    def _again(self, ref: Ref, resolved: Resolved, error: TokenError | None, check: Check | None) -> Next | None:
        unanswered = check is None and resolved.key is not None
        if unanswered and error is None and ref in self._limits:
            due = self._limits[ref][0]
        elif error is not None or resolved.client_secret_error is not None or unanswered:
            due = self._now() + RECHECK_MISSING
        elif check is not None and check.error is not None:
            due = check.next_look
        else:
            return None
        return Next(due.timestamp(), due.timestamp())

    async def _record(
        self, source: GitHubApp, body: JSON, check: Check | None, error: TokenError | None, tokens: int
    ) -> None:
        now = self._now()
        status = appcheck.build_status(source, check=check, error=error, tokens=tokens, now=now)
        if status == source.status:
            return
        try:
            await self._cluster.apply_status(Kind.APP, body["metadata"], status)
            state, reason = ready_of(status)
            if (state, reason) != ready_of(source.status):
                about = {"name": source.name, "namespace": source.namespace, "uid": source.uid}
                text = status["conditions"][0]["message"]
                warning = state == "False"
                await self._cluster.emit(Kind.APP, about, warning=warning, reason=reason, message=text, now=now)
        except (Conflict, NotFound):
            # It was changed or deleted meanwhile: look again.
            self._wake(Ref(Kind.APP, source.namespace, source.name))

    async def _read(self, ref: Ref) -> Resolved:
        try:
            return await self._read_all(ref)
        except Forbidden as error:
            denied = Terminal(reasons.MISSING_PERMISSION, f"the API server refuses a read: {error.message}")
            return Resolved(self._now(), error=denied, reads=frozenset({ref}))

    async def _read_all(self, ref: Ref) -> Resolved:
        now = self._now()
        body = await self._cluster.read(Kind.APP, ref.namespace, ref.name)
        source = parse_app(body) if body is not None else None
        if source is None or source.deleting:
            message = (
                f"there is no GitHubApp `{ref.name}` in this namespace: create it, or make the GitHubToken anew with "
                "another `spec.appRef.name`"
            )
            return Resolved(now, error=Terminal(reasons.APP_NOT_FOUND, message), reads=frozenset({ref}))
        key_pem, key_error = await self._read_key(
            source, source.private_key, "private key", reasons.PRIVATE_KEY_MISSING
        )
        secret, secret_error = await self._read_key(
            source, source.client_secret, "client secret", reasons.CLIENT_SECRET_MISSING
        )
        key: PrivateKey | None = None
        try:
            key = load_private_key(key_pem) if key_pem else None
        except Terminal as error:
            key_error = error
        app = App(
            app_id=source.app_id,
            client_id=source.client_id,
            api_url=source.api_url,
            web_url=source.web_url,
            ca_bundle=source.ca_bundle,
            private_key=key,
            client_secret=Token(secret.decode(errors="replace").strip()) if secret else None,
        )
        refs = (source.private_key, source.client_secret)
        return Resolved(
            at=now,
            source=source,
            body=body,
            app=app,
            error=self._unusable(source),
            key_error=key_error if source.private_key else _no_private_key(ref.name),
            client_secret_error=secret_error,
            digest=_digest(source, key_pem, secret),
            reads=frozenset({ref, *(Ref(Kind.SECRET, ref.namespace, item.name) for item in refs if item)}),
        )

    async def _read_key(
        self, source: GitHubApp, where: KeyRef | None, what: str, reason: str
    ) -> tuple[bytes | None, Terminal | None]:
        """The bytes under a Secret's key, or why there are none."""
        if where is None:
            return None, None
        secret = await self._cluster.read(Kind.SECRET, source.namespace, where.name)
        if secret is None:
            return None, Terminal(reason, f"the {what} is missing: there is no Secret `{where.name}`; create it")
        value = decoded_bytes(secret, where.key)
        if not value:
            return None, Terminal(reason, f"the {what} is missing: put it under `{where.key}` of Secret `{where.name}`")
        return value, None

    def _unusable(self, source: GitHubApp) -> TokenError | None:
        return source.invalid or hosts.refusal(Server(source.api_url, source.web_url), self._allowed_hosts)


def _no_private_key(name: str) -> Terminal:
    return Terminal(
        reasons.PRIVATE_KEY_MISSING,
        f"set `spec.privateKeySecretRef` of GitHubApp `{name}`: installation tokens need the App's private key",
    )


def _digest(source: GitHubApp, *secrets: bytes | None) -> str:
    """Changes with anything of the App that could mend a failure."""
    parts = [source.uid, str(source.generation), *(hashlib.sha256(item or b"").hexdigest() for item in secrets)]
    return hashlib.sha256("/".join(parts).encode()).hexdigest()
