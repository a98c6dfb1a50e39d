"""Revoking an installation's tokens at the end of their GitHubToken: the one that is held, and those beside it.

Each is revoked where it came from. One that is dead counts as revoked, so all of it may be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.installation import target
from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.objects.origin import Origin
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.vocabulary.model import App, Token
from githubtoken_operator.tokens.kind import Ending


class InstallationRevocation:
    """Revokes installation tokens, at hosts that are allowed or are the App's."""

    def __init__(self, github: GitHub, *, allowed_hosts: Sequence[str]) -> None:
        self._github = github
        self._allowed_hosts = allowed_hosts

    async def revoke(self, ending: Ending, beside: Sequence[Issued]) -> str | None:
        """What may be alive then, or None; `beside` are tokens that this process got and did not publish.

        Raises `TokenError` or `ApiError` to be tried again, and `Waits`.
        """
        known = [*ending.held, *beside]
        living = {
            issued.access.token: issued.origin
            for issued in known
            if issued.access.expires_at is None or issued.access.expires_at > ending.now
        }
        refused = await self._revoke(ending, living)
        revoked = {value.sha256_base64 for value in living}
        left = deletion.left_alive(ending.token, revoked, ending.now)
        if left is not None and ending.unread is not None:
            raise ending.unread
        return refused or left or deletion.left_before(known, revoked, ending.now)

    async def _revoke(self, ending: Ending, living: Mapping[Token, Origin | None]) -> str | None:
        """Why one of them is not revoked, or None."""
        if not living:
            return None
        app, left = await ending.app(), None
        at: list[tuple[App, Token]] = []
        for value, came in living.items():
            asked = deletion.asked(app, came, self._allowed_hosts)
            if came is None and (elsewhere := target.left_elsewhere(ending.token, app)):
                asked = elsewhere
            if isinstance(asked, str):
                left = target.not_revoked(asked)
            else:
                at.append((asked, value))
        if at:
            with ending.turn(at[0][0], WRITE * len(at)):
                for asked, value in at:
                    await self._github.revoke_installation_token(asked, value)
        return left
