"""The files of the journal, for whoever writes them and for whoever only looks: one for each credential Secret."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from githubtoken_operator.domain.user.entry import SecretKey

HOLDER: Final = "holder"
"""The file with the name of whoever owns the folder."""
SUFFIX: Final = ".json"
TEMPORARY: Final = ".tmp"
"""Of a file that is being written, or whose place is reserved."""
UNREADABLE: Final = ".unreadable"
"""Of a file that was put aside."""
LARGEST_FILE: Final = 2 * 1024 * 1024
"""Bytes: the largest answer that is read, as base64, and its surroundings."""


def file_name(secret: SecretKey) -> str:
    """The name of the file of this Secret."""
    # A hash fits wherever a namespace and a name of 253 characters would not, and has no character that a path minds.
    return sha256("/".join(secret).encode()).hexdigest() + SUFFIX
