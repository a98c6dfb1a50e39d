"""SIGKILL at every step of a rotation. The steps are not listed here: a rehearsal finds them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import pytest

from tests.chaos.faultproxy import FaultProxy, Rule
from tests.chaos.stage import ENDED, REPORTED, Stage, numbered, patterns

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(1800)]

WITH: Final = "SIGKILL, the journal is kept (a container restarts)"
WITHOUT: Final = "SIGKILL, the journal is gone (another pod)"


@dataclass(frozen=True, slots=True)
class Boundary:
    """Right before or after a step; `index` is its place in the rehearsal."""

    index: int
    step: str
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.step}"


def rehearse(stage: Stage) -> list[Boundary]:
    """One rotation that nothing disturbs: its steps in their order, and both sides of each."""
    name = stage.new_token()
    stage.order("count")
    stage.rotate(name)
    stage.wait_rotated(name)
    stage.world.settle(1)
    seen = [*numbered(name, sorted(stage.api.writes() + stage.github.writes())), *stage.steps()]
    steps = [step for _, step in sorted(seen)]
    return [Boundary(index, step, after) for index, step in enumerate(steps) for after in (False, True)]


def arm(stage: Stage, name: str, boundary: Boundary) -> None:
    """The next rotation dies there."""
    label, _, number = boundary.step.partition(" ")
    stage.order("none")
    if label in {"fsync", "replace"}:
        stage.order(f"{boundary.step} {'after' if boundary.after else 'before'}")
        return
    proxy: FaultProxy = stage.github if label == "refresh" else stage.api
    pattern = rf"^(?!GET ).*{patterns(name)[label]}"
    operator = stage.world.operator
    if label == "refresh" and boundary.after:
        # GitHub's answer must not have reached anybody, not even the proxy.
        stage.world.github.fail("refresh", drop=True, when="after")
    proxy.add(Rule(pattern, skip=int(number) - 1, after=boundary.after, act=operator.process.kill, drop=True))


def die(stage: Stage, boundary: Boundary) -> str:
    """A new token whose rotation is ended by SIGKILL at the boundary."""
    name = stage.new_token()
    arm(stage, name, boundary)
    stage.rotate(name)
    stage.world.wait_until(stage.died, f"death {boundary}")
    stage.order("")
    return name


def place(boundaries: list[Boundary], step: str) -> int:
    return next(found.index for found in boundaries if found.step == step)


def on_disk(boundaries: list[Boundary]) -> int:
    """The first write to disk after GitHub's answer: the content is there when its fsync begins."""
    answered = place(boundaries, "refresh 1")
    return next(found.index for found in boundaries if found.index > answered and found.step.startswith("fsync"))


def is_lost(boundary: Boundary, boundaries: list[Boundary], kept_from: tuple[int, bool]) -> bool:
    """Whether GitHub's answer was on the wire or in the killed process alone."""
    return (place(boundaries, "refresh 1"), True) <= (boundary.index, boundary.after) < kept_from


def chosen(boundaries: list[Boundary], *, long: bool) -> list[Boundary]:
    """All, or those around the step that cannot be repeated."""
    if long:
        return boundaries
    first, last = place(boundaries, "refresh 1"), place(boundaries, "credential 2")
    around = [found for found in boundaries if first <= found.index <= last]
    return [*around[::2], *around[1:2]]


@pytest.mark.both_kinds
@pytest.mark.parametrize("keep", [True, pytest.param(False, marks=pytest.mark.chaos_long)], ids=["kept", "gone"])
def test_a_kill_loses_only_an_answer_that_was_kept_nowhere(stage: Stage, *, long: bool, keep: bool) -> None:
    """With the journal gone, nothing but the store keeps it."""
    boundaries = rehearse(stage)
    kept_from = (on_disk(boundaries), False) if keep else (place(boundaries, "credential 2"), True)
    failures = []
    for boundary in chosen(boundaries, long=long):
        name = die(stage, boundary)
        begun = time.monotonic()
        stage.restart(keep_journal=keep)
        expected = REPORTED if is_lost(boundary, boundaries, kept_from) else ENDED
        try:
            stage.ends(name, expected, row=(WITH if keep else WITHOUT, str(boundary)), since=begun, within=45)
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, "\n".join(failures)
