"""A clock that was set is noticed: GitHub's hosts are asked for their time, then every object is looked at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from githubtoken_operator.engine.scheduling import clock_watch
from githubtoken_operator.engine.scheduling.clock_watch import LOOK, ClockWatch

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class Ended(Exception):
    """The test has seen enough."""


class Scene:
    """The clock is set by what stands in `course`, at one look after the other."""

    def __init__(self, *course: timedelta, answers: bool = True) -> None:
        self.course = [timedelta(), *course]
        self.done: list[str] = []
        self._answers = answers

    async def measure_clocks(self) -> None:
        if not self._answers:
            await asyncio.Event().wait()
        self.done.append("measured")

    async def run(self) -> None:
        watch = ClockWatch(
            set_by=lambda: self.course[0],
            hosts=self,
            look_again=lambda: self.done.append("looked again"),
            sleep=self._sleep,
        )
        with pytest.raises(Ended):
            await watch.run()

    async def _sleep(self, seconds: float) -> None:
        assert seconds == LOOK
        self.course.pop(0)
        if not self.course:
            raise Ended


async def test_a_clock_that_drifts_is_no_news() -> None:
    scene = Scene(SECOND, SECOND, -SECOND / 2)
    await scene.run()
    assert scene.done == []


@pytest.mark.parametrize(("step", "words"), [(HOUR, "forward by 1h"), (-HOUR - 30 * SECOND, "back by 1h30s")])
async def test_a_step_is_told_and_asked_about_once(
    step: timedelta, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(step, step, step)
    await scene.run()
    assert scene.done == ["measured", "looked again"]
    assert caplog.messages == [f"the machine's clock was set {words}"]


async def test_each_step_counts() -> None:
    scene = Scene(HOUR, timedelta())
    await scene.run()
    assert scene.done == ["measured", "looked again"] * 2


async def test_a_host_that_hangs_makes_nobody_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_watch, "MEASURED_WITHIN", 0.0)
    scene = Scene(HOUR, answers=False)
    await scene.run()
    assert scene.done == ["looked again"]
