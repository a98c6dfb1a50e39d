"""kopf's own connection to the API server: as whom, at which address, and whom it trusts.

It is the ServiceAccount of the pod, else the kubeconfig, as for our own client, and it trusts the cluster's CA as that
one does (`adapters.tls`). Long lists are read in steps and trimmed, as no tenant's Secrets may hold up everybody else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

import aiohttp
import kopf

from githubtoken_operator.adapters import tls
from githubtoken_operator.adapters.kubernetes import stepwise
from githubtoken_operator.domain.objects.secrets import trimmed
from githubtoken_operator.domain.vocabulary import certificates

AGAIN: Final = 5.0
"""Seconds after which credentials are tried again that the API server has refused."""

logger = logging.getLogger(__name__)


class Connection(kopf.ConnectionInfo):
    """kopf's, whose TLS accepts the certificates that our own client accepts."""

    @classmethod
    def like(cls, found: kopf.ConnectionInfo) -> Self:
        """The same access."""
        same = {field.name: getattr(found, field.name) for field in fields(found)}
        return cls(**{**same, "ca_data": _without_comments(found.ca_data)})

    def as_ssl_context(self) -> ssl.SSLContext:
        """What kopf makes of it, trusting what the cluster hands out."""
        return tls.trusting(super().as_ssl_context())


def _without_comments(ca_data: str | bytes | None) -> str | bytes | None:
    """The certificates alone, since kopf reads the whole text as ASCII; what holds none is left to kopf's complaint."""
    if not isinstance(ca_data, str):
        return ca_data
    try:
        found = certificates.of_pem(b64decode(ca_data))
    except ValueError:
        return ca_data
    return "".join(map(ssl.DER_cert_to_PEM_cert, found.certificates)) or ca_data


class Answer(aiohttp.ClientResponse):
    """An answer to kopf: of the objects of a list it gets what a watch needs, and others have their turn meanwhile."""

    async def json(self, **options: Any) -> Any:  # noqa: ANN401 - aiohttp's
        """The body, parsed; a refusal as aiohttp has it."""
        return await stepwise.parsed(await self.read(), trimmed) if self.ok else await super().json(**options)


@dataclass(frozen=True, kw_only=True, eq=False)
class Access(kopf.AiohttpSession):
    """kopf's session."""

    @classmethod
    def opened(cls, found: Connection) -> Self:
        """A session with these credentials. Has to be called while the event loop runs."""
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=found.as_ssl_context()),
            headers=found.as_http_headers(),
            proxy=found.proxy_url,
            trust_env=found.trust_env,
            response_class=Answer,
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

    def __init__(self, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._last: Connection | None = None

    async def __call__(self, **kwargs: Any) -> Access | None:  # noqa: ANN401 - kopf passes on many keywords
        """A session as whoever the operator is by now; None where it is nobody."""
        found = login(**kwargs)
        if found is not None and found == self._last:
            logger.warning("the API server refuses the operator's credentials: they are tried again in %g s", AGAIN)
            await self._sleep(AGAIN)
            found = login(**kwargs)
        self._last = found
        return Access.opened(found) if found is not None else None


def login(**kwargs: Any) -> Connection | None:  # noqa: ANN401 - kopf passes on many keywords
    """As whom kopf connects; None where neither a ServiceAccount nor a kubeconfig is there."""
    if found := kopf.login_with_service_account(**kwargs):
        return Connection.like(at_service_address(found, os.environ))
    found = kopf.login_with_kubeconfig(**kwargs)
    return Connection.like(found) if found else None


def at_service_address(found: kopf.ConnectionInfo, environ: Mapping[str, str]) -> kopf.ConnectionInfo:
    """The ServiceAccount's access at the address that the kubelet gives, as other clients take it.

    kopf has the API server's name there, which would make every watch wait for the cluster's DNS.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return found
    return replace(found, server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")
