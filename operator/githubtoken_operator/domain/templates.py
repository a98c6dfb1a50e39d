"""The texts of `spec.secret.data`: `${token}` and the token's other properties are replaced, `$$` is a dollar.

What is absent, such as the expiry of a token that does not expire, is replaced by nothing. What was replaced is not
looked at again. The CRD refuses a wrong text when it is applied, by the same rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

PROPERTIES: Final = (
    "token", "type", "scope", "created", "expires_in", "expires_at", "refresh_expires_in", "refresh_expires_at",
)  # fmt: skip
"""What a text may name: the properties of an `AccessToken`, without the refresh token."""

ALLOWED: Final = ", ".join(f"`${{{name}}}`" for name in PROPERTIES)
"""The same in words."""

_PLACE: Final = re.compile(rf"\$(?:\$|\{{({'|'.join(PROPERTIES)})\}})")


def is_valid(text: str) -> bool:
    """Whether every dollar in the text begins something that is replaced."""
    return "$" not in _PLACE.sub("", text)


def fill(text: str, properties: Mapping[str, str]) -> str:
    """The text with the values of `properties` (by `PROPERTIES`) in it."""
    return _PLACE.sub(lambda place: properties.get(place[1], "") if place[1] else "$", text)
