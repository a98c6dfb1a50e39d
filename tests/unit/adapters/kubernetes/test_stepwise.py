"""An answer that is read in steps means what it means to the standard library, and lets others have their turn."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.adapters.kubernetes.stepwise import STEP, parsed

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
ANSWERS = VALUES | st.fixed_dictionaries(
    {"kind": st.text(), "items": st.none() | st.lists(VALUES)}, optional={"metadata": VALUES}
)


BLANK = st.sampled_from(["", " " * STEP])
"""In front of a text: nothing, or enough for it to be read in steps."""


@given(ANSWERS, st.sampled_from([None, 2]), st.booleans(), BLANK)
def test_it_is_what_json_loads_makes_of_it(answer: Any, indent: int | None, sort_keys: bool, blank: str) -> None:  # noqa: ANN401, FBT001
    text = blank + json.dumps(answer, indent=indent, sort_keys=sort_keys)
    assert asyncio.run(parsed(text.encode())) == json.loads(text)


@given(st.fixed_dictionaries({"items": st.lists(st.integers(), min_size=1)}), st.data(), BLANK)
def test_what_is_cut_off_or_goes_on_is_refused(answer: Any, data: st.DataObject, blank: str) -> None:  # noqa: ANN401
    text = blank + json.dumps(answer)
    cut = text[: data.draw(st.integers(len(blank), len(text) - 1))]
    for bad in (cut, text + data.draw(st.sampled_from(["}", "{}", ",", "x"]))):
        with pytest.raises(json.JSONDecodeError):
            asyncio.run(parsed(bad.encode()))


@pytest.mark.parametrize(
    "text", ["", "{", '{"items"}', '{"items":[1 2]}', '{"a":1 "b":2}', '{"a":1,}', "{1:2}", '{"items":[,]}', "404 page"]
)
@pytest.mark.parametrize("blank", ["", " " * STEP], ids=["short", "long"])
async def test_what_is_not_json_is_refused(text: str, blank: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        await parsed((blank + text).encode())


async def test_what_is_not_utf8_is_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        await parsed(b'{"a":"\xff"}')


@pytest.mark.parametrize("blank", ["", " " * STEP], ids=["short", "long"])
async def test_of_each_item_only_what_is_kept_is_there_and_nothing_else_is_touched(blank: str) -> None:
    answer = {"metadata": {"items": [3]}, "items": [1, 2]}
    assert await parsed((blank + json.dumps(answer)).encode(), lambda item: item * 10) == {
        "metadata": {"items": [3]},
        "items": [10, 20],
    }


async def test_others_have_their_turn_after_each_long_item() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(other())
    await parsed(json.dumps({"items": ["x" * STEP] * 20}).encode())
    task.cancel()
    assert turns == 19
