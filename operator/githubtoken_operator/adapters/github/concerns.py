"""Of whom it speaks that no answer came: of the whole host, or of the App that asked alone.

The first rule that fits:

    an answer had begun            the App alone: the host answers
    a certificate was refused      the App alone: its `caBundle`, or its client certificate, on either side
    the App shows a certificate    the App alone where TLS or the connection ended: many servers refuse one in that way
    the URL cannot be asked        the App alone
    anything else                  the host: its name, its connections, its silence, and the cluster's way to it

A proxy is the cluster's and never an App's (`domain.apps.proxies`), so one that is away or refuses speaks of the host.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final

import aiohttp
import httpx

from githubtoken_operator.adapters.network import client_certificate, tls
from githubtoken_operator.domain.vocabulary.errors import Concern
from githubtoken_operator.domain.vocabulary.model import Server

_DEPTH: Final = 8
_OF_URL: Final = (httpx.InvalidURL, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)
_MAY_BE_OF_A_CERTIFICATE: Final = (ssl.SSLError, aiohttp.ClientConnectorSSLError, httpx.ReadError)


def concern(error: BaseException, server: Server, *, begun: bool) -> Concern:
    """What the error says; `begun`: the head of an answer had come."""
    causes = tuple(_causes(error))
    own = (
        begun
        or any(tls.refusal(each) or client_certificate.demand(each) for each in causes)
        or (server.client_certificate is not None and any(isinstance(it, _MAY_BE_OF_A_CERTIFICATE) for it in causes))
        or any(isinstance(each, _OF_URL) for each in causes)
    )
    return Concern.LANE if own else Concern.HOST


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(_DEPTH):
        if found is None:
            return
        yield found
        found = found.__cause__
