"""Why no answer came, in words for whoever asked.

The words are ours, since aiohttp's text may repeat what the other side sent, or a proxy's password; the operating
system's own word stands behind them where it says more.
"""

from __future__ import annotations

import os
from typing import Final

import aiohttp

# The first that fits; the more special ones stand first.
_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved"),
    (aiohttp.ClientConnectorSSLError, "TLS cannot be agreed on"),
    (aiohttp.ClientProxyConnectionError, "the proxy does not answer"),
    (aiohttp.ClientHttpProxyError, "the proxy refuses the connection"),
    (aiohttp.ClientConnectorError, "it accepts no connection"),
    (aiohttp.ConnectionTimeoutError, "no connection was made in time"),
    (aiohttp.ServerDisconnectedError, "it closed the connection"),
    (ConnectionResetError, "it reset the connection"),
    (aiohttp.ClientOSError, "it reset the connection"),
    (aiohttp.ClientPayloadError, "the answer is cut off"),
    (TimeoutError, "it does not answer in time"),
)


def why(error: BaseException) -> str:
    """What stood in the way; the name of an error that has no words here."""
    return next((words for kind, words in _WORDS if isinstance(error, kind)), type(error).__name__)


def why_exactly(error: BaseException) -> str:
    """The same with the system's word, such as "Connection refused"."""
    number = getattr(getattr(error, "os_error", None), "errno", None)
    # Those of the resolver are negative, or have words of their own, which say no more.
    said = os.strerror(number) if number and not isinstance(error, aiohttp.ClientConnectorDNSError) else ""
    return f"{why(error)} ({said})" if said else why(error)
