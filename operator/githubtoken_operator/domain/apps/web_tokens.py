"""An App's JSON web tokens: for which ten minutes each is good, and which are signed ahead where a service signs.

GitHub takes an `exp` at most ten minutes ahead, and no `iat` that its clock has not reached ("Generating a JSON Web
Token (JWT) for a GitHub App"). A service that signs may be away for a while: so beside the web token in use there is
always the next one, signed already, for the minutes that come. At any moment what is there lasts for 8 minutes and
more, and a signature serves 8 minutes.

All numbers are whole seconds of GitHub's clock.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

ISSUED_BEFORE: Final = 60
"""Seconds that `iat` lies in the past, as GitHub recommends against clocks that differ."""
LIFE: Final = 540
"""Seconds that `exp` lies ahead: a minute less than GitHub allows."""
BEFORE_END: Final = 30
"""So many seconds before its `exp` one is no longer sent."""
SERVES: Final = LIFE - BEFORE_END
"""Seconds for which one is sent."""
APART: Final = 480
"""Seconds between the beginnings of two that follow each other."""
_EARLIER: Final = 5
"""A clock that was set back by so much is no reason for another."""


@dataclass(frozen=True, slots=True)
class WebToken:
    """One that serves from `begins` on; `key_id` is the key that signed it, in the words of its service."""

    begins: int
    key_id: str
    text: str = field(repr=False)

    def serves(self, now: int) -> bool:
        """Whether it may be sent."""
        return -_EARLIER <= now - self.begins <= SERVES


def in_use(made: Sequence[WebToken], now: int) -> WebToken | None:
    """The one to send: of those that serve, the one that lasts longest."""
    return max((each for each in made if each.serves(now)), key=lambda each: each.begins, default=None)


def wanted(made: Sequence[WebToken], now: int) -> int | None:
    """When the one begins that must be signed now; None where there are enough."""
    present = in_use(made, now)
    if present is None:
        return now
    newest = max(each.begins for each in made)
    return present.begins + APART if newest == present.begins else None


def next_wanted(made: Sequence[WebToken], now: int) -> int:
    """When `wanted` says something again, if nothing is signed until then."""
    if wanted(made, now) is not None:
        return now
    ahead = [each.begins - _EARLIER for each in made if each.begins - _EARLIER > now]
    return min(ahead, default=now)


def living(made: Sequence[WebToken], now: int) -> tuple[WebToken, ...]:
    """Without those that have served; and without all where the clock was set back to before them."""
    kept = tuple(each for each in made if now - each.begins <= SERVES)
    return kept if in_use(kept, now) is not None else ()


def signing_input(issuer: str, begins: int) -> bytes:
    """What is signed: header and claims, in the very bytes that PyJWT makes of them."""
    claims = {"iat": begins - ISSUED_BEFORE, "exp": begins + LIFE, "iss": issuer}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    return b".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)


def complete(text: bytes, signature: bytes) -> str:
    """The web token of what was signed and its signature."""
    return b".".join((text, _base64url(signature))).decode()


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
