"""Getting an installation's token: find the installation, mint, and see GitHub accept the token before it is published.

Minting never invalidates an earlier token, so an attempt may be repeated at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.domain import policy, reasons
from githubtoken_operator.domain.errors import Terminal
from githubtoken_operator.domain.model import App, Installation, InstallationToken
from githubtoken_operator.domain.resources import InstallationSource

PROBE_DELAYS: Final = (1.0, 2.0, 3.0, 4.0)
"""Seconds between looks at a new token, ten in all. GitHub's replicas lag by less than a second as a rule."""


class InstallationTokens:
    """Mints installation tokens; remembers which installation a selector means."""

    def __init__(
        self, github: GitHub, *, verify: bool, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._github = github
        self._verify = verify
        self._sleep = sleep
        self._installations: dict[tuple[str, str, int | str], Installation] = {}

    async def obtain(self, app: App, source: InstallationSource) -> tuple[InstallationToken, Installation, bool]:
        """A new token, where it is from, and whether GitHub was seen to accept it.

        Raises `TokenError`, `PolicyDenied` too.
        """
        installation = await self._find(app, source)
        source = policy.narrowed(source, app.limits, installation.account, enterprise=installation.enterprise)
        try:
            minted = await self._github.create_installation_token(
                app,
                installation.id,
                repositories=source.narrowed_to,
                repository_ids=source.repository_ids,
                permissions=dict(source.permissions),
            )
        except Terminal as error:
            if error.reason == reasons.INSTALLATION_NOT_FOUND:
                # The App may have been uninstalled and installed again under another id.
                self._installations.pop(_key(app, source), None)
            raise
        accepted = not self._verify or await self._is_accepted(app, source, installation, minted)
        return minted, installation, accepted

    async def _find(self, app: App, source: InstallationSource) -> Installation:
        key = _key(app, source)
        if key not in self._installations:
            self._installations[key] = await self._github.find_installation(
                app, id=source.id, owner=source.owner, repository=source.repository, enterprise=source.enterprise
            )
        return self._installations[key]

    async def _is_accepted(
        self, app: App, source: InstallationSource, installation: Installation, minted: InstallationToken
    ) -> bool:
        for delay in (*PROBE_DELAYS, None):
            if await self._github.probe(
                app,
                minted.access.token,
                installation_id=installation.id,
                permissions=minted.permissions,
                narrowed=bool(source.narrowed_to or source.repository_ids),
            ):
                return True
            if delay is not None:
                await self._sleep(delay)
        return False


def _key(app: App, source: InstallationSource) -> tuple[str, str, int | str]:
    # An enterprise's slug and a login may be the same word.
    enterprise = f"enterprises/{source.enterprise}" if source.enterprise else ""
    return app.api_url, app.identity, source.id or source.owner or source.repository or enterprise
