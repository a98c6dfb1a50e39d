"""JSON that others may have written: annotations, the values of Secrets.

Whoever may edit a Secret may put anything there. What is not a document of ours is nothing, never an error: the objects
of one tenant are read beside those of all others.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

_BRACKETS: Final = 256
"""Opening brackets in a text; a document of ours has a handful, and each level of nesting takes one."""


def parsed(text: str | None) -> Any:  # noqa: ANN401 - JSON of any shape
    """The value of a JSON text; None where there is none, or it is not JSON, or is nested deeper than any of ours.

    Numbers are integers: a fraction, an exponent, `NaN` and `Infinity` are in no document of ours.
    """
    if not text or text.count("[") + text.count("{") > _BRACKETS:
        return None
    try:
        return json.loads(text, parse_float=_refused, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def _refused(_number: str) -> NoReturn:
    raise ValueError("not an integer")
