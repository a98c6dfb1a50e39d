"""GitHub's REST API and OAuth endpoint, as far as tokens need them.

One client serves all Apps on all hosts. It sends, and leaves the meaning of what comes back to `domain.github.answers`;
it raises what that module raises, `NotSent` where a request certainly did not reach GitHub, and `OutcomeUnknown` where
it may have.

- Nothing is repeated, except what is asked as an App, once, as `as_app` says. A refresh never is: its caller decides,
  after it has read the store again.
- A refresh is sent over a connection of its own, so that one that went stale cannot make its outcome unknown.
- Secrets are sent in headers and bodies only, never in a URL.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from githubtoken_operator.adapters.github import calls
from githubtoken_operator.adapters.github.as_app import AsApp
from githubtoken_operator.adapters.github.sending import Call, Sender
from githubtoken_operator.domain.github import answers, device_answers, oauth_answers
from githubtoken_operator.domain.github.device_answers import DeviceCode
from githubtoken_operator.domain.installation import probe as probing
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import (
    Answer,
    App,
    AppInfo,
    Installation,
    InstallationToken,
    PersonalTokenInfo,
    Server,
    Token,
)

_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_HEADER_VALUE: Final = re.compile(r"[!-~]+")


class GitHub:
    """GitHub for all Apps. Close it with `aclose`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._as_app = AsApp(sender)

    async def aclose(self) -> None:
        """Closes all connections; what is under way fails."""
        await self._sender.aclose()

    def skew(self, host: str) -> timedelta:
        """How far that host's clock is ahead of ours, by its last answer; where none came yet, as the machine's is."""
        return self._sender.skew(host)

    async def measure_clocks(self) -> None:
        """Asks each host that has answered before for its time."""
        await self._sender.measure_clocks()

    async def get_app(self, app: App) -> AppInfo:
        """`GET /app`: whether GitHub accepts the App's id and key, and what it says of the App."""
        return await self._as_app.ask(app, "get_app", "/app", answers.app_info)

    async def find_installation(
        self, app: App, source: InstallationSource, *, repository_id: int | None = None
    ) -> Installation:
        """The installation that the source names, or that covers the repository of that number, as it names that."""
        path, where = calls.installation_path(source, repository_id)

        def parse(answer: Answer) -> Installation:
            return answers.installation(answer, where=where)

        return await self._as_app.ask(app, "find_installation", path, parse)

    async def create_installation_token(
        self,
        app: App,
        installation_id: int,
        *,
        repositories: Sequence[str] = (),
        repository_ids: Sequence[int] = (),
        permissions: Mapping[str, str] | None = None,
    ) -> InstallationToken:
        """`POST /app/installations/{id}/access_tokens`; what is empty is not sent, and means all that was granted.

        `repositories` are names without the owner. An `OutcomeUnknown` may be tried again: a token that nobody knows
        harms nobody.
        """
        for name in repositories:
            calls.check_repository(name)
        wanted = {
            "repositories": list(repositories),
            "repository_ids": list(repository_ids),
            "permissions": dict(permissions or {}),
        }
        body = json.dumps({key: value for key, value in wanted.items() if value}).encode()
        where, narrowed = f"with the id {installation_id}", [*repositories, *map(str, repository_ids)]

        def parse(answer: Answer) -> InstallationToken:
            return answers.installation_token(answer, where=where, permissions=permissions, repositories=narrowed)

        path = f"/app/installations/{int(installation_id)}/access_tokens"
        return await self._as_app.ask(app, "create_installation_token", path, parse, post=body)

    async def probe(
        self,
        app: App,
        token: Token,
        *,
        installation_id: int,
        permissions: Mapping[str, str],
        narrowed: bool,
    ) -> bool:
        """Whether GitHub honours a new installation token yet, by what `domain.installation.probe` asks for.

        `permissions` are those that were granted; `narrowed` says that it was asked for some repositories. Raises
        `KeptOut`, and `NotSent` or `OutcomeUnknown` where no answer came: it may be repeated.
        """
        asked = probing.path(permissions)
        answer = await self._with_token(app.server, "probe", asked, token)
        self._observe_limit(app, answer, str(installation_id))
        return probing.honoured(answer, asked=asked, narrowed=narrowed)

    async def get_login(self, app: App, token: Token) -> str:
        """`GET /user`: the login of the account that a user token belongs to."""
        answer = await self._with_token(app.server, "get_login", "/user", token)
        self._observe_limit(app, answer, "")
        return answers.login(answer)

    async def check_personal_token(self, server: Server, token: Token) -> PersonalTokenInfo:
        """`GET /user` with a personal token: whether GitHub accepts it, whose it is, and until when."""
        return answers.personal_token_info(await self._with_token(server, "check_personal_token", "/user", token))

    async def refresh(self, app: App, refresh_token: Token) -> Answer:
        """Spends the refresh token: `POST /login/oauth/access_token`, once.

        The answer is returned as it came (with a `Date` in any case), so that it can be made durable before
        `oauth_answers.refreshed_token` reads it. `NotSent` means that the token is certainly not spent, and
        `OutcomeUnknown` that it may be. Cancelling it while it runs throws away the answer: shield it.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
        if app.client_secret is not None:
            form["client_secret"] = app.client_secret.reveal()
        return await self._sender.send(calls.oauth(app, "refresh", "/login/oauth/access_token", form))

    async def start_device_flow(self, app: App, scopes: Sequence[str]) -> DeviceCode:
        """`POST /login/device/code`: a code for a human to enter. `scopes` are for OAuth apps, and sent where given."""
        form = {"scope": " ".join(scopes)} if scopes else {}
        answer = await self._sender.send(calls.oauth(app, "device_code", "/login/device/code", form))
        return device_answers.device_code(answer)

    async def poll_device_flow(self, app: App, device_code: Token) -> Answer:
        """`POST /login/oauth/access_token` for a code that was shown. The answer may bring a pair: as in `refresh`."""
        form = {"device_code": device_code.reveal(), "grant_type": _DEVICE_GRANT}
        return await self._sender.send(calls.oauth(app, "device_poll", "/login/oauth/access_token", form))

    async def revoke_installation_token(self, app: App, token: Token) -> None:
        """`DELETE /installation/token`: after it the token is dead, or was before. Else it raises `TokenError`."""
        answer = await self._with_token(
            app.server, "revoke_installation_token", "/installation/token", token, method="DELETE"
        )
        answers.installation_token_revoked(answer)

    async def revoke_user_tokens(self, app: App, access: Token | None, refresh: Token | None) -> None:
        """After it both are dead, or were before. Raises `TokenError` where one of them may be alive.

        An App with a client secret deletes its access token. The refresh token, which that leaves alive and which
        outlives it by months, is reported to `POST /credentials/revoke`, as is an access token that the App cannot
        delete. GitHub tells the user of such reports by mail.
        """
        if access is not None and app.client_id is not None and app.client_secret is not None:
            try:
                await self._delete_user_token(app, app.client_id, app.client_secret, access)
            except TokenError:
                # It is reported below, and that failure is the one that counts.
                pass
            else:
                access = None
        left = [token.reveal() for token in (access, refresh) if token is not None]
        if left:
            body = json.dumps({"credentials": left}).encode()
            url = f"{app.server.api_url}/credentials/revoke"
            call = Call(app.server, "revoke_credentials", "POST", url, calls.headers(None), body)
            answers.credentials_revoked(await self._sender.send(call))

    async def _delete_user_token(self, app: App, client_id: str, secret: Token, token: Token) -> None:
        call = Call(
            server=app.server,
            operation="delete_user_token",
            method="DELETE",
            url=f"{app.server.api_url}/applications/{quote(client_id, safe='')}/token",
            headers=calls.headers(f"Basic {b64encode(f'{client_id}:{secret.reveal()}'.encode()).decode()}"),
            body=json.dumps({"access_token": token.reveal()}).encode(),
        )
        oauth_answers.user_token_deleted(await self._sender.send(call))

    async def _with_token(
        self, server: Server, operation: str, path: str, token: Token, *, method: str = "GET"
    ) -> Answer:
        if not _HEADER_VALUE.fullmatch(token.reveal()):
            raise Terminal(reasons.CREDENTIAL_MISSING, "The token must be text without spaces or line breaks.")
        headers = calls.headers(f"Bearer {token.reveal()}")
        return await self._sender.send(Call(server, operation, method, server.api_url + path, headers))

    def _observe_limit(self, app: App, answer: Answer, installation: str) -> None:
        remaining = answer.headers.get("x-ratelimit-remaining", "")
        if remaining.isascii() and remaining.isdigit():
            self._sender.observer.rate_limit(app.server.api_host, app.identity, installation, int(remaining))
