"""JSON that others may have written: annotations, the values of Secrets.

Whoever may edit a Secret may put anything there. What is not a document of ours is nothing, never an error: the objects
of one tenant are read beside those of all others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from githubtoken_operator.domain.vocabulary.model import JSON

MOST_VALUES: Final = 50_000
"""In an answer of GitHub's, of which a megabyte has 20,000. So many take 20 ms to be read.

A thread would help nobody: Python's parser holds all others up while it works.
"""
_BRACKETS: Final = 256
"""Opening brackets in a text; a document of ours has a handful, and each level of nesting takes one."""
_VALUES: Final = 4096


def parsed(text: str | None) -> Any:  # noqa: ANN401 - JSON of any shape
    """The value of a JSON text; None where there is none, or it is not JSON, or is nested deeper than any of ours.

    Numbers are integers: a fraction, an exponent, `NaN` and `Infinity` are in no document of ours.
    """
    if not text or text.count("[") + text.count("{") > _BRACKETS or not affordable(text, _VALUES):
        return None
    try:
        return json.loads(text, parse_float=_refused, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def mapping(value: object) -> JSON:
    """The value where it is a JSON object, and an empty one where it is something else."""
    return value if isinstance(value, Mapping) else {}


def affordable(text: str | bytes, most: int = MOST_VALUES) -> bool:
    """Whether reading it as JSON costs little: what it costs goes by the values, of which a megabyte may have many."""
    if isinstance(text, str):
        return text.count(",") + text.count("[") + text.count("{") <= most
    return text.count(b",") + text.count(b"[") + text.count(b"{") <= most


def _refused(_number: str) -> NoReturn:
    raise ValueError("not an integer")
