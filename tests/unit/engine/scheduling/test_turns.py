"""The lanes of a running process: who waits is woken, and the lanes learn what came of each turn."""

from __future__ import annotations

import asyncio

import pytest

from githubtoken_operator.domain.lanes.budget import WRITE
from githubtoken_operator.domain.lanes.lane import TOGETHER, Lane
from githubtoken_operator.domain.lanes.order import Lanes
from githubtoken_operator.domain.lanes.outage import FIRST_PAUSE
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    Concern,
    NotSent,
    OutcomeUnexplained,
    OutcomeUnknown,
    RateLimited,
    Terminal,
    TokenError,
)
from githubtoken_operator.engine.scheduling.turns import Stand, Turns, Waits

LANE = Lane("api.github.com", "key", "1")
AWAY = NotSent("no connection")
BROKEN = OutcomeUnknown("502")
LIMIT = RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=60)
REFUSED = Terminal(reasons.INSTALLATION_NOT_FOUND, "not installed")
ODD = OutcomeUnexplained("odd words", lasting=reasons.REAUTHORIZATION_REQUIRED)


class Scene:
    """Turns with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.woken: list[str] = []
        self.any_woken = asyncio.Event()
        self.lanes: Lanes[str] = Lanes()
        self.paused: list[tuple[Lane, tuple[str, str], float]] = []
        self.turns = Turns(
            self.lanes, monotonic=lambda: self.now, wake=self._wake, paused=lambda *told: self.paused.append(told)
        )

    def _wake(self, key: str) -> None:
        self.woken.append(key)
        self.any_woken.set()

    def take(self, key: str, error: TokenError | None = None, *, took: float = 0.0) -> None:
        """A turn that ends so."""
        with self.turns.turn(key, Stand(LANE, 0.0, WRITE)):
            self.now += took
            if error is not None:
                raise error


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_who_has_to_wait_is_told_how_many_go_first_and_is_woken(scene: Scene) -> None:
    with scene.turns.turn("a", Stand(LANE, 0.0, WRITE)):
        for number, key in enumerate("bc"):
            with pytest.raises(Waits) as waits:
                scene.take(key)
            assert (waits.value.before, waits.value.out) == (number, False)
        scene.turns.pump()
        assert scene.woken == []
    scene.turns.pump()
    assert scene.woken == ["b", "c"]
    assert scene.turns.is_granted("b")
    scene.take("b")
    assert not scene.turns.is_granted("b")


@pytest.mark.parametrize("error", [AWAY, BROKEN])
def test_what_fails_is_asked_by_one_at_a_time(scene: Scene, error: TokenError) -> None:
    with pytest.raises(type(error)):
        scene.take("a", error)
    with pytest.raises(Waits) as waits:
        scene.take("b")
    assert waits.value.out
    scene.now = FIRST_PAUSE
    scene.take("b")


OTHERS = Lane("api.github.com", "another key", "1")


def fail_twice(scene: Scene, concern: Concern) -> None:
    """Two lanes of the host fail so."""
    for key, lane in (("a", LANE), ("b", LANE._replace(installation="2"))):
        error = NotSent("no connection", concern=concern)
        with pytest.raises(NotSent), scene.turns.turn(key, Stand(lane, 0.0, WRITE)):
            raise error


def test_two_that_are_not_answered_stand_for_their_host(scene: Scene) -> None:
    fail_twice(scene, Concern.HOST)
    assert scene.turns.lanes.is_out(OTHERS)
    assert (Lane("api.github.com", ""), 0.0) in scene.turns.out()


def test_what_nobody_asks_any_more_is_not_shown_for_ever(scene: Scene) -> None:
    fail_twice(scene, Concern.HOST)
    assert len(scene.turns.out()) == 3
    scene.now = FIRST_PAUSE + TOGETHER + 1
    assert scene.turns.out() == []
    scene.turns.reserve("a", Stand(LANE, 0.0, WRITE))
    assert sorted(lane.installation for lane, _ in scene.turns.out()) == ["", "1"]


def test_what_is_in_the_way_of_some_alone_keeps_no_other_waiting(scene: Scene) -> None:
    fail_twice(scene, Concern.LANE)
    with pytest.raises(Waits):
        scene.take("c")
    with scene.turns.turn("d", Stand(OTHERS, 0.0, WRITE)):
        assert sorted(lane.installation for lane, _ in scene.turns.out()) == ["1", "2"]


def test_a_refusal_in_githubs_own_words_ends_an_outage(scene: Scene) -> None:
    fail_twice(scene, Concern.HOST)
    scene.now = FIRST_PAUSE
    gone = Terminal(reasons.INSTALLATION_NOT_FOUND, "not installed")
    gone.concern = Concern.HEARD
    with pytest.raises(Terminal):
        scene.take("a", gone)
    assert scene.turns.out() == []
    scene.take("c")


def test_a_limit_in_githubs_own_words_ends_an_outage_of_the_others(scene: Scene) -> None:
    fail_twice(scene, Concern.HOST)
    scene.now = FIRST_PAUSE
    limit = RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=60)
    limit.concern = Concern.HEARD
    with pytest.raises(RateLimited):
        scene.take("a", limit)
    assert scene.turns.out() == []
    assert scene.turns.paused_until(LANE) == FIRST_PAUSE + 60
    with scene.turns.turn("c", Stand(OTHERS, 0.0, WRITE)):
        pass


@pytest.mark.parametrize("error", [REFUSED, ODD], ids=["a refusal", "words that no rule knows"])
def test_a_refusal_stops_nobody_else(scene: Scene, error: TokenError) -> None:
    with pytest.raises(type(error)):
        scene.take("a", error)
    scene.take("b")


@pytest.mark.parametrize("error", [AWAY, BROKEN])
def test_what_is_told_of_a_turn_counts_as_if_it_were_raised(scene: Scene, error: TokenError) -> None:
    with scene.turns.turn("a", Stand(LANE, 0.0, WRITE)):
        scene.turns.tell("a", error)
    with pytest.raises(Waits) as waits:
        scene.take("b")
    assert waits.value.out


def test_a_turn_in_which_nothing_was_asked_ends_no_outage(scene: Scene) -> None:
    fail_twice(scene, Concern.HOST)
    scene.now = FIRST_PAUSE
    before = scene.turns.out()
    with scene.turns.turn("c", Stand(OTHERS, 0.0, WRITE)):
        scene.turns.tell("c", None)
    assert len(scene.turns.out()) == len(before) == 3
    scene.now += FIRST_PAUSE
    scene.take("c")
    assert scene.turns.out() == []


def test_a_limit_pauses_the_lane(scene: Scene) -> None:
    scene.turns.owned(LANE, ("team", "acme"))
    with pytest.raises(RateLimited):
        scene.take("a", LIMIT)
    assert scene.turns.paused_until(LANE) == 60
    assert scene.paused == [(LANE, ("team", "acme"), 60)]
    with pytest.raises(Waits):
        scene.take("b")
    scene.now = 60.0
    assert scene.turns.paused_until(LANE) is None
    scene.take("b")


def test_who_failed_as_github_failed_can_reserve_a_turn_and_give_it_up(scene: Scene) -> None:
    for key in "ab":
        with pytest.raises((NotSent, Waits)):
            scene.take(key, AWAY)
        scene.turns.reserve(key, Stand(LANE, 0.0, WRITE))
    scene.turns.leave("b")
    scene.now = FIRST_PAUSE
    scene.turns.pump()
    assert scene.woken == ["a"]


def test_one_that_waited_for_something_else_is_given_its_reservation(scene: Scene) -> None:
    with scene.turns.turn("inside", Stand(LANE, 0.0, WRITE)):
        scene.turns.stand("b", Stand(LANE, 20.0, WRITE))
        scene.turns.stand("a", Stand(LANE, 10.0, WRITE))
        scene.turns.pump()
        assert scene.woken == []
    scene.turns.pump()
    assert scene.woken == ["a", "b"]


@pytest.mark.parametrize("asks", [pytest.param(True, id="and asks"), pytest.param(False, id="and has not asked yet")])
def test_who_has_a_turn_is_given_no_second_place(scene: Scene, asks: bool) -> None:  # noqa: FBT001 - pytest's
    elsewhere = Stand(LANE._replace(installation="2"), 0.0, WRITE)
    scene.lanes.wait("a", LANE, deadline=0.0, points=WRITE, now=0.0)
    scene.turns.pump()
    if asks:
        scene.lanes.ask("a", LANE, deadline=0.0, points=WRITE, now=0.0)
    scene.turns.stand("a", elsewhere)
    assert scene.turns.waiting() == []
    scene.turns.leave("a")
    assert scene.lanes.next_at(0.0) is None


def test_those_that_wait_under_a_name_go_on_under_the_number_that_it_turned_out_to_be(scene: Scene) -> None:
    named = LANE._replace(installation="acme")
    with scene.turns.turn("a", Stand(named, 0.0, WRITE), learnt=lambda: LANE):
        for key in ("b", "c"):
            scene.turns.stand(key, Stand(named, 0.0, WRITE))
    assert {lane for _, lane, _ in scene.turns.waiting()} == {LANE}
    scene.turns.pump()
    assert scene.woken == ["b", "c"]


def test_nobody_reserves_a_turn_where_github_answers(scene: Scene) -> None:
    scene.turns.reserve("a", Stand(LANE, 0.0, WRITE))
    scene.turns.pump()
    assert scene.woken == []


def test_a_turn_that_is_not_taken_is_given_up_by_leaving(scene: Scene) -> None:
    with scene.turns.turn("a", Stand(LANE, 0.0, WRITE)), pytest.raises(Waits):
        scene.take("b")
    scene.turns.pump()
    scene.turns.leave("b")
    assert not scene.turns.is_granted("b")
    scene.take("c")


async def test_who_waits_for_a_time_is_woken_by_the_task_that_lives_beside_the_runs(scene: Scene) -> None:
    scene.lanes.limited("a", LANE, 0.01, 0.0)
    task = asyncio.create_task(scene.turns.run())
    with pytest.raises(Waits):
        scene.take("a")
    await asyncio.sleep(0)
    scene.now = 0.01
    async with asyncio.timeout(10):
        await scene.any_woken.wait()
    assert scene.woken == ["a"]
    task.cancel()


def test_who_waits_is_told_with_the_app_that_it_waits_for(scene: Scene) -> None:
    scene.turns.owned(LANE, ("team", "acme"))
    scene.now = 5.0
    with scene.turns.turn("a", Stand(LANE, 0.0, WRITE)), pytest.raises(Waits):
        scene.take("b")
    scene.now = 12.0
    assert scene.turns.waiting() == [("b", LANE, 7.0)]
    scene.turns.leave("b")
    assert scene.turns.waiting() == []
    assert scene.turns.owner(LANE) == ("team", "acme")
    assert scene.turns.owner(Lane("elsewhere", "key", "1")) == ("", "")


def test_apps_whose_keys_are_replaced_again_and_again_fill_no_memory(scene: Scene) -> None:
    for number in range(20_000):
        scene.turns.owned(Lane("api.github.com", f"key {number}"), ("team", "acme"))
    assert len(scene.turns._owners) <= 4096
