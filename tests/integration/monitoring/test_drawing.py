from __future__ import annotations

import itertools
import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.integration.monitoring.drawing import Series, draw
from tests.integration.monitoring.quantities import clock, shown, ticks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (0.0123, "s", "12.3 ms"),
        (59.7, "s", "59.7 s"),
        (90, "s", "1.5 min"),
        (-90, "s", "-1.5 min"),
        (30 * 86_400, "s", "30 d"),
        (0.25, "percentunit", "25 %"),
        (5000, "short", "5 K"),
        (0.5, "short", "0.5"),
        (3, "short", "3"),
        (1.5, "reqps", "1.5 req/s"),
        (98 * 2**20, "bytes", "98 MiB"),
    ],
)
def test_a_number_has_the_unit_that_suits_it(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


@pytest.mark.parametrize(
    ("low", "high", "unit", "marks"),
    [
        (0, 4, "short", [0, 1, 2, 3, 4]),
        (0, 1, "percentunit", [0, 0.25, 0.5, 0.75, 1]),
        (-20, 90, "s", [-30, 0, 30, 60, 90]),
        (0, 100 * 2**20, "bytes", [0, 25 * 2**20, 50 * 2**20, 75 * 2**20, 100 * 2**20]),
        (3, 3, "short", [3, 4, 5, 6]),
    ],
    ids=["counts", "shares", "below zero", "bytes", "one value"],
)
def test_an_axis_has_round_marks_around_all_values(low: float, high: float, unit: str, marks: list[float]) -> None:
    found = ticks(low, high, unit)
    assert found[0] <= low
    assert found[-1] >= high
    assert found == pytest.approx(marks)


def test_a_time_is_told_in_minutes_and_seconds() -> None:
    assert (clock(0), clock(90), clock(600)) == ("0:00", "1:30", "10:00")


def panel(kind: str, number: int = 1, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - what Grafana has
    """A panel that is as wide as a half, beneath the others."""
    defaults = {"unit": "s", **more.pop("defaults", {})}
    at = {"x": 0, "y": 8 * (number - 1), "w": 12, "h": 8}
    return {"id": number, "type": kind, "title": f"Panel {number}", "gridPos": at} | {
        "fieldConfig": {"defaults": defaults},
        **more,
    }


def drawn(series: list[Series], *panels: dict[str, Any]) -> ET.Element:
    results = {each["id"]: series for each in panels}
    return ET.fromstring(draw({"title": "All", "panels": panels}, results, 60))  # noqa: S314 - it is ours


def texts(picture: ET.Element) -> list[str]:
    return [each.text or "" for each in picture.iter(f"{SVG}text")]


def test_a_stat_shows_its_last_value_in_the_colour_of_the_step_that_it_has_passed() -> None:
    steps = [{"color": "red", "value": None}, {"color": "orange", "value": 300}, {"color": "green", "value": 600}]
    thresholds = {"thresholds": {"steps": steps}}
    picture = drawn([Series("", {}, [(0, 20), (1, 300)])], panel("stat", defaults=thresholds))
    [value] = [each for each in picture.iter(f"{SVG}text") if each.text == "5 min"]
    assert value.get("fill") == "#ff9830"


def test_a_table_has_the_columns_that_the_dashboard_leaves_in_it() -> None:
    change = {"excludeByName": {"job": True}, "renameByName": {"name": "Name", "Value": "Expires in"}}
    rows = [Series("", {"name": name, "job": "x"}, [(0, left)]) for name, left in (("ci", 40), ("docs", 86_400))]
    picture = drawn(rows, panel("table", transformations=[{"options": change}]))
    assert texts(picture) == ["All", "Panel 1", "Name", "Expires in", "ci", "40 s", "docs", "1 d"]


def test_a_line_is_broken_where_there_is_nothing() -> None:
    points = [(0.0, 1.0), (1, 2), (2, math.nan), (30, 3), (31, 4)]
    picture = drawn([Series("a", {}, points)], panel("timeseries"))
    [line] = [each.get("d", "") for each in picture.iter(f"{SVG}path") if each.get("fill") == "none"]
    assert (line.count("M"), line.count("L")) == (2, 2)


def test_names_that_do_not_fit_are_left_out_of_the_legend_and_none_overlaps() -> None:
    many = [Series(f"the series number {number}", {}, [(0, number), (60, number)]) for number in range(20)]
    picture = drawn(many, panel("timeseries"))
    shown_names = [each for each in picture.iter(f"{SVG}text") if (each.text or "").startswith("the series")]
    assert 0 < len(shown_names) < len(many)
    places = [(float(each.get("y", "")), float(each.get("x", ""))) for each in shown_names]
    for (y, x), (other_y, other_x) in itertools.pairwise(places):
        assert other_y > y or other_x - x > 11 * 0.5 * len("the series number 0")


def test_panels_stand_where_the_dashboard_has_them() -> None:
    picture = drawn([Series("a", {}, [(0, 1)])], panel("timeseries", 1), panel("timeseries", 2))
    heads = {each.text: float(each.get("y", "")) for each in picture.iter(f"{SVG}text")}
    assert heads["Panel 2"] - heads["Panel 1"] == 8 * 27


def test_what_a_label_says_is_text_and_no_markup() -> None:
    picture = drawn([Series("<b>&", {}, [(0, 1)])], panel("timeseries"))
    assert "<b>&" in texts(picture)
