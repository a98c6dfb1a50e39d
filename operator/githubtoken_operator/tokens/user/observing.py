"""What a run of a user token depends on beside all others: the credential Secret, the seed, and the device flow."""

from __future__ import annotations

from dataclasses import replace

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.secrets import ROLE, ROLE_CREDENTIAL, ROLE_TOKEN, decoded, giver, labels_of
from githubtoken_operator.domain.objects.specs.github_token import LOGIN_REQUESTED_AT, GitHubToken
from githubtoken_operator.domain.objects.specs.sources import UserSource
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.observed.user import OfUser
from githubtoken_operator.domain.user.credentials import credential, credential_ownership, sendable
from githubtoken_operator.domain.user.credentials.credential import Credential
from githubtoken_operator.domain.user.credentials.sendable import Expected
from githubtoken_operator.domain.user.device_flow import SignIn
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import NotUnderstood, Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, UNLIMITED, App, Token
from githubtoken_operator.engine.cache.objects import Read
from githubtoken_operator.tokens.consumer.claims import is_abandoned
from githubtoken_operator.tokens.kind import StartOver
from githubtoken_operator.tokens.user.credentials import Credentials
from githubtoken_operator.tokens.user.sign_in import SignIns


class UserInputs:
    """Reads the inputs of user tokens."""

    def __init__(self, credentials: Credentials, sign_ins: SignIns) -> None:
        self._credentials = credentials
        self._savings = credentials.savings
        self._sign_ins = sign_ins

    async def observe(
        self, seen: Observation, user: UserSource, resolved: Resolved, given: Issued | None, read: Read
    ) -> tuple[Observation, list[str]]:
        """What they add, and what could mend a failure; `given` is the token that consumers have.

        Raises `ApiError`, and `StartOver` where an answer of GitHub's that was kept could just be taken up.
        """
        token, key = seen.token, credential.key_of(seen.token)
        secret = await read(Kind.SECRET, token.namespace, user.credential)
        if unsaved := self._savings.trouble(key):
            # Until it is saved, nothing that the Secret says is the last word.
            self._savings.late.moved(key, secret)
            return replace(seen, trouble=unsaved, own=OfUser(revoked=self._savings.ends_a_token(key))), []
        owner = giver(secret, token, ROLE_CREDENTIAL)
        abandoned = await is_abandoned(token, owner, read, lambda it: credential.key_of(it)[1])
        if conflict := credential_ownership.conflict(secret, token, abandoned=abandoned):
            return replace(seen, conflict=seen.conflict or conflict), []
        if secret is not None and await self._savings.look(key, secret):
            raise StartOver
        stored = credential.read(secret) if secret is not None else None
        seed, problem = await self._read_seed(token, user, resolved.app, read)
        newer = seed if seed is not None and not (stored and stored.knows(seed)) else None
        taken = self._credentials.seeds.refusal((token.namespace, user.credential), newer) if newer else None
        newer = newer if taken is None else None
        trouble = seen.trouble
        if trouble is None and newer is None:
            trouble = await self._credential_trouble(stored, problem, resolved.app, token)
            trouble = taken if taken and trouble and trouble.reason == reasons.CREDENTIAL_MISSING else trouble
        sign_in: SignIn | None = None
        if user.device_flow is not None and newer is None and resolved.app is not None:
            token, sign_in = self._sign_in(seen, trouble, stored, user, resolved.app)
        newer = newer if resolved.error is None else None
        own, issued = OfUser(newer_seed=newer, sign_in=sign_in), None
        if secret is not None and stored is not None:
            issued = _issued(stored, token, resolved.app, given)
            own = _of_credential(secret, stored, user, newer, sign_in)
            own = replace(own, unadmitted=own.unadmitted and issued is not None, unmarked=own.unmarked or abandoned)
        current = (stored.current if stored else None) or ""
        found = replace(seen, token=token, issued=issued, trouble=trouble, own=own)
        return found, [current, seed.sha256 if seed else ""]

    def _sign_in(
        self, seen: Observation, trouble: TokenError | None, stored: Credential | None, user: UserSource, app: App
    ) -> tuple[GitHubToken, SignIn | None]:
        """What is known of the device flow; nothing where something else than a sign-in must be mended first.

        Also the object, in which the request that has its code is answered.
        """
        token, flow = seen.token, stored.flow if stored else None
        if isinstance(trouble, NotUnderstood):
            # Another code would bring another such answer: it is shown to whoever asks for it.
            trouble = None
        if trouble is not None and trouble.reason not in reasons.SIGN_IN_HEALS:
            return token, None
        if flow is not None and flow.request is not None:
            token = replace(token, status={**token.status, "lastHandledLoginAt": flow.request})
        key = (token.namespace, user.credential)
        poll_in = self._sign_ins.poll_in(key, flow, seen.now) if flow and flow.is_open(seen.now) else 0.0
        return token, SignIn(flow, trouble, token.login_pending, app.client_id, app.server, poll_in)

    async def _read_seed(
        self, token: GitHubToken, user: UserSource, app: App | None, read: Read
    ) -> tuple[Token | None, str]:
        """The seed, or what is wrong with it."""
        where = user.seed
        if where is None:
            how = (
                "nobody has signed in"
                if user.device_flow
                else "set `spec.user.deviceFlow`, or `spec.user.seedSecretRef`"
            )
            return None, how
        secret = await read(Kind.SECRET, token.namespace, where.name)
        if secret is None:
            return None, f"there is no Secret `{where.name}`: create it with a refresh token under `{where.key}`"
        role = labels_of(secret).get(ROLE)
        # The consumer's own may be a seed that was adopted.
        if role in (ROLE_CREDENTIAL, ROLE_TOKEN) and where.name != token.secret.name:
            return None, f"Secret `{where.name}` has the role `{role}` and is nobody's seed: name another"
        legacy = app is not None and hosts.is_enterprise_server(app.server.api_url)
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
            foreign = sendable.foreign(stored, _expected(token, app)) if app else None
            return foreign or (_nothing_to_refresh() if token.refresh_pending else None)
        key, expected = credential.key_of(token), _expected(token, app) if app and app.client_id else None
        if stored is not None and stored.kept is not None:
            return await self._credentials.hindrance(key, stored, expected)
        if stored is None or missing:
            refusal = sendable.refusal(stored, expected) if stored and expected else None
            if refusal is not None and refusal.reason == reasons.WRONG_ACCOUNT:
                return refusal
            return Terminal(reasons.CREDENTIAL_MISSING, f"there is no refresh token to start from: {problem}")
        return await self._credentials.hindrance(key, stored, expected)


