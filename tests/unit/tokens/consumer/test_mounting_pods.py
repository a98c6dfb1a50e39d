"""How often pods are listed, and what of them is kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.tokens.consumer.mounting_pods import SHARED, MountingPods
from tests.unit.fakes import World, raising


def pods_of(world: World) -> MountingPods:
    return MountingPods(world.start().cluster, monotonic=world.clock.monotonic)


def pod(name: str, **spec: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of any kind
    volumes = [{"secret": {"secretName": "ci"}}]
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "team"},
        "spec": {"nodeName": "node-1", "volumes": volumes, **spec},
    }


async def test_all_who_ask_within_a_second_share_one_list() -> None:
    world = World()
    world.api.put(pod("web-1"))
    world.api.put(pod("idle", volumes=[]))
    pods = pods_of(world)
    answers = await asyncio.gather(*(pods.of("team") for _ in range(20)))
    answers.append(await pods.of("team"))
    assert {tuple(each.pod for each in answer) for answer in answers} == {("web-1",)}
    assert world.faults.calls.count("GET pods") == 1
    world.clock.advance(timedelta(seconds=SHARED))
    await pods.of("team")
    assert world.faults.calls.count("GET pods") == 2


async def test_one_who_gives_up_takes_the_list_from_nobody() -> None:
    world = World()
    world.api.put(pod("web-1"))
    pods = pods_of(world)
    first = asyncio.ensure_future(pods.of("team"))
    second = asyncio.ensure_future(pods.of("team"))
    await asyncio.sleep(0)
    first.cancel()
    assert [each.pod for each in await second] == ["web-1"]


async def test_a_list_that_fails_is_made_again_after_a_second() -> None:
    world = World()
    world.faults.on("GET pods", raising(Forbidden(403, "cannot list pods")))
    pods = pods_of(world)
    with pytest.raises(Forbidden):
        await pods.of("team")
    world.faults.clear()
    world.clock.advance(timedelta(seconds=SHARED))
    assert await pods.of("team") == []
