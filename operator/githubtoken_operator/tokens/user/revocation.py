"""Revoking a user's pair at the end of its GitHubToken, and removing the Secret that has it.

What is stored is revoked, and what consumers still have beside it. The credential Secret is deleted after that; one
that was adopted is emptied of the pair. It stays where the pair was shown to nobody, since nothing else could revoke it
any more. The Secret has no finalizer: that would hold a namespace that goes, also where the operator's rights went
first, and a human who deletes the Secret would not get rid of it.
"""

from __future__ import annotations

from dataclasses import replace

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.consumer import ownership
from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.user import revocation as words
from githubtoken_operator.domain.user.credentials import credential_body
from githubtoken_operator.domain.user.credentials.credential import Credential
from githubtoken_operator.domain.vocabulary.model import JSON, App, Token
from githubtoken_operator.tokens.kind import Ending
from githubtoken_operator.tokens.user.credentials import Credentials


class PairRevocation:
    """Revokes users' pairs, at hosts that are allowed or are the App's."""

    def __init__(self, ground: Ground, credentials: Credentials) -> None:
        self._cluster = ground.cluster
        self._github = ground.github
        self._allowed_hosts = ground.settings.allowed_hosts
        self._credentials = credentials

    async def revoke(self, ending: Ending) -> tuple[JSON, str | None]:
        """The object as it is then, and what may be alive, or None.

        Raises `TokenError` or `ApiError` to be tried again, `Waits`, and `StartOver` where the store moved.
        """
        token = ending.token
        secret, stored = await self._credentials.stored_pair(token) or (None, None)
        access = stored.access.token if stored and stored.access else None
        refresh = stored.refresh_token if stored else None
        others = {issued.access.token: issued.origin for issued in ending.held if issued.access.token != access}
        if access or refresh or others:
            app, refused = _of_client(await ending.app(), stored), None
            pairs = [(access, refresh, stored.origin if stored else None)]
            at: list[tuple[App, Token | None, Token | None]] = []
            for first, second, came in [*pairs, *((other, None, came) for other, came in others.items())]:
                asked = deletion.asked(app, came, self._allowed_hosts)
                if isinstance(asked, str):
                    refused = words.not_revoked(token, asked)
                else:
                    at.append((asked, first, second))
            if at:
                # Each is deleted, and reported where that leaves something.
                with ending.turn(at[0][0], 2 * WRITE * len(at)):
                    for asked, first, second in at:
                        await self._github.revoke_user_tokens(asked, first, second)
            if refused is not None:
                return ending.body, refused
        revoked = {each.sha256_base64 for each in (*others, access) if each is not None}
        left = None
        if refresh is None:
            # With the newest refresh token in the Secret, an access token from before it is dead.
            left = words.left_alive(token, ending.now) or deletion.left_alive(token, revoked, ending.now)
        return (await self._remove(ending.body, secret) if secret is not None else ending.body), left

    async def _remove(self, body: JSON, secret: JSON) -> JSON:
        """Removes what is dead from the store. The object, whose status does not speak of it any more."""
        # Status goes first: a process that comes after a crash must not read there of a pair that nobody has.
        meta, status = body["metadata"], deletion.without_token(body)
        if status is not None:
            body = await self._cluster.apply_status(Kind.of_token(meta), meta, status)
        if ownership.adopts(secret):
            await self._cluster.replace(Kind.SECRET, credential_body.given_back(secret))
        else:
            await self._cluster.delete(Kind.SECRET, secret["metadata"])
        return body


def _of_client(app: App, stored: Credential | None) -> App:
    """The App as the pair's client. With another client id than the pair's, or none, its secret may not fit."""
    if stored is None or stored.client_id is None or stored.client_id == app.client_id:
        return app
    return replace(app, client_id=stored.client_id, client_secret=app.client_secret if app.client_id is None else None)
