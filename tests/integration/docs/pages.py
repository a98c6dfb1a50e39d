"""The fenced blocks of all pages, which the tests here run, apply or parse: none is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[3]
PAGES: Final = (
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "examples").glob("*.md")),
    *sorted((REPOSITORY / "charts").rglob("*.md")),
)
_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """One block: where it begins, its language, and its lines without the page's indentation."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def _blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, found.start()) + 1,
            found["language"],
            re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
        )
        for found in _FENCE.finditer(text)
    ]


BLOCKS: Final = tuple(block for page in PAGES for block in _blocks(page))


def of(*languages: str) -> list[Block]:
    """The blocks in one of these languages."""
    return [block for block in BLOCKS if block.language in languages]


def typed(block: str) -> str:
    """What is typed in a block: after a prompt, in lines that go on, and in a here-document; the rest is output."""
    lines: list[str] = []
    until = ""
    for line in block.splitlines():
        goes_on = bool(lines) and lines[-1].endswith("\\")
        if until or goes_on or line.startswith("$ "):
            lines.append(line if until or goes_on else line.removeprefix("$ "))
            here = re.search(r"<<'?(\w+)'?$", line)
            until = "" if line == until else until or (here[1] if here else "")
    return "\n".join(lines)
