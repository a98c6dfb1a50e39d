"""The texts of `spec.secret.data`: `${token}` and the token's other properties are replaced, `$$` is a dollar.

`$(token)` is the same as `${token}`, spelled as Kubernetes spells variables in a container's arguments: envsubst and
what is like it, such as Flux's postBuild substitution, replace `${token}` on the way, and leave `$(token)` alone.

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

_PLACE: Final = re.compile(rf"\$(?:\$|\{{({'|'.join(PROPERTIES)})\}}|\(({'|'.join(PROPERTIES)})\))")


def is_valid(text: str) -> bool:
    """Whether every dollar in the text begins something that is replaced."""
    return "$" not in _PLACE.sub("", text)


def fill(text: str, properties: Mapping[str, str]) -> str:
    """The text with the values of `properties` (by `PROPERTIES`) in it."""

    def value(place: re.Match[str]) -> str:
        name = place[1] or place[2]
        return properties.get(name, "") if name else "$"

    return _PLACE.sub(value, text)


def names_a_property(text: str) -> bool:
    """Whether anything of the token comes into the text."""
    return any(place[1] or place[2] for place in _PLACE.finditer(text))
