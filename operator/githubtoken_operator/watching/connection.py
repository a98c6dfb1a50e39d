"""kopf's own connection to the API server: as whom, at which address, and whom it trusts.

It is that of our own client, whose credential it shares, and it trusts the cluster's CA as that one does
(`adapters.network.tls`). Long lists are read in steps and trimmed, as no tenant's Secrets may hold up everybody else.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import aiohttp
import kopf

from githubtoken_operator.adapters.kubernetes import stepwise
from githubtoken_operator.adapters.kubernetes.access.access import Access
from githubtoken_operator.adapters.network import tls
from githubtoken_operator.domain.objects.secrets import trimmed

AGAIN: Final = 5.0
"""Seconds after which credentials are tried again that the API server has refused."""

logger = logging.getLogger(__name__)


class Connection(kopf.ConnectionInfo):
    """kopf's, whose TLS accepts the certificates that our own client accepts."""

    @classmethod
    def of(cls, access: Access) -> Self:
        """The same that our own client has."""
        configuration = access.configuration
        scheme, _, credential = str(configuration.api_key.get("BearerToken") or "").partition(" ")
        return cls(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            insecure=not configuration.verify_ssl,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
            scheme=scheme or None,
            token=credential or None,
            proxy_url=configuration.proxy,
        )

    def as_ssl_context(self) -> ssl.SSLContext:
        """What kopf makes of it, trusting what the cluster hands out."""
        return tls.trusting(super().as_ssl_context())


class TrimmedResponse(aiohttp.ClientResponse):
    """An answer to kopf: of the objects of a list it gets what a watch needs, and others have their turn meanwhile."""

    async def json(self, **options: Any) -> Any:  # noqa: ANN401 - aiohttp's
        """The body, parsed; a refusal as aiohttp has it."""
        return await stepwise.parsed(await self.read(), trimmed) if self.ok else await super().json(**options)


@dataclass(frozen=True, kw_only=True, eq=False)
class TrimmingSession(kopf.AiohttpSession):
    """kopf's session."""

    @classmethod
    def opened(cls, found: Connection) -> Self:
        """A session with these credentials. Has to be called while the event loop runs."""
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=found.as_ssl_context()),
            headers=found.as_http_headers(),
            proxy=found.proxy_url,
            trust_env=found.trust_env,
            response_class=TrimmedResponse,
        )
        same = {
            field.name: getattr(found, field.name)
            for field in fields(kopf.AiohttpSession)
            if hasattr(found, field.name)
        }
        return cls(aiohttp_session=session, **same)


class Login:
    """How kopf gets its session: at first, and again whenever the API server has answered 401.

    So it answers where it cannot look an account up, too, and then the same credentials are right a moment later. kopf
    would not try them again, and its watches would end, or stand still; here they are tried again after a pause.
    """

    def __init__(self, access: Access, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._access = access
        self._sleep = sleep
        self._last: Connection | None = None

    async def __call__(self) -> TrimmingSession:
        """A session as whoever the operator is by now."""
        if self._last is not None:
            await self._renew()
        found = Connection.of(self._access)
        if found == self._last:
            logger.warning("the API server refuses the operator's credentials: they are tried again in %g s", AGAIN)
            await self._sleep(AGAIN)
            await self._renew()
            found = Connection.of(self._access)
        self._last = found
        return TrimmingSession.opened(found)

    async def _renew(self) -> None:
        if self._access.renew is not None:
            await self._access.renew()
