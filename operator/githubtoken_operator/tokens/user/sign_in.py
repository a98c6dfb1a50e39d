"""Signing a human in by GitHub's device flow, and seeing that it was the right one.

    ask      a code from GitHub goes into the credential Secret, where every later process finds it
    poll     while the code can be entered; the answer that has a pair is journalled before anything reads it
    admit    whose pair is it? that of another account than `user.login` is revoked and never stored
    save     as in a rotation: the compare-and-swap lets a newer sign-in win

`domain.user.device_flow` says when each of them is due. A pair that came by a seed, or whose account GitHub could not
tell at once, is stored first and admitted before it is published.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.user import device_flow, kept_flow
from githubtoken_operator.domain.user.credentials import credential, credential_body, sendable
from githubtoken_operator.domain.user.credentials.credential import Credential
from githubtoken_operator.domain.user.device_flow import Ask
from githubtoken_operator.domain.user.entry import Entry, SecretKey
from githubtoken_operator.domain.user.grants import may_hold_a_pair, pair_in
from githubtoken_operator.domain.user.kept_flow import Flow
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    SHORT_OF_LEASE,
    DeviceCodeUseless,
    LeaseShort,
    NotSent,
    NotUnderstood,
    OutcomeUnknown,
    SignInPending,
    Terminal,
    Transient,
)
from githubtoken_operator.domain.vocabulary.model import JSON, AccessToken, App, Token
from githubtoken_operator.engine.scheduling.pacing import Pacing
from githubtoken_operator.tokens.kind import StartOver
from githubtoken_operator.tokens.user.storing.credential_store import CredentialStore
from githubtoken_operator.tokens.user.storing.saving import Savings

GRACE_POLLS: Final = 3
"""Right after the human entered the code, GitHub's replicas may not know it for some polls."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Polling:
    """When the next poll of a code is due, on the monotonic clock, and how GitHub took the last ones.

    `complete`: this process knows of every answer to a poll. A code that was there before it, or a poll whose answer
    was lost, may have brought the pair, and then GitHub does not know the code any more.
    """

    code: str
    due: float
    delay: float | None = None
    unknown: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class _Shown:
    """A code that is being polled for: the credential Secret that holds it, and for whom."""

    key: SecretKey
    secret: JSON
    flow: Flow
    token: GitHubToken
    app: App


