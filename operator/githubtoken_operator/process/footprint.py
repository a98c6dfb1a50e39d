"""What the process asks of Python so that it stays small, and its event loop is held up by nobody.

asyncio takes a buffer of 256 KiB for each TLS connection, and reads into another one of that size each time. A TLS
record has 16 KiB at most (RFC 8446, section 5.1), and there may be hundreds of connections: one for each request at
once, and for each watch of a single Secret.

Python looks for garbage among all objects each time that their number has grown by a quarter. What the imports and the
first lists have brought stays until the end, so it is taken out of that look.
"""

from __future__ import annotations

import gc
from asyncio import sslproto
from typing import Final

TLS_BUFFER: Final = 32 * 1024
"""Bytes. Twice a record, so that a long list is not read in more pieces than it has records."""


def small() -> None:
    """Makes the TLS connections that follow take less, and keeps what was imported out of looks for garbage.

    To be called before the event loop begins: the look that is taken here is the longest.
    """
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    gc.collect()
    gc.freeze()


def settled() -> None:
    """Says that what there is now stays."""
    gc.freeze()
