"""What messages ask of a human can be done."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[2] / "operator" / "githubtoken_operator"
IMMUTABLE: Final = re.compile(r"`spec\.(secret\.name|user\.credentialSecretName|appRef(\.\w+)?)`")


def texts(path: Path) -> list[str]:
    """The texts of a module, with a name in the place of what is put into them; without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[str] = []
    seen: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            seen.update(map(id, ast.walk(node.value) if isinstance(node.value, ast.Constant) else ()))
        elif isinstance(node, ast.JoinedStr):
            seen.update(map(id, node.values))
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in seen:
            found.append(node.value)
    return found


MESSAGES: Final = [
    pytest.param(text, id=f"{path.stem}-{text[:40]}")
    for path in sorted(PACKAGE.rglob("*.py"))
    for text in texts(path)
    if IMMUTABLE.search(text)
]


def test_messages_were_found() -> None:
    assert len(MESSAGES) > 4


@pytest.mark.parametrize("text", MESSAGES)
def test_a_message_asks_for_another_value_of_what_cannot_be_changed_in_an_object_that_is_made_anew(text: str) -> None:
    assert "anew" in text
