"""Setting the machine's clock moves no time of this process."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from githubtoken_operator.adapters.clock import SteadyClock, boottime, set_by, utc_now, wait, wall_now
from tests.unit.builders import NOW

HOUR = timedelta(hours=1)


class Machine:
    """A wall clock that can be set, and one that counts seconds since the start of the machine."""

    def __init__(self) -> None:
        self.wall = NOW
        self.up = 1000.0
        self.clock = SteadyClock(lambda: self.wall, lambda: self.up)

    def passes(self, time: timedelta) -> None:
        self.wall += time
        self.up += time.total_seconds()


def test_time_passes_as_on_the_wall() -> None:
    machine = Machine()
    assert machine.clock.now() == NOW
    machine.passes(HOUR)
    assert machine.clock.now() == NOW + HOUR
    assert machine.clock.set_by() == timedelta()


def test_a_clock_that_is_set_is_told_of_and_followed_no_further() -> None:
    for step in (HOUR, -HOUR):
        machine = Machine()
        machine.passes(HOUR)
        machine.wall += step
        assert machine.clock.now() == NOW + HOUR
        assert machine.clock.set_by() == step


def test_a_virtual_machine_that_slept_without_a_word_looks_like_a_clock_that_was_set() -> None:
    machine = Machine()
    machine.wall += 8 * HOUR
    assert machine.clock.set_by() == 8 * HOUR


def test_the_processs_own_clock_began_with_the_machines() -> None:
    assert abs(set_by()) < timedelta(seconds=2)
    assert abs(utc_now() - wall_now()) < timedelta(seconds=2)
    assert boottime() <= boottime()


async def test_an_event_is_waited_for_and_not_for_ever() -> None:
    event = asyncio.Event()
    await wait(event, 0)
    asyncio.get_running_loop().call_soon(event.set)
    await wait(event, 3600)
    assert event.is_set()
