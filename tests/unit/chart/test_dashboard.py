"""The Grafana dashboard of the chart is one that Grafana can import: what its schema asks for, and no overlap.

Its queries are run against a real Prometheus in tests/integration/monitoring.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Final

import pytest

FILE: Final = Path(__file__).parents[3] / "charts" / "githubtoken-operator" / "files" / "dashboard.json"
DASHBOARD: Final[dict[str, Any]] = json.loads(FILE.read_text())
PANELS: Final[list[dict[str, Any]]] = DASHBOARD["panels"]
CHARTS: Final = [pytest.param(panel, id=panel["title"]) for panel in PANELS if panel["type"] != "row"]


def test_it_has_an_address_that_stays_and_no_number_of_one_grafana() -> None:
    assert DASHBOARD["uid"] == "githubtoken-operator"
    assert "id" not in DASHBOARD
    assert DASHBOARD["schemaVersion"] >= 36


def test_one_can_choose_source_job_namespace_and_name() -> None:
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == [
        "datasource",
        "job",
        "namespace",
        "name",
    ]


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    cells = [
        cell
        for at in (panel["gridPos"] for panel in PANELS)
        for cell in itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"]))
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("panel", CHARTS)
def test_a_panel_asks_the_source_that_was_chosen(panel: dict[str, Any]) -> None:
    assert panel["type"] in {"stat", "table", "timeseries"}
    assert panel["targets"]
    for asked in (panel, *panel["targets"]):
        assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@pytest.mark.parametrize("panel", CHARTS)
def test_a_query_keeps_to_the_job_that_was_chosen(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        assert 'job=~"$job"' in target["expr"]
