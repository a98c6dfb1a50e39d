from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.integration.monitoring.dashboard.drawing import COLOURS, MOST_NAMES, ROW_INCHES, Series, draw
from tests.integration.monitoring.dashboard.quantities import clock, shown


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


def drawn(series: list[Series], *panels: dict[str, Any]) -> Figure:
    results = {each["id"]: series for each in panels}
    return draw({"title": "All", "panels": panels}, results, 60)


def frame(figure: Figure, number: int = 1) -> Axes:
    [found] = [each for each in figure.axes if each.get_label() == f"Panel {number}"]
    return found


def plot(figure: Figure) -> Axes:
    [found] = [each for each in frame(figure).child_axes if isinstance(each, Axes)]
    return found


def test_a_stat_shows_its_last_value_in_the_colour_of_the_step_that_it_has_passed() -> None:
    steps = [{"color": "red", "value": None}, {"color": "orange", "value": 300}, {"color": "green", "value": 600}]
    thresholds = {"thresholds": {"steps": steps}}
    figure = drawn([Series("", {}, [(0, 20), (1, 300)])], panel("stat", defaults=thresholds))
    [value] = frame(figure).texts
    assert (value.get_text(), value.get_color()) == ("5 min", COLOURS["orange"])


def test_a_table_has_the_columns_that_the_dashboard_leaves_in_it() -> None:
    change = {"excludeByName": {"job": True}, "renameByName": {"name": "Name", "Value": "Expires in"}}
    rows = [Series("", {"name": name, "job": "x"}, [(0, left)]) for name, left in (("ci", 40), ("docs", 86_400))]
    [table] = frame(drawn(rows, panel("table", transformations=[{"options": change}]))).tables
    cells = {place: cell.get_text().get_text() for place, cell in table.get_celld().items()}
    assert [cells[place] for place in sorted(cells)] == ["Name", "Expires in", "ci", "40 s", "docs", "1 d"]


def test_a_line_is_broken_where_there_is_nothing() -> None:
    figure = drawn([Series("a", {}, [(0, 1), (1, 2), (30, 3), (31, 4)])], panel("timeseries"))
    [line] = plot(figure).lines
    values = [float(value) for value in np.asarray(line.get_ydata())]
    assert [value for value in values if not math.isnan(value)] == [1, 2, 3, 4]
    assert [math.isnan(value) for value in values] == [False, False, True, False, False]


def test_names_that_do_not_fit_are_left_out_of_the_legend() -> None:
    many = [Series(f"the series number {number}", {}, [(0, number), (60, number)]) for number in range(20)]
    figure = drawn(many, panel("timeseries"))
    legend = frame(figure).get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [each.name for each in many[:MOST_NAMES]]
    assert len(plot(figure).lines) == len(many)


@pytest.mark.parametrize(
    ("unit", "high", "marks"),
    [("s", 170, ["0 s", "1 min", "2 min", "3 min"]), ("bytes", 100 * 2**20, ["0 B", "32 MiB"])],
)
def test_an_axis_has_round_marks_in_its_unit(unit: str, high: float, marks: list[str]) -> None:
    axis = plot(drawn([Series("a", {}, [(0, 1), (60, high)])], panel("timeseries", defaults={"unit": unit}))).yaxis
    shown_marks = [axis.get_major_formatter()(at) for at in axis.get_majorticklocs() if at >= 0]
    assert shown_marks[: len(marks)] == marks


def test_panels_stand_where_the_dashboard_has_them() -> None:
    figure = drawn([Series("a", {}, [(0, 1)])], panel("timeseries", 1), panel("timeseries", 2))
    first, second = (frame(figure, number).get_position() for number in (1, 2))
    assert first.y0 - second.y0 == pytest.approx(8 * ROW_INCHES / figure.get_figheight())
    assert (first.x0, first.width) == (second.x0, second.width)
