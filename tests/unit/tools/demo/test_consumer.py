"""A consumer that is answered 401 reads its Secret again before it gives up."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from demo.consumer import REREAD_EVERY, REREAD_FOR, held_in, look
from demo.tally import Held, Look

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def held(token: str, revision: int = 1) -> Held:
    return Held("uid", token, revision, NOW + timedelta(minutes=1))


class World:
    """A Secret whose content changes at given times, a GitHub that takes some tokens, and a clock that sleep moves."""

    def __init__(self, *, living: str, secret: dict[float, Held | None]) -> None:
        self.living = living
        self.secret = secret
        self.time = 0.0

    def look(self) -> Look:
        return look(self.read, lambda token: token == self.living, now=lambda: NOW, sleep=self.sleep)

    def read(self) -> Held | None:
        return self.secret[max(since for since in self.secret if since <= self.time + 1e-9)]

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_a_living_token_is_found_without_waiting() -> None:
    world = World(living="new", secret={0: held("new")})
    assert world.look() == Look(NOW, held("new"), alive=True)
    assert world.time == 0


def test_no_secret_is_said_at_once() -> None:
    world = World(living="new", secret={0: None})
    assert world.look() == Look(NOW, None)
    assert world.time == 0


def test_a_dead_user_token_is_well_if_the_secret_brings_its_successor_at_once() -> None:
    world = World(living="new", secret={0: held("old"), 0.3: held("new", 2)})
    assert world.look() == Look(NOW, held("new", 2), alive=True)
    assert world.time == pytest.approx(0.3)


def test_a_secret_that_is_away_meanwhile_is_read_again() -> None:
    world = World(living="new", secret={0: held("old"), 0.1: None, 0.4: held("new", 2)})
    assert world.look().alive


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param({0: held("old")}, id="the Secret keeps the dead token"),
        pytest.param({0: held("old"), 0.2: held("older", 2)}, id="the successor is dead too"),
        pytest.param({0: held("old"), REREAD_FOR + 1: held("new", 2)}, id="the successor comes too late"),
        pytest.param({0: held("old"), 0.2: None}, id="the Secret goes away"),
    ],
)
def test_a_dead_token_without_a_living_successor_is_dead(secret: dict[float, Held | None]) -> None:
    world = World(living="new", secret=secret)
    assert world.look() == Look(NOW, held("old"), alive=False)
    assert world.time == pytest.approx(REREAD_FOR, abs=REREAD_EVERY)


def test_a_secret_is_read_as_the_operator_writes_it() -> None:
    secret = {
        "metadata": {
            "uid": "u-1",
            "annotations": {"githubtoken.dev/revision": "7", "githubtoken.dev/expires-at": "2026-01-02T12:01:00Z"},
        },
        "data": {"token": base64.b64encode(b"abc").decode()},
    }
    assert held_in(secret) == Held("u-1", "abc", 7, NOW + timedelta(minutes=1))
