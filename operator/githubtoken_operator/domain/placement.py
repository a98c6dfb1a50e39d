"""Where GitHub's answer goes: the table of the rotation protocol for saving a pair, whoever does it and whenever.

The compare-and-swap is the fence: a pair replaces only what it was obtained from, so a newer sign-in always wins, and
an older pair never overwrites a newer one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from githubtoken_operator.domain.credential import read
from githubtoken_operator.domain.model import JSON, AccessToken
from githubtoken_operator.domain.secrets import decoded


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in by device flow brings beside the pair: GitHubToken, the App's client id, the login if known."""

    name: str
    client_id: str
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A pair that GitHub gave, with what is needed to save it whatever happened meanwhile.

    `parent`: SHA-256 of the refresh token that was stored, and in a rotation sent; "" where there was none. `ours`: the
    annotation `refresh-token-sha256` as it was read before. `seed`: the first token of the chain. `signed_in` is set
    where a human has just signed in.
    """

    access: AccessToken
    parent: str
    seed: str
    ours: str | None
    signed_in: SignedIn | None = None


class Placement(Enum):
    """What to do with a grant, given the credential Secret as it is now."""

    SAVED = "the store has this pair"
    CREATE = "there is no Secret, and a first sign-in needs one: create it, never overwrite"
    PUT = "the store still has the parent: replace it under the resourceVersion just read"
    SUPERSEDED = "a newer sign-in, or a human deleted the Secret: the pair is discarded"


def place(secret: JSON | None, grant: Grant) -> Placement:
    """The table of the protocol's section on saving a pair; first row that fits."""
    if secret is None:
        return Placement.CREATE if grant.signed_in and not grant.parent else Placement.SUPERSEDED
    stored = read(secret)
    new = grant.access.refresh_token
    if decoded(secret, "token") == grant.access.token.reveal() and (new is None or stored.current == new.sha256):
        return Placement.SAVED
    if (stored.current or "") == grant.parent and stored.ours in (None, grant.ours):
        return Placement.PUT
    return Placement.SUPERSEDED
