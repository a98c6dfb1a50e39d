"""A credential that ends, or that the API server does not take any more, is got anew, once for all who wait for it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from kubernetes.aio import client, config

from githubtoken_operator.adapters.kubernetes.access.exec_plugin import ExecCredential, ExecPlugin
from githubtoken_operator.adapters.kubernetes.errors import ApiError

READ_AGAIN: Final = 5.0
"""Seconds at least between two looks for a new token after the API server refused the one there was."""


class PluginToken:
    """A plugin's token."""

    def __init__(self, configuration: client.Configuration, plugin: ExecPlugin, credential: ExecCredential) -> None:
        self._configuration = configuration
        self._plugin = plugin
        self._credential = credential
        self._running = asyncio.Lock()

    async def before_a_request(self, _: client.Configuration) -> None:
        """Called for each request."""
        expires = self._credential.expires
        if expires is not None and expires <= datetime.now(UTC):
            await self.again()

    async def again(self) -> None:
        """Runs the plugin once more. A certificate of its own stays the first one until the process ends."""
        refused = self._credential
        async with self._running:
            if self._credential is not refused:
                return
            self._credential = await self._plugin.run(terminal=sys.stdin.isatty())
            if self._credential.token is not None:
                self._configuration.api_key["BearerToken"] = f"Bearer {self._credential.token}"


def read_again(load: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Loads the credential anew, but for what was loaded just now; one that cannot be had leaves the one there is."""
    looked = time.monotonic()

    async def look() -> None:
        nonlocal looked
        if time.monotonic() - looked < READ_AGAIN:
            return
        looked = time.monotonic()
        with suppress(ApiError, config.ConfigException, OSError):
            await load()

    return look