def _of_credential(
    secret: JSON, stored: Credential, user: UserSource, newer: Token | None, sign_in: SignIn | None
) -> OfUser:
    """What the credential Secret is to one decision."""
    refused = stored.refused is not None and stored.refused == stored.current
    return OfUser(
        seeded=stored.refresh_token is not None and stored.seeded,
        newer_seed=newer,
        revoked=refused or (stored.kept is not None and stored.kept.of_rotation),
        unadmitted=stored.access is not None and user.login is not None and stored.account is None,
        unmarked=credential_ownership.lacks_label(secret),
        sign_in=sign_in,
        account=stored.account,
    )


def _issued(stored: Credential, token: GitHubToken, app: App | None, given: Issued | None) -> Issued | None:
    """The stored token, and what it was obtained for.

    One of another account, App or host is not for the present spec: whoever has it keeps it. A credential Secret
    outlives its object, so one that has had no token yet gives nobody what is not known to be for it.
    """
    if stored.access is None:
        return None
    noted = given.spec_hash if given is not None and given.access.token == stored.access.token else None
    foreign = sendable.foreign(stored, _expected(token, app)) if app else None
    if (app is None or foreign) and noted is None and token.status.get("revision") is None:
        return None
    if app is not None and foreign is None:
        obtained_for = _obtained_for(token, app)
    else:
        # The account is no part of the hash.
        obtained_for = "" if foreign and foreign.reason == reasons.WRONG_ACCOUNT else noted or ""
    return Issued(stored.access, stored.revision, obtained_for, stored.origin)


def _expected(token: GitHubToken, app: App) -> Expected:
    return Expected(app.client_id, app.server, token.user.login if token.user else None)


def _nothing_to_refresh() -> Terminal:
    return Terminal(
        reasons.CREDENTIAL_MISSING,
        f"the token does not expire and there is nothing to refresh it with: sign in again, by `{LOGIN_REQUESTED_AT}`",
    )


def _obtained_for(token: GitHubToken, app: App) -> str:
    """The spec hash of a user token of this App: no limit has let another be had."""
    return consumer.spec_hash(token, replace(app, limits=UNLIMITED))
