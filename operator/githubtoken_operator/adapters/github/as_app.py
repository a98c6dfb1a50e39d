"""Requests as an App: with its JWT, by the issuer and for the time that its GitHub takes.

- Once more, a request whose JWT GitHub refused for its times, with a JWT for GitHub's time.
- Once more, too, a request whose JWT names the App by a client id that the host does not take, by the app id; and one
  whose key was replaced at the service that signs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from githubtoken_operator.adapters.github.calls import headers
from githubtoken_operator.adapters.github.jwt import app_bearer, bearer_of_another_key, refused_key
from githubtoken_operator.adapters.github.sending import Call, Sender
from githubtoken_operator.domain.github.refusals import app_refusals
from githubtoken_operator.domain.github.reply import http_date
from githubtoken_operator.domain.vocabulary.model import Answer, App
from githubtoken_operator.domain.vocabulary.newest import Newest

_KEPT: Final = 4096
"""Apps of which it is remembered that their host knows them by number; one that is forgotten costs a request."""

T = TypeVar("T")


class AsApp:
    """Who speaks for all Apps."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._by_number: Newest[tuple[str, str, str], None] = Newest(_KEPT)

    async def ask(
        self, app: App, operation: str, path: str, parse: Callable[[Answer], T], *, post: bytes | None = None
    ) -> T:
        """What `parse` makes of the answer. `post` is the body of a POST."""
        whose = (app.server.api_url, app.identity, app.private_key.fingerprint if app.private_key else "")
        if whose in self._by_number:
            app = replace(app, client_id=None)
        call = Call(
            server=app.server,
            operation=operation,
            method="GET" if post is None else "POST",
            url=app.server.api_url + path,
            headers={},
            body=post or b"",
        )
        try:
            return await self._timed(app, call, parse)
        except app_refusals.IssuerRefused:
            if app.client_id is None or app.app_id is None:
                raise
        # A server that knows no client ids is asked by the number from now on; the client id stays that of OAuth.
        found = await self._timed(replace(app, client_id=None), call, parse)
        self._by_number[whose] = None
        return found

    async def _timed(self, app: App, call: Call, parse: Callable[[Answer], T]) -> T:
        """Sends it with the App's JWT.

        Once more with one of GitHub's time where GitHub refuses its times, or by the key that has replaced a refused
        one at the service that signs.
        """
        now = self._sender.time_at(app.server.api_host)
        bearer = await app_bearer(app, now)
        answer = await self._sender.send_following(replace(call, headers=headers(f"Bearer {bearer}")))
        try:
            return parse(answer)
        except app_refusals.ClockSkewed:
            # By the answer's own `Date`: what was known of the host's clock is what GitHub has just refused.
            said = http_date(answer.headers["date"]) or self._sender.time_at(app.server.api_host)
            bearer = await app_bearer(app, said, renew=True)
        except app_refusals.KeyRefused as error:
            other = await bearer_of_another_key(app, now, bearer)
            if other is None:
                raise refused_key(app, error) from error
            bearer = other
        answer = await self._sender.send_following(replace(call, headers=headers(f"Bearer {bearer}")))
        try:
            return parse(answer)
        except app_refusals.KeyRefused as error:
            raise refused_key(app, error) from error
