"""A node whose clock is ten minutes off: GitHub refuses the times in the JWT, and the operator takes GitHub's."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from github_simulator.process import SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.operator.stage.world import World


@pytest.fixture(scope="module", params=[pytest.param(600, id="behind"), pytest.param(-600, id="ahead")])
def simulator(request: pytest.FixtureRequest) -> Iterator[SimulatorProcess]:
    """A GitHub of its own, whose clock is not ours."""
    with SimulatorProcess(f"--clock-offset={request.param}") as simulator:
        yield simulator


def test_tokens_are_had_and_renewed_in_time_although_the_clock_is_off(world: World) -> None:
    app = world.app(token_life=9, user_token_life=9)
    world.installation_token()
    world.user_token(seed=world.sign_in(app))
    for name in ("ci", "alice"):
        for revision in (1, 2):
            status = world.wait_ready(name, revision=revision)["status"]
            issued = datetime.fromisoformat(status["issuedTime"]).timestamp()
            assert abs(issued - world.github.clock().now) < 60
    # Each of the first requests, of which two may be under way together, is repeated once.
    refused = [request.status for request in world.requests() if request.status == 401]
    assert len(refused) <= 2
    assert world.double_spends() == 0
    assert [event["reason"] for event in world.wait_events()] == ["Fresh"]
    series = 'githubtoken_clock_skew_seconds{host="127.0.0.1"}'
    skew = [line for line in world.operator.metrics().splitlines() if line.startswith(series)]
    assert len(skew) == 1
