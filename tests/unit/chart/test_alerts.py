"""Each alert of the chart says what it must, has its page in docs/runbooks and its row in docs/monitoring.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

REPOSITORY: Final = Path(__file__).parents[3]
FILE: Final = REPOSITORY / "charts" / "githubtoken-operator" / "files" / "alerts.yaml"
RUNBOOKS: Final = REPOSITORY / "docs" / "runbooks"
RULES: Final[list[dict[str, Any]]] = [r for group in yaml.safe_load(FILE.read_text())["groups"] for r in group["rules"]]
ROW: Final = re.compile(r"^\| \[`(\w+)`\]\(runbooks/(\w+)\.md\) \| (\w+) \| (\S+) \|", re.MULTILINE)
EACH: Final = pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in RULES])


@EACH
def test_an_alert_says_how_bad_it_is_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].endswith(".")


@EACH
def test_an_alert_has_a_runbook_of_four_parts_and_links_it(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{rule['alert']}.md")
    page = (RUNBOOKS / f"{rule['alert']}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {rule['alert']}\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]


@EACH
def test_an_alert_is_the_same_whichever_replica_leads(rule: dict[str, Any]) -> None:
    aggregated = rule["expr"].count("without (instance, pod, node")
    assert rule["expr"].startswith("absent(") or aggregated == len(re.findall(r"\bgithubtoken_\w+", rule["expr"]))


def test_every_runbook_is_of_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {rule["alert"] for rule in RULES}


def test_the_table_in_the_documentation_has_each_alert_with_its_severity_and_patience() -> None:
    rows = ROW.findall((REPOSITORY / "docs" / "monitoring.md").read_text(encoding="utf-8"))
    told = [(name, page, severity, patience) for name, page, severity, patience in rows]
    ours = [(r["alert"], r["alert"], r["labels"]["severity"], r.get("for", "0m")) for r in RULES]
    assert told == ours


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_every_link_of_a_runbook_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
