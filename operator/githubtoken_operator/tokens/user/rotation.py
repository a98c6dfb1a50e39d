"""One rotation of a user token, from top to bottom. GitHub accepts each refresh token once, so the order is everything.

    1. re-read the credential Secret, alone; stop if it says that this token must not be sent
    2. check the Lease; write the intent under the resourceVersion just read: this also proves that the API server and
       our rights are there, and that a pair has room
    3. check the Lease again; POST once; nothing repeats it
    4. append GitHub's answer to the journal, then replace the pair in the credential Secret, for as long as it takes
       and in nobody's place; a newer sign-in always wins; then drop the journal's entry
    5. publish the consumer's Secret, then status: the reconciler does both, from the store, as the last of its run

docs/rotation.md has the rules and what breaks without each of them. SIGTERM and a lost Lease stop a rotation before
step 3 and not after it: what was sent is finished and saved, whoever leads by then. A rotation is never cut off: it is
`fence` that stops it, so that an intent is always withdrawn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.user.credentials import credential, credential_body
from githubtoken_operator.domain.user.credentials.credential import Credential
from githubtoken_operator.domain.user.entry import Entry
from githubtoken_operator.domain.user.grants import pair_in
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    LeaseShort,
    NotSent,
    NotUnderstood,
    OutcomeUnexplained,
    OutcomeUnknown,
    RefreshTokenRefused,
    Terminal,
    TokenError,
)
from githubtoken_operator.domain.vocabulary.model import JSON, Answer, App, Token
from githubtoken_operator.tokens.user.credentials import Credentials


class Rotation:
    """Exchanges the refresh token of a user token for a new pair."""

    def __init__(self, ground: Ground, credentials: Credentials) -> None:
        self._github = ground.github
        self._fence = ground.fence
        self._credentials = credentials
        self._store = credentials.store
        self._savings = credentials.savings

    async def rotate(self, token: GitHubToken, app: App, client_id: str, *, final: bool = False) -> None:
        """Gets a new pair and saves it. Raises `TokenError`, or `StartOver` where the store moved.

        `final`: a refusal that nobody can explain ends the refresh token, as `bad_refresh_token` does.
        """
        key, term = credential.key_of(token), self._fence.term
        with self._fence.irreversible(), self._store.alone(key):
            # Step 1. A quorum read; what the caller saw may be old.
            secret, stored, sent = await self._credentials.to_be_sent(token, app.server, client_id)
            self._savings.reserve(key)
            try:
                # Step 2. From here on nobody else who follows the protocol sends this token.
                self._fence.check(term)
                intent = self._credentials.intent(stored, sent)
                announced = credential_body.with_intent(secret, intent, token, client_id, origin.of(app.server))
                secret = await self._store.write(announced)

                # Step 3. The only request of the operator that must not be made twice.
                answer = await self._send(replace(app, client_id=client_id), stored, sent, secret, term)
            except Exception:  # There is nothing to keep: the reservation goes, and the error goes on.
                self._savings.drop(key)
                raise

            # Step 4. The answer is safe before anything reads it.
            entry = _entry(app, stored, sent, answer)
            self._savings.keep(key, entry)
            try:
                grant = pair_in(key, entry)
                if stored.seeded and grant.access.refresh_token is not None:
                    self._credentials.seeds.spend(key, sent.sha256)
            except NotUnderstood:
                pass  # It is saved as it is: what it says, a later version will know.
            except TokenError as error:
                self._savings.drop(key)
                await self._refused(secret, sent, app, _final(error) if final else error)
            await self._savings.save(key, entry, secret, replaces=stored.access.token if stored.access else None)

    async def _send(self, app: App, stored: Credential, sent: Token, secret: JSON, term: int) -> Answer:
        try:
            self._fence.check(term)
            return await self._github.refresh(app, sent)
        except OutcomeUnknown:
            # The token may be spent. The intent stays, and the next attempt comes through step 1.
            raise
        except (NotSent, LeaseShort):
            await self._store.withdraw(credential_body.never_sent(secret, stored.origin))
            raise
        except TokenError:
            await self._store.withdraw(credential_body.without_intent(secret))
            raise

    async def _refused(self, secret: JSON, sent: Token, app: App, error: TokenError) -> NoReturn:
        """GitHub answered, and not with a pair."""
        if isinstance(error, RefreshTokenRefused):
            # It must never be sent again, also after a restart; a conflict says that somebody else won meanwhile.
            await self._store.write(credential_body.with_refusal(secret, sent))
        elif not isinstance(error, OutcomeUnknown):
            await self._store.withdraw(credential_body.without_intent(secret))
        if error.reason == reasons.AUTHENTICATION_FAILED and app.client_secret is None:
            raise _no_client_secret() from error
        raise error


def _entry(app: App, stored: Credential, sent: Token, answer: Answer) -> Entry:
    return Entry(
        parent=sent.sha256,
        seed=sent.sha256 if stored.seeded else stored.seed or sent.sha256,
        ours=stored.ours,
        status=answer.status,
        date=answer.headers["date"],
        body=answer.body,
        origin=origin.of(app.server),
        headers=answer.headers,
    )


def _final(error: TokenError) -> TokenError:
    """The same where a refusal that nobody can explain is taken for the last word on the refresh token."""
    return RefreshTokenRefused(error.lasting, error.message) if isinstance(error, OutcomeUnexplained) else error


def _no_client_secret() -> Terminal:
    """Without a secret GitHub refreshes only what came from the device flow, and names the client's credentials."""
    return Terminal(
        reasons.CLIENT_SECRET_MISSING,
        "GitHub asks for the App's client secret: put it into a Secret and set `spec.clientSecretSecretRef` of the App",
    )
