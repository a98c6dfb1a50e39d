"""Reads an answer of the API server in steps, between which the event loop goes on.

A list is as long as tenants make it: twenty Secrets that are full have 25 MB, which take most of a second at once, and
some 30 ms each. Of an item only what `keep` leaves is held while the next one is read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator
from json import JSONDecodeError
from re import compile as pattern
from typing import Any, Final

STEP: Final = 64 * 1024
"""Characters after which others have their turn: half a millisecond's work, mostly."""
_BLANK: Final = pattern(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


def whole(item: Any) -> Any:  # noqa: ANN401 - any JSON
    """Keeps an item as it is."""
    return item


async def parsed(raw: bytes, keep: Callable[[Any], Any] = whole) -> Any:  # noqa: ANN401 - any JSON
    """The JSON of an answer; of each item of a list what `keep` makes of it.

    Raises ValueError where it is not JSON in UTF-8, RecursionError where it is nested too deep.
    """
    text = raw.decode()
    if len(text) < STEP:
        return _at_once(text, keep)
    steps, turn = _steps(text, keep), STEP
    while True:
        try:
            at = next(steps)
        except StopIteration as end:
            return end.value
        if at >= turn:
            turn = at + STEP
            await asyncio.sleep(0)


def _at_once(text: str, keep: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any JSON
    """The same of a short text, such as any single object mostly is."""
    found = json.loads(text)
    if isinstance(found, dict) and isinstance(items := found.get("items"), list):
        found["items"] = [keep(item) for item in items]
    return found


def _steps(text: str, keep: Callable[[Any], Any]) -> Generator[int, None, Any]:
    """Reads one value: yields how far it came after each part of it, and returns it."""
    at = _after(text, 0)
    if text[at : at + 1] != "{":
        return json.loads(text)
    found: dict[str, Any] = {}
    at = _after(text, at + 1)
    while text[at : at + 1] != "}":
        if found:
            at = _expected(text, at, ",")
        if text[at : at + 1] != '"':
            raise JSONDecodeError("Expecting a name", text, at)
        name, at = _DECODER.raw_decode(text, at)
        at = _expected(text, at, ":")
        if name == "items" and text[at : at + 1] == "[":
            found[name], at = yield from _items(text, at, keep)
        else:
            found[name], at = _DECODER.raw_decode(text, at)
        at = _after(text, at)
        yield at
    if _after(text, at + 1) != len(text):
        raise JSONDecodeError("Extra data", text, at + 1)
    return found


def _items(text: str, at: int, keep: Callable[[Any], Any]) -> Generator[int, None, tuple[list[Any], int]]:
    items: list[Any] = []
    at = _after(text, at + 1)
    while text[at : at + 1] != "]":
        if items:
            at = _expected(text, at, ",")
        item, at = _DECODER.raw_decode(text, at)
        items.append(keep(item))
        at = _after(text, at)
        yield at
    return items, at + 1


def _after(text: str, at: int) -> int:
    """Where the next character stands that is not blank."""
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _expected(text: str, at: int, character: str) -> int:
    """Where it goes on after `character`, which has to stand here."""
    at = _after(text, at)
    if text[at : at + 1] != character:
        raise JSONDecodeError(f"Expecting {character!r}", text, at)
    return _after(text, at + 1)
