"""What the process asks of Python so that it stays small, and its event loop is held up by nobody.

asyncio takes a buffer of 256 KiB for each TLS connection, and reads into another one of that size each time. A TLS
record has 16 KiB at most (RFC 8446, section 5.1), and there may be hundreds of connections: one for each request at
once, and for each watch of a single Secret.

Python looks for garbage each time that there are 700 new objects, and among all objects each time that their number has
grown by a quarter. While ten thousand tokens are obtained this takes a twelfth of the process's time, in the end a
quarter of a second at once, and nothing is found: so it looks seldom. What the imports and the first lists have brought
stays until the end, and is taken out of the looks.
"""

from __future__ import annotations

import gc
from asyncio import sslproto
from typing import Final

TLS_BUFFER: Final = 32 * 1024
"""Bytes. Twice a record, so that a long list is not read in more pieces than it has records."""
LOOKS: Final = (10_000, 10, 10)
"""After so many new objects these are looked at, each tenth time those that earlier looks have left as well, and each
hundredth time all. A connection that ended leaves some seven: two thousand of them, one after another, take 2 MB."""


def small() -> None:
    """Makes the TLS connections that follow take less, and looks for garbage seldom, and not in what was imported."""
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    gc.set_threshold(*LOOKS)
    gc.freeze()


def settled() -> None:
    """Says that what there is now stays."""
    gc.freeze()
