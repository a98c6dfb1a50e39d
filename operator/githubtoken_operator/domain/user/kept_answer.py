"""The answer of GitHub's that a credential Secret keeps because it is not understood, under a key of its own.

It is an entry of the journal, with the raw answer. It counts only while the token that it was had for is the one in the
Secret: another one is a newer sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from githubtoken_operator.domain.objects.secrets import decoded_bytes
from githubtoken_operator.domain.user.entry import Entry, NoEntry, SecretKey, decode
from githubtoken_operator.domain.user.grants import pair_in
from githubtoken_operator.domain.vocabulary.errors import NotUnderstood, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON

KEPT_ANSWER: Final = "kept_answer"
"""The key that holds an answer of GitHub's which was not understood."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer that is kept in the Secret. `entry` is None where a later version kept it in a way of its own."""

    entry: Entry | None

    @property
    def of_rotation(self) -> bool:
        """Whether the token under the key was sent for it, so that the token beside it is probably dead."""
        return self.entry is None or not self.entry.of_sign_in


def read(secret: JSON, current: str | None) -> KeptAnswer | None:
    """The answer that is kept; void once another token is under the key, as after a newer sign-in."""
    content = decoded_bytes(secret, KEPT_ANSWER)
    if not content:
        return None
    try:
        _, entry = decode(content)
    except NoEntry:
        return KeptAnswer(None)
    return KeptAnswer(entry) if entry.parent == (current or "") else None


def not_understood(key: SecretKey, kept: KeptAnswer) -> NotUnderstood | None:
    """Why nothing is sent while the Secret `key` keeps an answer; None where this version knows what it says."""
    if kept.entry is None:
        return NotUnderstood("GitHub's answer was kept by a later version", kept_in=key[1])
    try:
        pair_in(key, kept.entry)
    except NotUnderstood as error:
        return error
    except TokenError:
        return None
    return None
