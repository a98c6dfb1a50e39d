"""What is packed comes back as it was, and objects that look alike take little."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.engine.cache.packing import LONGEST, RENEWED_AFTER, Packing
from tests.unit.builders import githubtoken_body

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)


def size(packed: Any) -> int:  # noqa: ANN401 - what is kept of an object
    return len(packed._deflated)


@given(st.lists(OBJECTS, max_size=3))
def test_each_object_comes_back_as_it_was(objects: list[dict[str, Any]]) -> None:
    packing = Packing()
    packed = [packing.pack(each) for each in objects]
    assert [each.unpacked() if each else None for each in packed] == objects


def test_an_object_like_others_takes_a_fifth() -> None:
    packing = Packing()
    for number in range(10):
        body = githubtoken_body(name=f"ci-{number}", uid=f"uid-{number}")
        packed = packing.pack(body)
    assert size(packed) < len(json.dumps(body)) / 5


def test_what_objects_have_in_common_by_and_by_is_found() -> None:
    packing = Packing()
    packing.pack({"metadata": {"name": "the first is unlike all others"}})
    alike = githubtoken_body(annotations={"tool.example/tracking": "x" * 300})
    sizes = [size(packing.pack(alike)) for _ in range(RENEWED_AFTER + 2)]
    assert sizes[-1] < sizes[0] / 5


def test_what_was_packed_before_the_pattern_changed_comes_back_too() -> None:
    packing = Packing()
    first = packing.pack({"first": True})
    for number in range(2 * RENEWED_AFTER):
        packing.pack({"number": number})
    assert first is not None
    assert first.unpacked() == {"first": True}


def test_a_long_object_is_not_kept() -> None:
    assert Packing().pack({"text": "x" * LONGEST}) is None


def test_nothing_of_an_object_is_shown() -> None:
    assert "ghs_" not in repr(Packing().pack({"token": "ghs_secret"}))
