"""docs/reference.md: it is what the CRDs and apidoc.yaml say, of every field, and of fields that there are alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import apidoc

KINDS = ("GitHubToken", "GitHubApp", "ClusterGitHubApp", "ClusterGitHubToken")
SCHEMAS = {crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"] for crd in apidoc.load()}
# Reasons that no field is to blame for: of the state of things, or of GitHub's.
NOBODYS = {"Fresh", "Pending", "AnswerNotUnderstood", "Accepted", "NotChecked", "Expired", "RateLimited"}


def of(kind: str, part: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMAS[kind]["openAPIV3Schema"]["properties"][part]
    return found


def reasons_of(kind: str) -> set[str]:
    """The reasons that the CRD documents."""
    return set(re.findall(r"^- `(\w+)`: ", of(kind, "status")["properties"]["conditions"]["description"], re.MULTILINE))


def test_the_reference_is_current() -> None:
    assert apidoc.main(["--check"]) == 0


def test_a_reference_that_is_not_current_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "reference.md"
    old.write_text("# Nothing\n")
    monkeypatch.setattr(apidoc, "REFERENCE", old)
    assert apidoc.main(["--check"]) == 1
    assert "run: python tools/apidoc.py" in capsys.readouterr().err


def test_the_reference_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apidoc, "REFERENCE", tmp_path / "reference.md")
    assert apidoc.main([]) == 0
    assert apidoc.main(["--check"]) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_of_every_field_it_is_said_what_happens_when_it_changes(kind: str) -> None:
    fields = {path: field for path, field, _ in apidoc.fields(of(kind, "spec"))}
    leaves = {
        path
        for path, field in fields.items()
        if "properties" not in field and "properties" not in field.get("items", {})
    }
    said = apidoc.behaviour()[kind]
    assert leaves <= said.keys()
    assert said.keys() <= fields.keys()
    assert all(entry["change"].endswith(".") for entry in said.values())


@pytest.mark.parametrize("kind", KINDS)
def test_its_reasons_are_those_of_the_api(kind: str) -> None:
    given = {reason for entry in apidoc.behaviour()[kind].values() for reason in entry["reasons"]}
    known = {*reasons_of("GitHubToken"), *reasons_of(kind), "RenewBeforeIgnored", "NamespaceNotFound"}
    assert given <= known


def test_every_reason_is_the_mistake_of_a_field_or_nobodys() -> None:
    given = {
        reason for entries in apidoc.behaviour().values() for entry in entries.values() for reason in entry["reasons"]
    }
    assert reasons_of("GitHubToken") | reasons_of("GitHubApp") <= given | NOBODYS


def test_what_cannot_be_changed_is_what_the_rules_hold() -> None:
    schema = SCHEMAS["GitHubToken"]["openAPIV3Schema"]
    rules = [*schema["x-kubernetes-validations"], *of("GitHubToken", "spec")["x-kubernetes-validations"]]
    messages = "\n".join(rule["message"] for rule in rules if "oldSelf" in rule["rule"])
    held = set(re.findall(r"^`(?:spec\.)?([\w.]+)`.* is immutable", messages, re.MULTILINE))
    said = {
        path for path, entry in apidoc.behaviour()["GitHubToken"].items() if entry["change"].startswith("Cannot be")
    }
    assert {path.split(".")[0] if path.startswith("appRef") else path for path in said} == held


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            "| `installation.owner` | string | The login of the organisation or user that the App is installed in. "
            "At most 100 characters.<br>*Rule:* must be the login of an organisation or user, without slashes |  "
            "| A new token is obtained at once; the old one stays until then. "
            "| `InstallationNotFound`: the App is not installed there<br>",
            id="a bounded text with a rule and reasons",
        ),
        pytest.param(
            "| `restartTargets[].kind` | string | The kind of the workload; `Rollout` is Argo's. Must be set. "
            "One of `Deployment`, `StatefulSet`, `DaemonSet`, `Rollout`. |  |",
            id="a choice in a list",
        ),
        pytest.param(
            "| `suspend` | boolean | If true, the token is left as it is and not renewed. | `false` |", id="a default"
        ),
        pytest.param("| `tokens` | integer | How many GitHubTokens name this App. At least 0. |", id="of status"),
        pytest.param("- `Fresh`: the stored token is valid and was obtained for the present spec.", id="a reason"),
        pytest.param("- With `-o wide` also: APP, ACCOUNT, REVISION, MESSAGE", id="columns"),
        pytest.param(
            "- `spec.secret.name` (default: `metadata.name`) is immutable", id="a rule about the whole object"
        ),
    ],
)
def test_the_reference_says_of_a_field_what_the_schema_does(row: str) -> None:
    assert any(line.startswith(row) for line in apidoc.render(apidoc.load()).splitlines())


def test_every_row_has_as_many_cells_as_its_table() -> None:
    width = 0
    for line in apidoc.render(apidoc.load()).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        if line.startswith("| Field "):
            width = cells
        elif line.startswith("|"):
            assert cells == width, line
