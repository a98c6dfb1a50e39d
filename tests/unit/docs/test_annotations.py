"""Every annotation, label and finalizer of the operator's is explained on a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).parents[3]
SOURCES: Final = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "operator").rglob("*.py")]
PAGES: Final = [page.read_text(encoding="utf-8") for page in sorted((REPOSITORY / "docs").glob("*.md"))]
NAMED: Final = re.compile(r"PREFIX \+ \"([a-z0-9-]+)\"")
TABLE: Final = re.compile(r"^\| Annotation `githubtoken\.dev/…` \| .*\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)
NAMES: Final = sorted({name for source in SOURCES for name in NAMED.findall(source)} - {"v1alpha1"})
EXPLAINED: Final = [
    name
    for page in PAGES
    for table in TABLE.findall(page)
    for row in table.splitlines()
    for name in re.findall(r"`([a-z0-9-]+)`", row.split("|")[1])
]
WRITTEN_OUT: Final = {name for page in PAGES for name in re.findall(r"githubtoken\.dev/([a-z0-9-]+)", page)}


def test_names_were_found() -> None:
    assert {"spec-hash", "refresh-intent", "revocation"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_explained(name: str) -> None:
    assert name in {*EXPLAINED, *WRITTEN_OUT}


def test_every_name_in_a_table_is_one_of_the_operators() -> None:
    assert [name for name in EXPLAINED if name not in {*NAMES, "reserved"}] == []
