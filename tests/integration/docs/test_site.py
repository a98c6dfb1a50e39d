"""The site that `make docs` builds: no link and no anchor in docs/ leads nowhere, and every page can be searched."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
MKDOCS = REPOSITORY / ".venv" / "site" / "bin" / "mkdocs"

pytestmark = pytest.mark.skipif(not MKDOCS.exists(), reason="mkdocs is not installed: run `make docs`")


def test_it_is_built_without_a_warning_and_every_page_can_be_searched(tmp_path: Path) -> None:
    built = subprocess.run(
        [MKDOCS, "build", "--strict", "--site-dir", tmp_path],
        cwd=REPOSITORY,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    found = {entry["location"] for entry in json.loads((tmp_path / "search/search_index.json").read_text())["docs"]}
    pages = [page.relative_to(REPOSITORY / "docs") for page in (REPOSITORY / "docs").rglob("*.md")]
    assert {"index.html" if page.name == "README.md" else str(page.with_suffix(".html")) for page in pages} <= found
