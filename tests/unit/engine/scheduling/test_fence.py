"""What may still be sent, and which runs are cut off at the end of the process."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from githubtoken_operator.adapters.github.sending import SEND_LIMIT
from githubtoken_operator.adapters.kubernetes.lease import Leadership
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import SHORT_OF_LEASE, LeaseShort, Transient
from githubtoken_operator.engine.scheduling import fence as module
from githubtoken_operator.engine.scheduling.fence import Fence, send_limit

MARGIN = 5.0


class Lease:
    """Held for `left` more seconds."""

    contested = True

    def __init__(self, left: float = 10.0) -> None:
        self.left = left
        self.term = 3

    def held(self, margin: float = 0.0) -> bool:
        return margin < self.left


class Scene:
    def __init__(self, left: float = 10.0) -> None:
        self.lease = Lease(left)
        self.stopping = False
        self.fence = Fence(cast("Leadership", self.lease), stopping=lambda: self.stopping, send_margin=MARGIN)
        self.gate = asyncio.Event()
        self.done: list[str] = []

    async def run(self) -> None:
        self.done.append("begun")
        with self.fence.irreversible():
            await self.gate.wait()
            self.done.append("saved")
        await asyncio.sleep(0.01)
        self.done.append("published")


async def rounds() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_with_time_enough_it_may_be_sent() -> None:
    Scene(left=MARGIN + 0.1).fence.check(3)


@pytest.mark.parametrize(
    ("left", "term", "words"),
    [
        pytest.param(MARGIN, 3, "was not renewed for seconds: nothing is sent before it is", id="short for a moment"),
        pytest.param(0.0, 3, "does not hold its Lease: the one that does goes on", id="lost"),
        pytest.param(10.0, 2, "does not hold its Lease: the one that does goes on", id="another term"),
    ],
)
def test_short_of_lease_is_tried_again_within_a_second_and_has_words_of_its_own(
    left: float, term: int, words: str
) -> None:
    with pytest.raises(LeaseShort, match=words) as refused:
        Scene(left).fence.check(term)
    assert refused.value.reason == reasons.PENDING
    assert refused.value.retry_after == SHORT_OF_LEASE <= 1


def test_a_process_that_ends_says_so_and_leaves_it_to_the_next() -> None:
    scene = Scene()
    scene.stopping = True
    with pytest.raises(Transient, match="the operator is ending: the next one goes on"):
        scene.fence.check(3)


@pytest.mark.parametrize(("lease", "limit"), [(2.0, 2 / 3), (6.0, 2.0), (15.0, SEND_LIMIT), (60.0, SEND_LIMIT)])
def test_sending_takes_less_than_the_lease_lasts_for_and_may_be_asked_right_before_a_renewal(
    lease: float, limit: float
) -> None:
    assert send_limit(lease) == pytest.approx(limit)
    # Held for two thirds of it, and renewed when a third of those has passed.
    assert send_limit(lease) < lease * 4 / 9


async def test_a_run_is_marked_until_what_it_sent_is_dealt_with() -> None:
    scene = Scene()
    task = asyncio.create_task(scene.run())
    assert not scene.fence.must_finish(task)
    await rounds()
    assert scene.fence.must_finish(task)
    scene.gate.set()
    await rounds()
    assert not scene.fence.must_finish(task)
    await task
    assert scene.done == ["begun", "saved", "published"]


async def test_a_leader_that_ends_lets_a_run_publish_what_it_saved() -> None:
    scene = Scene()
    task = asyncio.create_task(scene.run())
    await rounds()
    scene.stopping = True
    scene.gate.set()
    await task
    assert scene.done == ["begun", "saved", "published"]


@pytest.mark.parametrize(("left", "finish"), [(0.0, module.FINISH), (10.0, 0.0)], ids=["lost Lease", "takes too long"])
async def test_a_run_is_cut_off_behind_what_it_saved(
    left: float, finish: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FINISH", finish)
    scene = Scene()
    task = asyncio.create_task(scene.run())
    await rounds()
    scene.stopping, scene.lease.left = True, left
    scene.gate.set()
    await asyncio.wait({task})
    assert task.cancelled()
    assert scene.done == ["begun", "saved"]


async def test_a_run_that_sends_again_meanwhile_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FINISH", 0.0)
    scene = Scene()
    done: list[str] = []

    async def run() -> None:
        with scene.fence.irreversible():
            scene.stopping = True
        with scene.fence.irreversible():
            await rounds()
            done.append("saved")

    await asyncio.create_task(run())
    assert done == ["saved"]
