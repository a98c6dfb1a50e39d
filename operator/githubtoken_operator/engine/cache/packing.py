"""Keeps objects that look alike in little memory: each is deflated against another one of its kind.

The JSON of a GitHubToken and that of its Secret, 2.5 KB, take some 350 bytes so, of which most are what nobody else
has: hashes, uids and the token. Packing takes 16 µs, less than without the other one, and unpacking 4.

Every so often the newest object becomes the pattern of those that follow, so that what all have in common (the labels
of a tool that made them, a new field) is in it. A packed object keeps the pattern that it was packed against.

What is packed is never shown: there is no `repr` of it.
"""

from __future__ import annotations

import json
import zlib
from typing import Final

from githubtoken_operator.domain.vocabulary.model import JSON

LONGEST: Final = 16 * 1024
"""Bytes of JSON that is kept."""
RENEWED_AFTER: Final = 256
"""Objects that are packed against one pattern."""
_WINDOW: Final = 12
"""Bits: 4 KiB are looked back, most of which is the pattern. A wider one costs more to begin with than it saves."""
_MEMORY: Final = 5
_LEVEL: Final = 1
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


class Packed:
    """An object as it is kept."""

    __slots__ = ("_deflated", "_pattern")

    def __init__(self, deflated: bytes, pattern: bytes) -> None:
        self._deflated = deflated
        self._pattern = pattern

    def unpacked(self) -> JSON:
        """The object."""
        text = zlib.decompressobj(-_WINDOW, zdict=self._pattern).decompress(self._deflated)
        found: JSON = json.loads(text)
        return found


class Packing:
    """Packs the objects of one kind."""

    def __init__(self) -> None:
        self._pattern = b""
        self._since = RENEWED_AFTER

    def pack(self, body: JSON) -> Packed | None:
        """The object as it is kept; None where it is too long."""
        text = _ENCODER.encode(body).encode()
        if len(text) > LONGEST:
            return None
        self._since += 1
        if self._since > RENEWED_AFTER:
            self._pattern, self._since = text, 1
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW, _MEMORY, zdict=self._pattern)
        return Packed(packer.compress(text) + packer.flush(), self._pattern)
