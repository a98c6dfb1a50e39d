"""Links between the documents lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).parents[3]
PAGES: Final = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("examples/*.md")])
ANCHOR: Final = re.compile(r"\]\((?!https?://)([^)#\s]*)#([^)\s]+)\)")
BLOCK: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)
LINK: Final = re.compile(r"\]\((?!https?://)([^)#\s]+)")
NAMED: Final = re.compile(r"\bdocs/[\w-]+\.md\b")


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(REPOSITORY))) for page in PAGES])
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to the headings of a page."""
    headings = HEADING.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(REPOSITORY))) for page in PAGES])
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    links = ANCHOR.findall(page.read_text(encoding="utf-8"))
    targets = [(page.parent / path if path else page, anchor) for path, anchor in links]
    assert [(str(to), anchor) for to, anchor in targets if to.suffix == ".md" and anchor not in anchors(to)] == []


def test_the_readme_links_every_page_once_among_the_others() -> None:
    *_, more = (REPOSITORY / "README.md").read_text("utf-8").partition("## More\n")
    links = LINK.findall(more)
    assert [link for link in links if links.count(link) > 1] == []


def test_the_readme_links_every_document() -> None:
    linked = {(REPOSITORY / link).resolve() for link in LINK.findall((REPOSITORY / "README.md").read_text("utf-8"))}
    assert {page.resolve() for page in (REPOSITORY / "docs").glob("*.md")} <= linked


def test_documents_that_the_code_names_are_there() -> None:
    sources = [
        path for folder in ("operator", "simulator", "tools", "tests") for path in (REPOSITORY / folder).rglob("*.py")
    ]
    named = {name for source in sources for name in NAMED.findall(source.read_text(encoding="utf-8"))}
    assert "docs/rotation.md" in named
    assert [name for name in sorted(named) if not (REPOSITORY / name).exists()] == []
