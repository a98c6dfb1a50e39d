"""Personal tokens: a human made one and nobody can renew it, so GitHub is only asked whether it is still good."""

from __future__ import annotations

from collections.abc import Sequence

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError, TokenRefused
from githubtoken_operator.domain.vocabulary.model import PersonalTokenInfo, Server, Token


class PersonalTokens:
    """Checks personal tokens with the hosts that are allowed."""

    def __init__(self, github: GitHub, *, allowed_hosts: Sequence[str]) -> None:
        self._github = github
        self._allowed_hosts = allowed_hosts

    def host_refusal(self, server: Server) -> Terminal | None:
        """Why no token may be sent to that GitHub."""
        return hosts.refusal(server, self._allowed_hosts, where="spec.personal")

    async def check(self, server: Server, token: Token, held: Token | None) -> PersonalTokenInfo:
        """What GitHub says of `token`; `held` is the one that consumers have. Raises `TokenError`.

        Who makes a new token at GitHub often ends the old one by it. So where the new one is refused, the one that
        consumers have is asked about too: `TokenRefused` always means that theirs is dead.
        """
        try:
            return await self._github.check_personal_token(server, token)
        except TokenRefused as refused:
            if held is None or held == token or not await self._may_live(server, held):
                raise
            raise Terminal(refused.reason, refused.message) from refused

    async def _may_live(self, server: Server, token: Token) -> bool:
        try:
            await self._github.check_personal_token(server, token)
        except TokenRefused:
            return False
        except TokenError:
            # No answer says nothing about the token.
            return True
        return True
