"""The body of a server-side apply, which the API server reads as YAML and the client's library writes as JSON in ASCII.

JSON escapes a character beyond 16 bits, such as an emoji in somebody's annotation, as two surrogates. The API server's
YAML refuses those, and with them the whole apply. https://yaml.org/spec/1.2.2/#51-character-set
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

APPLY: Final = "application/apply-patch+yaml; charset=utf-8"
"""The type. Without its parameter the library would write the body itself."""

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)
_NOT_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What YAML takes for a line's end, or not at all, unless it is escaped."""


def as_yaml(body: Mapping[str, Any]) -> str:
    """JSON that is YAML too: characters as they are, and escaped where they must be."""
    text = _ENCODER.encode(body)
    return text if text.isprintable() else _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