class SignIns:
    """The device flows of all GitHubTokens. What is kept here only times the polls; losing it costs a delay."""

    def __init__(self, ground: Ground, store: CredentialStore, savings: Savings) -> None:
        self._github = ground.github
        self._fence = ground.fence
        self._monotonic = ground.clocks.monotonic
        self._store = store
        self._savings = savings
        self._budget = Pacing(device_flow.REQUESTS_PER_HOUR / 60)
        self._polling: dict[SecretKey, _Polling] = {}

    def poll_in(self, key: SecretKey, flow: Flow, now: datetime) -> float:
        """Seconds until this code is polled next. One that is new to this process may have just been polled."""
        known = self._polling.get(key)
        if known is None or known.code != flow.user_code:
            known = _Polling(flow.user_code, self._monotonic() + device_flow.poll_delay(flow, None, now))
            self._polling[key] = known
        return known.due - self._monotonic()

    def delay(self, requester: str, host: str) -> float:
        """Seconds until the requester's budget for device flows has room for a request; 0 takes the place."""
        return self._budget.delay(requester, host, self._monotonic())

    def forget(self, key: SecretKey) -> None:
        """The credential Secret is nobody's any more."""
        self._polling.pop(key, None)

    async def ask(self, token: GitHubToken, app: App, step: Ask) -> None:
        """Gets a code and stores it, where the next look finds and shows it."""
        key, term = credential.key_of(token), self._fence.term
        with self._store.alone(key):
            secret = await self._store.read(key)
            self._fence.check(term)
            scopes = token.user.device_flow.scopes if token.user and token.user.device_flow else ()
            code = await self._github.start_device_flow(app, scopes)
            stored = credential.read(secret) if secret is not None else None
            flow = Flow(
                secret=code.device_code,
                user_code=code.user_code,
                verification_uri=code.verification_uri,
                started=code.created,
                expires=code.expires,
                interval=code.interval,
                parent=(stored.current if stored else None) or "",
                client_id=app.client_id or "",
                origin=origin.of(app.server),
                request=token.login_requested if token.login_pending else None,
                unused=step.unused,
            )
            await self._store.write(credential_body.with_flow(secret, flow, token), create=secret is None)
        due = self._monotonic() + device_flow.poll_delay(flow, None, flow.started)
        self._polling[key] = _Polling(flow.user_code, due, complete=True)

    async def poll(self, token: GitHubToken, app: App, flow: Flow, now: datetime) -> Transient | None:
        """Asks once whether the code was entered, and signs in where it was. Raises `TokenError` where that ended it.

        `app` has its client id. What the caller looks at next says what came of it. Returned is why no answer came,
        which ends nothing: it is polled again.
        """
        key, term = credential.key_of(token), self._fence.term
        with self._fence.irreversible(), self._store.alone(key):
            secret = await self._store.read(key)
            stored = credential.read(secret) if secret is not None else None
            if secret is None or stored is None or stored.flow != flow or flow.secret is None:
                raise StartOver
            return await self._poll(_Shown(key, secret, flow, token, app), stored, flow.secret, term, now)

    async def admit(self, token: GitHubToken, app: App, access: AccessToken, *, published: bool) -> None:
        """Sees whose stored pair it is. That of another account is revoked, unless consumers have it already."""
        key = credential.key_of(token)
        account = await self._login_of(app, access.token)
        secret = await self._store.read(key)
        stored = credential.read(secret) if secret is not None else None
        if secret is None or stored is None or stored.access != access:
            raise StartOver
        login = _login(token)
        if login is None or sendable.same_account(account, login) or published:
            await self._store.write(credential_body.with_account(secret, account))
            return
        await self._github.revoke_user_tokens(app, access.token, access.refresh_token)
        await self._store.write(credential_body.without_pair(secret, account))
        raise sendable.wrong_account(account, login)

    async def _login_of(self, app: App, access: Token) -> str:
        """Asked of the REST API in the turn that its client has at the OAuth endpoints: of these it says nothing."""
        try:
            return await self._github.get_login(app, access)
        except (NotSent, OutcomeUnknown) as error:
            if app.server.api_host == app.server.web_host:
                raise
            raise Transient(error.reason, error.message) from error

    # --- One poll ----------------------------------------------------------------------------------------------------

    async def _poll(self, shown: _Shown, stored: Credential, code: Token, term: int, now: datetime) -> Transient | None:
        try:
            entry = await self._exchange(shown, stored, code, term)
            access = pair_in(shown.key, entry).access
        except NotUnderstood:
            await self._savings.save(shown.key, entry, shown.secret)
        except DeviceCodeUseless as useless:
            self._savings.drop(shown.key)
            if useless.known or not self._in_grace(shown):
                await self._change(shown, kept_flow.ended(shown.flow, None))
        except Transient as error:
            self._savings.drop(shown.key)
            await self._wait(shown, error, now)
            return None if isinstance(error, SignInPending) else error
        except Terminal as error:
            self._savings.drop(shown.key)
            await self._end(shown, error)
            raise
        else:
            await self._take_in(shown, entry, access)
        return None

    async def _exchange(self, shown: _Shown, stored: Credential, code: Token, term: int) -> Entry:
        """Polls. An answer that may hold a pair is on the disk when this returns, and nothing has concluded from it."""
        self._savings.reserve(shown.key)
        self._fence.check(term)
        answer = await self._github.poll_device_flow(shown.app, code)
        entry = Entry(
            parent=stored.current or "",
            seed="",
            ours=stored.ours,
            status=answer.status,
            date=answer.headers["date"],
            body=answer.body,
            name=shown.token.name,
            clusterwide=shown.token.clusterwide,
            client_id=shown.app.client_id,
            origin=origin.of(shown.app.server),
            headers=answer.headers,
        )
        if may_hold_a_pair(answer):
            self._savings.keep(shown.key, entry)
        return entry

    async def _take_in(self, shown: _Shown, entry: Entry, access: AccessToken) -> None:
        """The pair goes into the store, unless GitHub says that it is another account's and revokes it."""
        login, account = _login(shown.token), None
        try:
            account = await self._github.get_login(shown.app, access.token)
            if login is not None and not sendable.same_account(account, login):
                await self._github.revoke_user_tokens(shown.app, access.token, access.refresh_token)
                self._savings.drop(shown.key)
                wrong = sendable.wrong_account(account, login)
                await self._end(shown, wrong)
                raise wrong
        except Transient as error:
            # Stored without an account it is looked at again before it is published.
            logger.info("it is not known yet who signed in: %s", error.message)
            account = None
        await self._savings.save(shown.key, entry, shown.secret, account=account)

    def _in_grace(self, shown: _Shown) -> bool:
        """Whether GitHub may yet come to know the code; it is then polled again."""
        known = self._known(shown)
        if not known.complete or known.unknown >= GRACE_POLLS:
            return False
        due = self._monotonic() + shown.flow.interval
        self._polling[shown.key] = replace(known, due=due, unknown=known.unknown + 1)
        return True

    async def _wait(self, shown: _Shown, error: Transient, now: datetime) -> None:
        """Says when the next poll is due. A longer interval is for good, so it is stored."""
        flow = shown.flow
        if not isinstance(error, SignInPending):
            logger.info("a poll of the device flow failed: %s", error.message)
        elif error.interval is not None and error.interval != flow.interval:
            flow = replace(flow, interval=error.interval)
            await self._change(shown, flow)
        known = self._known(shown)
        complete = isinstance(error, SignInPending) or (known.complete and not isinstance(error, OutcomeUnknown))
        if isinstance(error, LeaseShort):
            # Nothing was asked, so this poll is still to come.
            self._polling[shown.key] = replace(known, due=self._monotonic() + SHORT_OF_LEASE)
            return
        delay = max(device_flow.poll_delay(flow, known.delay, now), error.retry_after or 0.0)
        self._polling[shown.key] = replace(known, due=self._monotonic() + delay, delay=delay, complete=complete)

    def _known(self, shown: _Shown) -> _Polling:
        """What is known of the polls; nothing, where another GitHubToken that named the Secret went meanwhile."""
        return self._polling.get(shown.key) or _Polling(shown.flow.user_code, self._monotonic())

    async def _end(self, shown: _Shown, error: Terminal) -> None:
        """Remembers that a human ended the flow. What is wrong with the App does not end it."""
        if error.reason in reasons.SIGN_IN_HEALS:
            await self._change(shown, kept_flow.ended(shown.flow, error))

    async def _change(self, shown: _Shown, flow: Flow) -> None:
        await self._store.write(credential_body.with_flow(shown.secret, flow, shown.token))


def _login(token: GitHubToken) -> str | None:
    return token.user.login if token.user else None
