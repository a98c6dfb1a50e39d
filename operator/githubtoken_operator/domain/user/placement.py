"""Where GitHub's answer goes: the table of the rotation protocol for saving it, whoever does it and whenever.

The compare-and-swap is the fence: a pair replaces only what it was obtained from, so a newer sign-in always wins, and
an older pair never overwrites a newer one.
"""

from __future__ import annotations

from enum import Enum

from githubtoken_operator.domain.objects.secrets import decoded
from githubtoken_operator.domain.user.credentials.credential import read
from githubtoken_operator.domain.user.entry import Entry, SecretKey, encode
from githubtoken_operator.domain.user.grants import Grant
from githubtoken_operator.domain.user.kept_answer import KEPT_ANSWER
from githubtoken_operator.domain.vocabulary.model import JSON


class Placement(Enum):
    """What to do with an answer, given the credential Secret as it is now."""

    SAVED = "the store has it"
    CREATE = "there is no Secret, and a first sign-in needs one: create it, never overwrite"
    PUT = "the store still has the parent: replace it under the resourceVersion just read"
    SUPERSEDED = "a newer sign-in, or a human deleted the Secret: the answer is discarded"


def place(secret: JSON | None, grant: Grant) -> Placement:
    """The table of the protocol's section on saving a pair; first row that fits."""
    if secret is not None and _has_pair(secret, grant):
        return Placement.SAVED
    return _under_parent(secret, grant.entry)


def place_unread(secret: JSON | None, key: SecretKey, entry: Entry) -> Placement:
    """The same for an answer that is not understood, and that the Secret is to keep."""
    if secret is not None and decoded(secret, KEPT_ANSWER) == encode(key, entry).decode():
        return Placement.SAVED
    return _under_parent(secret, entry)


def _has_pair(secret: JSON, grant: Grant) -> bool:
    new = grant.access.refresh_token
    if decoded(secret, "token") != grant.access.token.reveal():
        return False
    return new is None or read(secret).current == new.sha256


def _under_parent(secret: JSON | None, entry: Entry) -> Placement:
    if secret is None:
        return Placement.CREATE if entry.of_sign_in and not entry.parent else Placement.SUPERSEDED
    stored = read(secret)
    right = (stored.current or "") == entry.parent and stored.ours in (None, entry.ours)
    return Placement.PUT if right else Placement.SUPERSEDED
