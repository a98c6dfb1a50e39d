"""A simulator as a process of its own, and the client that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime

import pytest

from github_simulator.process import SimulatorProcess
from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.github.sending import Sender


class Observed:
    """What the metrics would be told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, int | None]] = []
        self.limits: list[tuple[str, int]] = []
        self.skews: list[float] = []

    def request(self, _host: str, operation: str, code: int | None, _seconds: float) -> None:
        self.requests.append((operation, code))

    def rate_limit(self, _host: str, _app: str, installation: str, remaining: int) -> None:
        self.limits.append((installation, remaining))

    def clock_skew(self, _host: str, seconds: float) -> None:
        self.skews.append(seconds)


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


@pytest.fixture
def simulator(process: SimulatorProcess) -> SimulatorProcess:
    """The module's simulator, with no fault, a true clock and an empty ledger."""
    process.control.clear_faults()
    process.control.clock(offset=0, speed=1)
    process.control.reset_ledger()
    return process


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.fixture
async def github(observed: Observed) -> AsyncIterator[GitHub]:
    sender = Sender(now=lambda: datetime.now(UTC), observer=observed, user_agent="githubtoken-operator/test")
    async with aclosing(GitHub(sender)) as client:
        yield client
