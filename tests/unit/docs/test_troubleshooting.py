"""docs/troubleshooting.md explains every reason that the operator gives, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import apidoc
from githubtoken_operator.domain.vocabulary import reasons

PAGE: Final = (Path(__file__).parents[3] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ROW: Final = re.compile(r"^\| `(\w+)` \| (\w+) \| (.+) \| (.+) \|$", re.MULTILINE)
ROWS: Final = {found[1]: found for found in ROW.finditer(PAGE)}
ALL: Final = {value for value in vars(reasons).values() if isinstance(value, str) and re.fullmatch(r"[A-Z]\w+", value)}


LISTED: Final = re.compile(r"^- `(\w+)`: ", re.MULTILINE)
CRDS: Final = {crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"] for crd in apidoc.load()}


def reasons_of(*kinds: str) -> set[str]:
    """The reasons that the CRDs of these kinds list, of conditions and of namespaces that failed."""
    fields = [CRDS[kind]["openAPIV3Schema"]["properties"]["status"]["properties"] for kind in kinds]
    texts = [status[name]["description"] for status in fields for name in ("conditions", "failures") if name in status]
    return {found for text in texts for found in LISTED.findall(text)}


TOKENS: Final = reasons_of("GitHubToken", "ClusterGitHubToken")
APPS: Final = reasons_of("GitHubApp", "ClusterGitHubApp")


def test_reasons_were_found() -> None:
    assert {reasons.FRESH, reasons.ACCEPTED, reasons.RENEW_BEFORE_IGNORED} <= ALL


@pytest.mark.parametrize("reason", sorted(ALL - reasons.OF_EVENTS))
def test_every_reason_has_a_row_that_says_what_it_means_and_what_to_do(reason: str) -> None:
    assert reason in ROWS
    _, of, meaning, cure = ROWS[reason].groups()
    assert of in {"GitHubToken", "GitHubApp", "ClusterGitHubToken", "both"}
    assert meaning.endswith(".")
    assert cure.endswith((".", "?"))


def test_every_reason_of_a_condition_is_in_the_list_of_a_kind() -> None:
    assert TOKENS | APPS >= ALL - reasons.OF_EVENTS


@pytest.mark.parametrize("reason", sorted(ALL - reasons.OF_EVENTS))
def test_the_page_says_a_reason_of_those_whose_definition_lists_it(reason: str) -> None:
    if reason in TOKENS and reason in APPS:
        listed = "both"
    elif reason in APPS:
        listed = "GitHubApp"
    else:
        listed = "GitHubToken" if reason in reasons_of("GitHubToken") else "ClusterGitHubToken"
    assert ROWS[reason][2] == listed


def test_every_row_is_of_a_reason_that_the_operator_gives() -> None:
    assert set(ROWS) <= ALL


def test_no_reason_has_two_rows() -> None:
    assert len(ROW.findall(PAGE)) == len(ROWS)


def test_every_line_of_the_table_was_read() -> None:
    assert len(re.findall(r"^\| `", PAGE, re.MULTILINE)) == len(ROWS)


@pytest.mark.parametrize("reason", sorted(reasons.HUMAN_NEEDED))
def test_a_reason_that_needs_a_human_says_what_to_do(reason: str) -> None:
    assert not ROWS[reason][4].startswith("Nothing")


@pytest.mark.parametrize("reason", sorted(reasons.OF_EVENTS))
def test_an_event_that_is_no_reason_of_a_condition_is_explained(reason: str) -> None:
    assert f"- `{reason}`: " in PAGE
