"""The operator, which writes down what it holds when it gets SIGUSR1: `python counted.py FILE run …`.

Of each class of its own it counts the objects, and of each attribute that is a collection what is in it.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
from collections import Counter, deque
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from githubtoken_operator.__main__ import main

_COLLECTIONS = (dict, set, list, tuple, deque, WeakValueDictionary)


def _attributes(found: object) -> dict[str, Any]:
    slots = [name for kind in type(found).__mro__ for name in getattr(kind, "__slots__", ())]
    kept = {name: getattr(found, name) for name in slots if isinstance(name, str) and hasattr(found, name)}
    return kept | getattr(found, "__dict__", {})


def _size(found: Any) -> int:  # noqa: ANN401 - any collection
    """What is in it and in the collections in it."""
    parts = list(found.values()) if isinstance(found, dict | WeakValueDictionary) else list(found)
    return len(parts) + sum(_size(part) for part in parts if isinstance(part, dict | set | list | deque))


def held() -> Counter[str]:
    """How much there is, by class and attribute."""
    gc.collect()
    counted: Counter[str] = Counter()
    for found in gc.get_objects():
        kind = type(found)
        if not str(kind.__module__).startswith("githubtoken_operator") or isinstance(found, type):
            continue
        name = f"{kind.__module__.removeprefix('githubtoken_operator.')}.{kind.__qualname__}"
        counted[name] += 1
        for attribute, value in _attributes(found).items():
            if isinstance(value, _COLLECTIONS):
                counted[f"{name}.{attribute}"] += _size(value)
    for name, module in list(sys.modules.items()):
        if name.startswith("githubtoken_operator") and module is not None:
            for variable, value in vars(module).items():
                if isinstance(value, dict | set | list | deque | WeakValueDictionary) and not variable.startswith("__"):
                    counted[f"{name.removeprefix('githubtoken_operator.')}:{variable}"] += _size(value)
    return counted


if __name__ == "__main__":
    target = Path(sys.argv.pop(1))

    def write(*_: object) -> None:
        """Writes them down."""
        target.with_suffix(".new").write_text(json.dumps(held()))
        target.with_suffix(".new").rename(target)

    signal.signal(signal.SIGUSR1, write)
    main()
