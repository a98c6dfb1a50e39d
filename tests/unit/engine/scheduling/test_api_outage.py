"""While the API server is away nothing begins, one looks after it, and two log lines tell of it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Unavailable
from githubtoken_operator.domain.lanes.outage import FIRST_PAUSE, LONGEST_PAUSE
from githubtoken_operator.engine.scheduling.api_outage import AGAIN, FAILURES, ApiOutage, retry_after


class Ended(Exception):
    """The test has seen enough."""


class Scene:
    """An API server that answers the looks with `answers`, the last one for ever; sleeping moves the clock."""

    def __init__(self, *answers: int) -> None:
        self.now = 1000.0
        self.looks: list[float] = []
        self.ends = 0
        self._answers = list(answers)
        self.outage = ApiOutage(self._look, now=lambda: self.now, ended=self._ended, sleep=self._sleep)

    def fail(self, status: int = 0, *, later: float | None = None, times: int = FAILURES) -> None:
        for _ in range(times):
            self.outage.heard(status, later)

    async def look_until_it_answers(self) -> None:
        with pytest.raises(Ended):
            await self.outage.run()

    async def _look(self) -> None:
        self.looks.append(self.now)
        status = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self.outage.heard(status)
        if not self.outage.out:
            raise Ended
        raise Unavailable(status, "away")

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def _ended(self) -> None:
        self.ends += 1


@pytest.mark.parametrize("status", [0, 429, 503, 504])
def test_three_failures_in_a_row_are_an_outage(status: int) -> None:
    scene = Scene(200)
    scene.fail(status, times=FAILURES - 1)
    assert not scene.outage.out
    scene.fail(status, times=1)
    assert scene.outage.out


@pytest.mark.parametrize("status", [200, 404, 409, 403, 422, 500])
def test_any_other_answer_says_that_there_is_none(status: int) -> None:
    scene = Scene(200)
    for _ in range(5):
        scene.fail(times=FAILURES - 1)
        scene.outage.heard(status)
    assert not scene.outage.out


async def test_one_looks_after_pauses_that_grow_until_it_answers_and_that_is_told() -> None:
    scene = Scene(*[0] * 60, 200)
    scene.fail()
    await scene.look_until_it_answers()
    pauses = [after - before for before, after in zip(scene.looks, scene.looks[1:], strict=False)]
    assert scene.looks[0] == 1000 + FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[0] < 2 * FIRST_PAUSE
    assert max(pauses) <= LONGEST_PAUSE
    assert (scene.outage.out, scene.ends) == (False, 1)


async def test_a_retry_after_is_obeyed() -> None:
    scene = Scene(200)
    scene.fail(429, later=20.0)
    await scene.look_until_it_answers()
    assert scene.looks == [1020.0]


async def test_one_that_comes_back_soon_is_the_same_and_its_pauses_go_on_growing() -> None:
    scene = Scene(*[0] * 40, 200)
    scene.fail()
    await scene.look_until_it_answers()
    ended = scene.now
    scene.fail()
    await scene.look_until_it_answers()
    assert scene.outage._last is not None
    assert scene.outage._last[0] == 1000
    scene.now = ended + 2 * AGAIN
    scene.fail()
    assert scene.outage._outage.since == scene.now


async def test_one_line_tells_its_beginning_and_one_its_end(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(*[0] * 30, 200)
    with caplog.at_level(logging.INFO):
        scene.fail(times=50)
        await scene.look_until_it_answers()
    assert [record.getMessage().split(":")[0].split(",")[0] for record in caplog.records] == [
        "the API server does not answer",
        "the API server answers again",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, None), ("", None), ("5", 5.0), ("soon", None), ("-1", None), ("86400", LONGEST_PAUSE)]
)
def test_what_is_no_number_is_no_time_and_none_is_longer_than_the_longest_pause(
    text: str | None, seconds: float | None
) -> None:
    assert retry_after(text) == seconds
