"""A Grafana dashboard as a figure: its panels where it has them, with the results of their queries.

Pure: the dashboard as Grafana reads it, and what Prometheus answered, go in. It knows the kinds of panels that ours
has: rows, stats, tables and time series.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, MultipleLocator
from matplotlib.transforms import Bbox

from tests.integration.monitoring.dashboard.quantities import clock, shown

COLUMNS: Final = 24
COLUMN_INCHES: Final = 0.7
ROW_INCHES: Final = 0.375
HEAD_ROWS: Final = 1.2
GAP: Final = 0.1
LONGEST_GAP: Final = 3
"""Of the scrapes' pace: where a series has nothing for longer than so many, its line is broken."""
MOST_NAMES: Final = 8
"""Of the legend; more would leave no room for the lines."""
ROUND_SECONDS: Final = (1, 1.5, 3, 6, 10)
"""Steps, times a power of ten, at which seconds are round in minutes too."""
COLOURS: Final = {"green": "#37872d", "red": "#c4162a", "orange": "#e0752d", "blue": "#1f60c4"}
_DIM, _GRID = "#6e7079", "#e4e5e9"

Panel = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """A series: its name in the legend, its labels, and its points as (seconds, value)."""

    name: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


def draw(dashboard: Mapping[str, Any], results: Mapping[int, Sequence[Series]], seconds: float) -> Figure:
    """The figure; `results` by the panels' ids, whose points lie within the first `seconds`."""
    rows = HEAD_ROWS + max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    figure = Figure(figsize=(COLUMNS * COLUMN_INCHES, rows * ROW_INCHES))
    figure.text(GAP / COLUMNS, 1 - 0.8 / rows, dashboard["title"], size=15, weight="bold")
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        left, top = (at["x"] + GAP) / COLUMNS, 1 - (HEAD_ROWS + at["y"] + GAP) / rows
        width, height = (at["w"] - 2 * GAP) / COLUMNS, (at["h"] - 2 * GAP) / rows
        if panel["type"] == "row":
            figure.text(left, top - height, panel["title"], size=13, weight="bold")
            continue
        frame = figure.add_axes((left, top - height, width, height), xticks=[], yticks=[])
        frame.spines[:].set_color(_GRID)
        frame.set_title(panel["title"], loc="left", size=10, weight="bold", y=1, pad=-14, x=0.01)
        frame.set_label(panel["title"])
        _KINDS[panel["type"]](panel, frame, results.get(panel["id"], ()), seconds)
    return figure


def _stat(panel: Panel, frame: Axes, series: Sequence[Series], _seconds: float) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    value = series[0].points[-1][1]
    passed = [each for each in defaults["thresholds"]["steps"] if each["value"] is None or value >= each["value"]]
    text, colour = shown(value, defaults.get("unit", "short")), COLOURS[passed[-1]["color"]]
    frame.text(0.5, 0.4, text, size=26, color=colour, ha="center", va="center", transform=frame.transAxes)


def _table(panel: Panel, frame: Axes, series: Sequence[Series], _seconds: float) -> None:
    change, unit = panel["transformations"][0]["options"], panel["fieldConfig"]["defaults"]["unit"]
    # Grafana puts the labels in their order, and the value behind them.
    labels = sorted({label for each in series for label in each.labels})
    columns = [label for label in [*labels, "Value"] if not change["excludeByName"].get(label)]
    cells = [{**each.labels, "Value": shown(each.points[-1][1], unit)} for each in series]
    table = frame.table(
        cellText=[[row.get(column, "") for column in columns] for row in cells],
        colLabels=[change["renameByName"].get(column, column) for column in columns],
        bbox=Bbox.from_bounds(0.01, 0.03, 0.98, 0.82),
        cellLoc="left",
        colLoc="left",
        edges="horizontal",
    )
    for (row, _), cell in table.get_celld().items():
        cell.set(edgecolor=_GRID)
        cell.get_text().set(size=9, color=COLOURS["blue"] if row == 0 else "black")


def _lines(panel: Panel, frame: Axes, series: Sequence[Series], seconds: float) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    unit = defaults["unit"]
    left = 0.09 if panel["gridPos"]["w"] > COLUMNS / 3 else 0.16
    plot = frame.inset_axes((left, 0.32, 0.97 - left, 0.52))
    for each in series:
        plot.plot(*_broken(each.points), label=each.name, linewidth=1.2)
    plot.set(xlim=(0, seconds), ylim=(defaults.get("min"), defaults.get("max")))
    if plot.get_ylim()[0] > 0:
        plot.set_ylim(bottom=0)
    plot.xaxis.set_major_formatter(FuncFormatter(lambda at, _: clock(at)))
    plot.xaxis.set_major_locator(MaxNLocator(5, steps=ROUND_SECONDS))
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    plot.yaxis.set_major_locator(_locator(unit, plot.get_ylim()[1]))
    plot.grid(color=_GRID, linewidth=0.6)
    plot.tick_params(labelsize=8, labelcolor=_DIM, length=0)
    plot.spines[:].set_visible(False)
    handles, names = plot.get_legend_handles_labels()
    many = 4 if panel["gridPos"]["w"] > COLUMNS / 3 else 2
    frame.legend(handles[:MOST_NAMES], names[:MOST_NAMES], loc="lower left", ncols=many, fontsize=7.5, frameon=False)


def _locator(unit: str, high: float) -> Locator:
    if unit == "bytes":
        return MultipleLocator(2.0 ** math.ceil(math.log2(high / 4)))
    return MaxNLocator(4, steps=ROUND_SECONDS if unit == "s" else None)


def _broken(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """The points as a line that is broken where there is none for long: a point that is no number is not drawn."""
    pace = min((late - early for (early, _), (late, _) in itertools.pairwise(points)), default=math.inf)
    at, values = [], []
    for point, before in zip(points, [None, *points], strict=False):
        if before is not None and point[0] - before[0] > LONGEST_GAP * pace:
            at.append(point[0])
            values.append(math.nan)
        at.append(point[0])
        values.append(point[1])
    return at, values


_KINDS: Final = {"stat": _stat, "table": _table, "timeseries": _lines}
