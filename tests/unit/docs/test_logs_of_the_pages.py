"""The commands of the pages that look into the operator's log, or into its pods, show what they are for.

kubectl shows ten lines of each pod that a selector matches, whatever `--since` says, and it takes one of a Deployment's
pods, which may be the one that stands by.
Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_logs/
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).parents[3]
PAGES: Final = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("examples/*.md")])
TYPED: Final = [
    pytest.param(line, id=f"{page.stem}: {line[:60]}")
    for page in PAGES
    for line in page.read_text(encoding="utf-8").splitlines()
    if re.search(r"\bkubectl .*\b(logs|exec)\b", line) and line.startswith(("$ ", "    "))
]
SOURCES: Final = "".join(path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "operator").rglob("*.py")))
SOUGHT: Final = sorted(
    {
        found[1]
        for page in PAGES
        for found in re.finditer(r"kubectl logs .*\| grep ['\"]([^'\"]+)['\"]", page.read_text(encoding="utf-8"))
    }
)


@pytest.mark.parametrize("line", TYPED)
def test_all_pods_are_asked_and_all_of_their_log(line: str) -> None:
    assert "deploy/" not in line
    assert " logs " not in line or " -l " not in line or " --tail=-1 " in line


def test_there_are_such_commands() -> None:
    assert len(TYPED) > 10
    assert len(SOUGHT) >= 3


@pytest.mark.parametrize("words", SOUGHT)
def test_what_is_sought_in_the_log_is_what_the_operator_writes(words: str) -> None:
    assert words in SOURCES
