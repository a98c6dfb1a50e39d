"""One JSON request to a service that signs, over the transport that GitHub is asked by: the same CAs and proxies.

Every answer comes back as a value, whatever its status; what is no answer is `SignerUnavailable`. No redirect is
followed, and a body is read up to a limit that no answer of these services comes near.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from githubtoken_operator.adapters.github.transport import make_transport
from githubtoken_operator.adapters.network.ca_file import CAFile
from githubtoken_operator.domain.vocabulary.certificates import CABundle
from githubtoken_operator.domain.vocabulary.documents import mapping
from githubtoken_operator.domain.vocabulary.errors import SignerUnavailable
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.redaction import redact

MOST: Final = 256 * 1024
"""Bytes of an answer that are read; a key of Vault's with some hundred versions is well below."""
_WAIT: Final = httpx.Timeout(4.0, connect=3.0)
_LONGEST_RETRY: Final = 3600.0


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """`body` is empty where the answer's is no JSON object; `retry_after` is in seconds, where it has one."""

    status: int
    body: JSON = field(repr=False)
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the service did what it was asked for."""
        return httpx.codes.is_success(self.status)


class Rest:
    """Requests to one service, which `service` names in messages. It is trusted by `ca_bundle`, or by the usual CAs."""

    def __init__(self, service: str, *, ca_file: Path | None, ca_bundle: CABundle | None = None) -> None:
        self._service = service
        self._ca_file = ca_file
        self._ca_bundle = ca_bundle
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def ask(
        self, method: str, url: str, *, headers: Mapping[str, str], body: JSON | None = None
    ) -> ServiceAnswer:
        """Sends once. Raises `SignerUnavailable`."""
        client = await self._opened()
        try:
            async with client.stream(method, url, headers=dict(headers), json=body) as response:
                text = b""
                async for chunk in response.aiter_bytes():
                    text += chunk
                    if len(text) > MOST:
                        raise SignerUnavailable(
                            f"{self._service} gives an answer that is too long to be one of its own"
                        )
                return ServiceAnswer(
                    response.status_code, _object(text), _retry_after(response.headers.get("retry-after"))
                )
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            # What follows is advice about GitHub's hosts.
            words = redact(str(error)).partition(";")[0] or type(error).__name__
            raise SignerUnavailable(f"{self._service} does not answer: {words}") from None

    async def aclose(self) -> None:
        """Closes its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _opened(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                ca_file = CAFile(self._ca_file) if self._ca_file is not None else None
                # To read the usual CAs takes milliseconds.
                transport = await asyncio.to_thread(make_transport, self._ca_bundle, ca_file=ca_file)
                self._client = httpx.AsyncClient(
                    transport=transport, timeout=_WAIT, follow_redirects=False, trust_env=False
                )
            return self._client


def _object(text: bytes) -> JSON:
    try:
        return mapping(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def _retry_after(text: str | None) -> float | None:
    """The header in seconds; a date is not read, since none of these services sends one."""
    return min(float(text), _LONGEST_RETRY) if text and text.isascii() and text.isdigit() else None
