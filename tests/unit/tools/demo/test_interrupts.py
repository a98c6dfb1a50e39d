"""Signals, sent to this process; its handlers are put back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from demo.interrupts import SIGNALS, Interrupted, Interrupts


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    made = Interrupts()
    made.install()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [pytest.param(each, id=each.name) for each in SIGNALS])
def test_a_signal_ends_the_demo_with_the_code_of_a_shell(interrupts: Interrupts, number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as caught:
        os.kill(os.getpid(), number)
    assert caught.value.exit_code == 128 + number


def test_a_second_signal_does_not_cut_the_clean_up_short(interrupts: Interrupts) -> None:
    with pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)


def step(interrupts: Interrupts, done: list[str], error: Exception | None = None) -> None:
    with interrupts.held():
        os.kill(os.getpid(), signal.SIGTERM)
        if error is not None:
            raise error
        done.append("the step was finished")


def test_a_held_signal_waits_for_the_end_of_the_step(interrupts: Interrupts) -> None:
    done: list[str] = []
    with pytest.raises(Interrupted):
        step(interrupts, done)
    assert done == ["the step was finished"]


def test_an_error_in_a_held_step_does_not_hide_the_signal(interrupts: Interrupts) -> None:
    with pytest.raises(Interrupted):
        step(interrupts, [], ValueError("caused by the signal"))


def test_a_step_without_a_signal_is_left_as_it_is(interrupts: Interrupts) -> None:
    with interrupts.held():
        pass
    with pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_demo_that_ends_anyway_is_not_interrupted(interrupts: Interrupts) -> None:
    interrupts.ignore()
    os.kill(os.getpid(), signal.SIGINT)
