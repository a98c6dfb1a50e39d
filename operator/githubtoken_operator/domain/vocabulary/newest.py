"""A memory of so many entries, for whatever grows by what tenants write."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Newest(OrderedDict[K, V]):
    """A dict that keeps `most` entries: what was put in longest ago goes first, and what is put in again is new.

    That counts for `newest[key] = value` alone, by which everybody puts in.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        # It is never missing in between: other threads may look.
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)
