"""A bounded memory of answers that were had lately, by which requests are saved."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from githubtoken_operator.domain.vocabulary.newest import Newest

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST: Final = 4096
"""So many are kept; what was put in longest ago goes first."""


class Lately(Generic[K, V]):
    """Values by key, with the time at which each was put in; `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._kept: Newest[K, tuple[float, V]] = Newest(MOST)

    def get(self, key: K, life: float) -> V | None:
        """The value, unless it is `life` seconds old."""
        kept = self._kept.get(key)
        return kept[1] if kept is not None and self._monotonic() - kept[0] < life else None

    def put(self, key: K, value: V) -> None:
        """Keeps it as of now."""
        self._kept[key] = self._monotonic(), value

    def drop(self, key: K) -> None:
        """Forgets it, if it is there."""
        self._kept.pop(key, None)
