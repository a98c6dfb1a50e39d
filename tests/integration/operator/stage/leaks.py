"""What looks like a secret in a text, and the canaries of a test, plain or encoded."""

from __future__ import annotations

import base64
import re
from typing import Final

_TOKEN: Final = re.compile(
    r"gh[oprsu]_\w{8,}|github_pat_\w{8,}|eyJ[\w-]{8,}\.eyJ|PRIVATE KEY-----|hv[sbr]\.[\w-]{20,}|(?<![\w.])s\.\w{24}\b"
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{16,}")


def find_secrets(text: str, canaries: list[str]) -> list[str]:
    """What kinds of secrets the text holds, plain or as base64 at any offset."""
    unique = set(canaries)
    found = [f"a canary ({len(canary)} characters)" for canary in unique if canary in text]
    found += [f"something like `{match[:6]}…`" for match in _TOKEN.findall(text)]
    for run in _BASE64.findall(text):
        for offset in range(4):
            part = run[offset:]
            decoded = base64.b64decode(part + "A" * (-len(part) % 4)).decode("latin-1")
            found += [f"something like `{match[:6]}…` as base64" for match in _TOKEN.findall(decoded)]
            found += ["a canary as base64" for canary in unique if canary in decoded]
    return found
