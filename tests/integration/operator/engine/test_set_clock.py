"""The node's clock is set while the operator runs: no token is renewed late for it, and none before its time."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.integration.operator.clocks import SettableClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.world import World

    Start = Callable[..., OperatorProcess]

HOUR = 3600
LIFE = 30
"""Seconds of a token: its successor comes within a test's patience, and a third of it is left then."""


def restarted(world: World, start: Start, clock: SettableClock) -> None:
    assert world.operator.stop() == 0
    world.operator = start(environment=clock.environment)


def time(status: Mapping[str, str], field: str) -> datetime:
    return datetime.fromisoformat(status[field])


@pytest.mark.every_python
@pytest.mark.parametrize("step", [pytest.param(-HOUR, id="back"), pytest.param(HOUR, id="forward")])
def test_tokens_are_renewed_in_time_and_not_before(apart: World, start: Start, tmp_path: Path, step: int) -> None:
    clock = SettableClock(tmp_path / "clock")
    restarted(apart, start, clock)
    app = apart.app(token_life=LIFE, user_token_life=LIFE)
    apart.installation_token()
    apart.user_token(seed=apart.sign_in(app))
    before = {name: apart.wait_ready(name)["status"] for name in ("ci", "alice")}
    clock.set(step)
    apart.wait_until(lambda: "clock was set" in apart.log(), "the step to be noticed")
    for name, first in before.items():
        second = apart.wait_ready(name, revision=2)["status"]
        # By GitHub's clock.
        assert time(first, "renewalTime") <= time(second, "issuedTime") < time(first, "expirationTime")
    assert apart.double_spends() == 0


def test_a_clock_that_was_behind_at_the_start_and_is_set_right_makes_no_run_late(
    apart: World, start: Start, tmp_path: Path
) -> None:
    """GitHub is asked for nothing before, since all is fresh: only the node's clock says what time it is."""
    clock = SettableClock(tmp_path / "clock")
    apart.app(token_life=LIFE)
    apart.installation_token()
    first = apart.wait_ready()["status"]
    clock.set(-HOUR)
    restarted(apart, start, clock)
    clock.set(0)
    apart.wait_until(lambda: "clock was set" in apart.log(), "the step to be noticed")
    second = apart.wait_ready(revision=2)["status"]
    assert time(first, "renewalTime") <= time(second, "issuedTime") < time(first, "expirationTime")
