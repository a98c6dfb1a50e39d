"""A Grafana dashboard as an SVG: its panels where it has them, with the results of their queries.

Pure: the dashboard as Grafana reads it, and what Prometheus answered, go in; the text of a picture comes out. It knows
the kinds of panels that ours has: rows, stats, tables and time series.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

from tests.integration.monitoring.quantities import clock, shown, ticks

COLUMN: Final = 50
ROW: Final = 27
GAP: Final = 6
PAD: Final = 10
SIZE: Final = 12
WIDTH: Final = 24 * COLUMN + GAP
LEGEND_LINES: Final = 4

_BACK, _PANEL, _BORDER, _GRID, _TEXT, _DIM = "#111217", "#181b1f", "#2c3235", "#2a2d33", "#d8d9da", "#9a9ba3"
_COLOURS: Final = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#fade2a", "#37872d", "#e02f44",
    "#56a64b", "#ffcb7d",
)  # fmt: skip
_FONT: Final = 'font-family="Inter, Helvetica, Arial, DejaVu Sans, sans-serif"'
_NAMED: Final = {"green": "#73bf69", "red": "#f2495c", "orange": "#ff9830", "blue": "#5794f2"}

Panel = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """A series: its name in the legend, its labels, and its points as (seconds, value)."""

    name: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


def draw(dashboard: Mapping[str, Any], results: Mapping[int, Sequence[Series]], seconds: float) -> str:
    """The picture; `results` by the panels' ids, whose points lie within the first `seconds`."""
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    height = bottom * ROW + GAP + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-size="{SIZE}" {_FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="{_BACK}"/>',
        _text(GAP + 4, 22, dashboard["title"], size=15, weight="600"),
    ]
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        box = Box(GAP + at["x"] * COLUMN, 34 + at["y"] * ROW, at["w"] * COLUMN - GAP, at["h"] * ROW - GAP)
        parts += _panel(panel, box, results.get(panel["id"], ()), seconds)
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, box: Box, series: Sequence[Series], seconds: float) -> Iterator[str]:
    if panel["type"] == "row":
        yield _text(box.x + 4, box.y + 15, f"▾ {panel['title']}", size=13, weight="600")
        return
    yield (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="2" fill="{_PANEL}" '
        f'stroke="{_BORDER}"/>'
    )
    yield _text(box.x + PAD, box.y + 18, panel["title"], weight="600")
    inner = Box(box.x + PAD, box.y + 28, box.width - 2 * PAD, box.height - 28 - PAD)
    yield from {"stat": _stat, "table": _table, "timeseries": _lines}[panel["type"]](panel, inner, series, seconds)


def _stat(panel: Panel, box: Box, series: Sequence[Series], _: float) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    value = series[0].points[-1][1]
    passed = [each for each in defaults["thresholds"]["steps"] if each["value"] is None or value >= each["value"]]
    colour = _NAMED[passed[-1]["color"]]
    text = shown(value, defaults.get("unit", "short"))
    yield _text(box.x + box.width / 2, box.y + box.height / 2 + 10, text, size=30, colour=colour, anchor="middle")


def _table(panel: Panel, box: Box, series: Sequence[Series], _: float) -> Iterator[str]:
    change = panel["transformations"][0]["options"]
    # Grafana puts the labels in their order, and the value behind them.
    labels = sorted({label for each in series for label in each.labels})
    columns = [label for label in [*labels, "Value"] if not change["excludeByName"].get(label)]
    width, unit = box.width / len(columns), panel["fieldConfig"]["defaults"]["unit"]
    for place, column in enumerate(columns):
        yield _text(
            box.x + place * width, box.y + 10, change["renameByName"].get(column, column), colour=_NAMED["blue"]
        )
    fitting = int((box.height - 14) // 19)
    for number, each in enumerate(series[:fitting]):
        y = box.y + 29 + number * 19
        yield f'<path d="M{box.x} {y - 14}h{box.width}" stroke="{_GRID}"/>'
        cells = {**each.labels, "Value": shown(each.points[-1][1], unit)}
        for place, column in enumerate(columns):
            yield _text(box.x + place * width, y, cells.get(column, ""))


def _lines(panel: Panel, box: Box, series: Sequence[Series], seconds: float) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    names, legend = _legend([each.name for each in series], box)
    values = [value for each in series for _, value in each.points if math.isfinite(value)] or [0.0]
    low, high = defaults.get("min", min(values)), defaults.get("max", max(values))
    marks = ticks(min(low, 0), max(high, 0), defaults["unit"])
    left = 12 + max(_width(shown(mark, defaults["unit"])) for mark in marks)
    plot = Box(box.x + left, box.y + 4, box.width - left - 4, box.height - 22 - legend)

    def x(at: float) -> float:
        return round(plot.x + plot.width * at / seconds, 1)

    def y(value: float) -> float:
        return round(plot.y + plot.height * (marks[-1] - value) / (marks[-1] - marks[0]), 1)

    for mark in marks:
        yield f'<path d="M{plot.x} {y(mark)}h{plot.width}" stroke="{_GRID}"/>'
        yield _text(plot.x - 6, y(mark) + 4, shown(mark, defaults["unit"]), size=11, colour=_DIM, anchor="end")
    every = 60 if plot.width > 200 else 120
    for at in range(0, int(seconds) + 1, every):
        yield _text(x(at), plot.y + plot.height + 15, clock(at), size=11, colour=_DIM, anchor="middle")
    for number, each in enumerate(series):
        path = _path(
            [(x(at), y(value), math.isfinite(value)) for at, value in each.points], gap=x(3 * seconds / 120) - x(0)
        )
        yield f'<path d="{path}" fill="none" stroke="{_colour(number)}" stroke-width="1.4"/>'
    for number, dx, line, name in names:
        yx = plot.y + plot.height + 33 + line * 16
        yield f'<path d="M{box.x + dx} {yx - 4}h12" stroke="{_colour(number)}" stroke-width="3"/>'
        yield _text(box.x + dx + 17, yx, name, size=11)


def _path(points: Sequence[tuple[float, float, bool]], *, gap: float) -> str:
    """A line through the points, broken where there is none for longer than `gap`."""
    words, last = [], -math.inf
    for x, y, there in points:
        if there:
            words.append(f"{'L' if x - last <= gap else 'M'}{x} {y}")
            last = x
    return "".join(words)


def _legend(names: Sequence[str], box: Box) -> tuple[list[tuple[int, float, int, str]], float]:
    """Where each name of the legend stands, as (series, x, line, name), and how high the whole is."""
    found, x, line = [], 0.0, 0
    for number, name in enumerate(names):
        width = 17 + _width(name, 11) + 14
        if x and x + width > box.width + 14:
            x, line = 0.0, line + 1
        if line == LEGEND_LINES:
            break
        found.append((number, x, line, name))
        x += width
    return found, 16.0 * (1 + max((line for _, _, line, _ in found), default=-1))


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _width(text: str, size: float = SIZE) -> float:
    """About how wide a text is; rather too much than too little."""
    return len(text) * size * 0.57


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float = SIZE,
    colour: str = _TEXT,
    anchor: str = "start",
    weight: str = "400",
) -> str:
    given = f' font-size="{size}"' * (size != SIZE) + f' text-anchor="{anchor}"' * (anchor != "start")
    given += f' font-weight="{weight}"' * (weight != "400")
    return f'<text x="{round(x, 1)}" y="{round(y, 1)}" fill="{colour}"{given}>{escape(text)}</text>'
