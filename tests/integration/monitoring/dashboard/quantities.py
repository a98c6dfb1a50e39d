"""Numbers as a panel shows them: with the unit that the dashboard names."""

from __future__ import annotations

from typing import Final

_SECONDS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTES: Final = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))
_PLAIN: Final = ((1e9, "G"), (1e6, "M"), (1e3, "K"), (1, ""))
_SCALES: Final = {"s": _SECONDS, "bytes": _BYTES, "short": _PLAIN, "reqps": _PLAIN}
_BEHIND: Final = {"reqps": " req/s"}


def shown(value: float, unit: str = "short") -> str:
    """`shown(90, "s")` is `1.5 min`, `shown(0.25, "percentunit")` is `25 %`; a unit it does not know is a KeyError."""
    if unit == "percentunit":
        return f"{_digits(value * 100)} %"
    size, word = _scale(abs(value), unit)
    return f"{_digits(value / size)}{' ' if word and unit != 'reqps' else ''}{word}{_BEHIND.get(unit, '')}"


def clock(seconds: float) -> str:
    """`clock(90)` is `1:30`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _scale(magnitude: float, unit: str) -> tuple[float, str]:
    scales = _SCALES[unit]
    if magnitude == 0:
        return next(each for each in scales if each[0] == 1)
    return next((each for each in scales if magnitude >= each[0] * 0.9995), scales[-1])


def _digits(value: float) -> str:
    """Three digits that count, without zeros behind the point."""
    if abs(value) >= 100 or value == 0:
        return f"{value:.0f}"
    text = f"{value:.3g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".")
