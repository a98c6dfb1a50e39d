"""Why no answer came, in words."""

from __future__ import annotations

import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from githubtoken_operator.adapters.network import unanswered

KEY: Any = ConnectionKey("c", 443, True, True, None, None, None)
REFUSED = ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 443)")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        pytest.param(
            aiohttp.ClientConnectorError(KEY, REFUSED), "it accepts no connection (Connection refused)", id="refused"
        ),
        pytest.param(
            aiohttp.ClientConnectorError(KEY, OSError(113, "x")),
            "it accepts no connection (No route to host)",
            id="no route",
        ),
        pytest.param(
            aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Name or service not known")),
            "its name cannot be resolved",
            id="no name",
        ),
        pytest.param(aiohttp.ServerDisconnectedError(), "it closed the connection", id="closed"),
        pytest.param(aiohttp.ConnectionTimeoutError(), "no connection was made in time", id="no connection in time"),
        pytest.param(TimeoutError(), "it does not answer in time", id="no answer in time"),
        pytest.param(aiohttp.InvalidURL("http://alice:s3cret@c"), "InvalidURL", id="what has no words"),
    ],
)
def test_what_stood_in_the_way_is_said_in_words(error: Exception, says: str) -> None:
    assert unanswered.why_exactly(error) == says
