"""Looks that are taken together."""

from __future__ import annotations

import asyncio

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.commands.terminal.checks import together


async def test_what_was_asked_for_together_comes_in_its_order() -> None:
    first = asyncio.Event()

    async def late() -> str:
        await first.wait()
        return "late"

    async def soon() -> str:
        first.set()
        return "soon"

    assert await together([late(), soon()]) == ["late", "soon"]


async def test_a_refusal_is_raised_once_nothing_is_under_way_any_more() -> None:
    ended: list[str] = []

    async def refused() -> None:
        raise Forbidden(403, "no")

    async def long() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        ended.append("long")

    with pytest.raises(Forbidden, match="no"):
        await together([refused(), long()])
    assert ended == ["long"]
