"""Which credential Secret took which seed up: a refresh token works once, so two GitHubTokens cannot share a seed.

Known is what the watch has told of credential Secrets, and what this process is about to take. It keeps a second
GitHubToken from sending a refresh token that the first one spent; it is not the fence of a rotation. What is known by
seeds alone is little: a hash or two for each user. Whoever may edit a credential Secret may write others into it again
and again, so of each Secret the newest are kept.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from githubtoken_operator.domain.user.credentials.credential import REMEMBERED
from githubtoken_operator.domain.user.entry import SecretKey
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import Token
from githubtoken_operator.domain.vocabulary.newest import Newest

MOST: Final = 2 * REMEMBERED
"""Seeds that are known of one Secret: those that it names, and those that it named just before."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Seeds:
    """The seeds that were taken up, by their SHA-256."""

    def __init__(self) -> None:
        self._takers: defaultdict[str, set[SecretKey]] = defaultdict(set)
        self._taken: defaultdict[SecretKey, dict[str, None]] = defaultdict(dict)
        self._spent: defaultdict[SecretKey, Newest[str, None]] = defaultdict(lambda: Newest(REMEMBERED))

    def note(self, key: SecretKey, hashes: Sequence[str]) -> None:
        """Adds what a credential Secret says that it took."""
        for each in hashes[-REMEMBERED:]:
            if _SHA256.fullmatch(each):
                self._takers[each].add(key)
                self._taken[key].pop(each, None)
                self._taken[key][each] = None
        while len(self._taken.get(key, ())) > MOST:
            oldest = next(iter(self._taken[key]))
            del self._taken[key][oldest]
            self._give_up(key, oldest)

    def spend(self, key: SecretKey, sha256: str) -> None:
        """GitHub gave a pair for the seed: nobody can use it again, also when the credential Secret is deleted."""
        self._spent[key][sha256] = None

    def release(self, key: SecretKey) -> None:
        """No GitHubToken names the credential Secret any more."""
        self._spent.pop(key, None)

    def forget(self, key: SecretKey) -> None:
        """A credential Secret is gone, and what it took may be taken again."""
        for each in self._taken.pop(key, ()):
            self._give_up(key, each)

    def refusal(self, key: SecretKey, seed: Token) -> Terminal | None:
        """Why the credential Secret `key` must not take the seed; None where nobody else has it and it is not spent."""
        others = sorted(self._takers.get(seed.sha256, set()) - {key})
        if not others:
            return _spent() if any(seed.sha256 in spent for spent in self._spent.values()) else None
        # Of another namespace nothing is told.
        where = next((f" by Secret `{name}`" for namespace, name in others if namespace == key[0]), "")
        return Terminal(
            reasons.REAUTHORIZATION_REQUIRED,
            f"the refresh token in the Secret of `spec.user.seedSecretRef` was taken up already{where}, and works only "
            "once: sign in once for each GitHubToken, and put the new refresh token into a seed Secret of its own",
        )

    def _give_up(self, key: SecretKey, seed: str) -> None:
        self._takers[seed].discard(key)
        if not self._takers[seed]:
            del self._takers[seed]

    def claim(self, key: SecretKey, seed: Token) -> None:
        """Takes the seed for the credential Secret `key`. Raises `Terminal` as `refusal` says."""
        if refusal := self.refusal(key, seed):
            raise refusal
        self.note(key, [seed.sha256])


def _spent() -> Terminal:
    return Terminal(
        reasons.REAUTHORIZATION_REQUIRED,
        "the refresh token in the Secret of `spec.user.seedSecretRef` is spent, and what it brought is not there any "
        "more: sign in again and put the new refresh token into that Secret",
    )
