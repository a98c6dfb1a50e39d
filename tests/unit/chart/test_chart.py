"""The chart's files among themselves: values, schema, README and CRDs say the same."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import chartdoc
import manifests
from githubtoken_operator.adapters import journal
from githubtoken_operator.settings import parse_allowed_host

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "githubtoken-operator"
VALUES = (CHART / "values.yaml").read_text()


def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    return loaded


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    found: dict[str, Any] = schema()["$defs"][reference.rpartition("/")[2]] if reference else part
    return found


def paths(part: dict[str, Any], prefix: str = "") -> set[str]:
    """The paths of all values that the schema knows."""
    found: set[str] = set()
    for name, child in part.get("properties", {}).items():
        inner = resolved(child)
        found |= paths(inner, f"{prefix}{name}.") if "properties" in inner else {f"{prefix}{name}"}
    return found


def maps(part: dict[str, Any], path: str = "values") -> list[tuple[str, dict[str, Any]]]:
    """Every map of the schema whose entries are named."""
    named = [(name, resolved(child)) for name, child in part.get("properties", {}).items()]
    return [(path, part)] * ("properties" in part) + [
        found for name, child in named for found in maps(child, f"{path}.{name}")
    ]


def test_what_is_made_from_other_files_is_current() -> None:
    assert manifests.outdated(manifests.without_helm()) == [], "run `make manifests`"


def test_every_value_is_described() -> None:
    values = chartdoc.values(VALUES)
    assert len(values) > 50
    assert [value.path for value in values if not value.description] == []


def test_the_schema_knows_every_value_and_no_other() -> None:
    # helm itself adds `global`, and `enabled` where the chart is a dependency with that condition.
    assert paths(schema()) - {"global", "enabled"} == {value.path for value in chartdoc.values(VALUES)}


@pytest.mark.parametrize(("path", "part"), maps(schema()))
def test_the_schema_refuses_what_it_does_not_know(path: str, part: dict[str, Any]) -> None:
    assert part["additionalProperties"] is False


@pytest.mark.parametrize(
    ("entry", "taken"),
    [
        *(
            (entry, True)
            for entry in ("ghes", "GHES.example.com", "ghes_1.local:8443", "*.corp.example", "10.0.0.1:8443")
        ),
        *((entry, True) for entry in ("::1", "[::1]", "[fd00::1]:8443")),
        *((entry, False) for entry in ("", "https://ghes", "ghes/api", "a b", "a,b", "ghes:", "ghes:0", "ghes:123456")),
        *(
            (entry, False)
            for entry in ("*", "*.", "*.corp.example:8443", "user@ghes", "ghes.", "-ghes", "[fe80::1%eth0]")
        ),
    ],
)
def test_a_host_that_the_operator_would_refuse_is_refused_with_the_values(entry: str, *, taken: bool) -> None:
    hosts = schema()["properties"]["operator"]["properties"]["allowedHosts"]["items"]
    assert bool(re.search(hosts["pattern"], entry)) == taken
    if taken:
        parse_allowed_host(entry)
    else:
        with pytest.raises(ValueError, match="must be a host"):
            parse_allowed_host(entry)


def test_the_chart_has_the_operators_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_every_value_is_used() -> None:
    templates = "".join(path.read_text() for path in sorted((CHART / "templates").rglob("*")) if path.is_file())
    unused = [
        value.path
        for value in chartdoc.values(VALUES)
        # A template may step into a map before it names the entry.
        if not re.search(rf"\.{re.escape(value.path.rpartition('.')[2])}\b", templates)
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("# One.\n# Two.\na: 1\n", {"a": "One. Two."}),
        ("# A head.\n\n# Of a.\na: 1\nb: 2\n", {"a": "Of a.", "b": ""}),
        ("a:\n  # Inner.\n  b: 1\n", {"a.b": "Inner."}),
        ("# Whole.\na:\n  b: 1\n  c: 2\n", {"a": "Whole."}),
        ("# Whole.\na: {}\n", {"a": "Whole."}),
    ],
    ids=["two lines", "a blank line ends it", "an entry", "a map as one", "an empty map"],
)
def test_a_description_is_the_comment_right_above(text: str, described: dict[str, str]) -> None:
    assert {value.path: value.description for value in chartdoc.values(text)} == described


def test_a_crd_becomes_a_template_that_renders_to_itself() -> None:
    crd = "kind: C\nmetadata:\n  name: a.b\nspec:\n  description: 'a {{ brace'\n"
    template = manifests.chart_crd(crd)
    assert "description: 'a {{ \"{{\" }} brace'" in template
    assert template.startswith('{{- if include "githubtoken-operator.bringsCRD" (list . "a.b") }}')


def test_a_crd_without_a_name_is_no_template() -> None:
    with pytest.raises(ValueError, match="must have `metadata` with `name`"):
        manifests.chart_crd("kind: C\nmetadata:\n  labels: {}\n")


def test_an_outdated_file_is_told_and_written_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    assert manifests.outdated({path: "new"}) == [path]
    assert not path.exists()
    assert manifests.outdated({path: "new"}, write=True) == [path]
    assert manifests.outdated({path: "new"}) == []


def test_the_journals_volume_has_room_for_all_that_it_may_hold() -> None:
    (mebibytes,) = re.findall(r"sizeLimit: (\d+)Mi", (CHART / "templates/deployment.yaml").read_text())
    assert int(mebibytes) * 1024**2 >= journal.MOST * journal.RESERVED
