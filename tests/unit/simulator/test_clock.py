from __future__ import annotations

import pytest

from github_simulator.clock import VirtualClock, http_date, iso8601


class RealTime:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def real() -> RealTime:
    return RealTime()


@pytest.fixture
def clock(real: RealTime) -> VirtualClock:
    return VirtualClock(real)


def test_it_goes_with_the_machine_at_first(clock: VirtualClock, real: RealTime) -> None:
    real.now += 5
    assert clock.now() == 1005
    assert clock.offset() == 0


def test_a_faster_clock_goes_on_from_where_it_is(clock: VirtualClock, real: RealTime) -> None:
    real.now += 10
    clock.run_at(60)
    assert clock.now() == 1010
    real.now += 2
    assert clock.now() == 1130


def test_a_stopped_clock_stands_and_can_still_be_moved(clock: VirtualClock, real: RealTime) -> None:
    clock.run_at(0)
    real.now += 100
    assert clock.now() == 1000
    clock.advance(7)
    assert clock.now() == 1007


def test_an_offset_is_measured_from_the_machine(clock: VirtualClock, real: RealTime) -> None:
    clock.advance(12345)
    clock.set_offset(-600)
    real.now += 1
    assert clock.now() == 401
    assert clock.offset() == -600


def test_it_can_be_set(clock: VirtualClock, real: RealTime) -> None:
    clock.set(5)
    real.now += 1
    assert clock.now() == 6


def test_it_cannot_run_backwards(clock: VirtualClock) -> None:
    with pytest.raises(ValueError, match="`speed` must be 0 or more"):
        clock.run_at(-1)


def test_dates_are_written_as_github_writes_them() -> None:
    assert http_date(1_700_000_000.9) == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert iso8601(1_700_000_000.9) == "2023-11-14T22:13:20Z"
