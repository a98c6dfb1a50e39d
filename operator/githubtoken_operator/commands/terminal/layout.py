"""Text in columns, and objects as JSON or YAML for programs, as kubectl prints them.

What comes from the cluster can do nothing to a terminal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import yaml

from githubtoken_operator.domain.vocabulary.model import JSON

_GAP: Final = 3
NOTHING: Final = "<none>"
"""What kubectl shows for an absent value."""

Format = Literal["json", "yaml"]


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines with each column as wide as its widest cell."""
    cells = [list(headings), *([printable(cell) or NOTHING for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) + _GAP for column in range(len(headings))]
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def named(namespace: str, name: str) -> str:
    """`namespace/name`, or the name alone of what is cluster-scoped."""
    return f"{namespace}/{name}" if namespace else name


def some(names: Sequence[str], most: int = 5) -> str:
    """`a, b, c and 7 more`."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def printable(text: str) -> str:
    """The text on one line, with control characters as spaces: they could move the cursor or change colours."""
    return "".join(character if character.isprintable() else " " for character in text)


def document(content: JSON, form: Format) -> str:
    """An object for programs, without a line end behind it."""
    if form == "json":
        return json.dumps(content, indent=4, ensure_ascii=False)
    return yaml.dump(content, Dumper=_ForKubectl, allow_unicode=True, sort_keys=False).rstrip("\n")


class _ForKubectl(yaml.SafeDumper):
    """Also quotes texts that are plain to PyYAML, and a number or a bool to kubectl: `1e3`, `0819`, `0o17`, `y`.

    findings/yaml-text-becomes-number.sh shows them.
    """


_ForKubectl.add_implicit_resolver(
    "!read-otherwise",
    re.compile(r"(?:[-+]?[0-9_.]+(?:[eE][-+]?[0-9_]+)?|[-+]?0_*[xXoObB][-+]?[0-9a-fA-F_]+|[yYnN])\Z"),
    list("-+._0123456789yYnN"),
)


def plain(body: JSON) -> dict[str, Any]:
    """An object without `managedFields`, which nobody reads."""
    meta = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": meta}
