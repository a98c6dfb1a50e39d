"""Whose turn it is: a limit concerns whom it was told to, few hold what hangs, the earliest deadline goes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from githubtoken_operator.domain.lanes.budget import READ, WRITE
from githubtoken_operator.domain.lanes.lane import TOGETHER, Lane
from githubtoken_operator.domain.lanes.order import KEPT, Lanes
from githubtoken_operator.domain.lanes.outage import FIRST_PAUSE
from tests.unit.domain.lanes.plain import plain_lanes
from tests.unit.domain.lanes.rehearsal import Rehearsal, Said

HOST = "api.github.com"
ONE, TWO = Lane(HOST, "key", "1"), Lane(HOST, "key", "2")
OTHER = Lane(HOST, "other key", "1")


def in_order(*lanes: Lane) -> list[tuple[Lane, float]]:
    """Each wants a token, with deadlines in this order."""
    return [(lane, float(number)) for number, lane in enumerate(lanes)]


def ask(lanes: Lanes[str], key: str, lane: Lane = ONE, *, deadline: float = 0.0, now: float = 0.0) -> bool:
    return lanes.ask(key, lane, deadline=deadline, points=WRITE, now=now)


def served(lanes: Lanes[str], key: str, lane: Lane = ONE, *, now: float = 0.0) -> None:
    """GitHub answers it, and it is done."""
    lanes.used(key)
    lanes.answered(lane, now)
    lanes.leave(key, now)


# --- One lane --------------------------------------------------------------------------------------------------------


def test_a_lane_begins_with_one_request_and_gets_more_as_github_answers() -> None:
    lanes: Lanes[str] = Lanes(places=24)
    assert [ask(lanes, key) for key in "abcdef"] == [True, False, False, False, False, False]
    served(lanes, "a")
    assert lanes.grant(0.0) == ["b", "c"]
    served(lanes, "b")
    assert lanes.grant(0.0) == ["d", "e", "f"]


def test_the_earliest_deadline_goes_first_whoever_came_first() -> None:
    lanes: Lanes[str] = Lanes()
    ask(lanes, "inside")
    for key, deadline in (("late", 30.0), ("soon", 10.0), ("middle", 20.0)):
        ask(lanes, key, deadline=deadline)
    assert [lanes.before(key) for key in ("soon", "middle", "late", "inside", "unknown")] == [0, 1, 2, 0, 0]
    served(lanes, "inside")
    assert lanes.grant(0.0) == ["soon", "middle"]


def test_whoever_asks_again_keeps_its_place_in_the_queue() -> None:
    lanes: Lanes[str] = Lanes()
    ask(lanes, "inside")
    ask(lanes, "a", deadline=5.0)
    ask(lanes, "b", deadline=5.0)
    ask(lanes, "a", deadline=5.0, now=7.0)
    served(lanes, "inside", now=8.0)
    assert lanes.grant(8.0) == ["a", "b"]


def test_a_turn_is_kept_and_let_in_and_goes_to_the_next_where_nobody_comes() -> None:
    lanes: Lanes[str] = Lanes()
    for key in "abc":
        ask(lanes, key)
    lanes.leave("a", 0.0)
    assert lanes.grant(0.0) == ["b"]
    assert lanes.is_granted("b")
    assert lanes.grant(KEPT - 1) == []
    assert lanes.next_at(KEPT - 1) == KEPT
    assert lanes.grant(KEPT) == ["c"]
    assert ask(lanes, "c", now=KEPT)
    assert not lanes.is_granted("c")


def test_who_wants_nothing_any_more_gives_its_turn_and_its_points_back() -> None:
    lanes: Lanes[str] = Lanes(requests_per_minute=1)
    assert ask(lanes, "a")
    lanes.withdraw("a", 0.0)
    assert ask(lanes, "b")
    served(lanes, "b")
    assert not ask(lanes, "c")


def test_who_comes_to_be_of_another_lane_waits_there() -> None:
    lanes: Lanes[str] = Lanes()
    ask(lanes, "a")
    ask(lanes, "b")
    assert ask(lanes, "b", TWO)
    assert [key for key, _, _ in lanes.waiting()] == []


def test_a_lane_that_turns_out_to_be_another_one_goes_over_into_it_with_all_that_wait() -> None:
    named, numbered, lanes = Lane(HOST, "key", "acme"), Lane(HOST, "key", "4711"), Lanes[str]()
    for key, deadline in (("inside", 0.0), ("late", 30.0), ("soon", 10.0)):
        ask(lanes, key, named, deadline=deadline)
    ask(lanes, "there", numbered, deadline=20.0)
    lanes.used("inside")
    lanes.answered(numbered, 5.0)
    lanes.move(named, numbered, 5.0)
    lanes.leave("inside", 5.0)
    assert [(key, lane) for key, lane, _ in lanes.waiting()] == [("late", numbered), ("soon", numbered)]
    assert lanes.waited("late", 5.0) == 5.0
    served(lanes, "there", numbered, now=5.0)
    assert lanes.grant(5.0) == ["soon", "late"]
    # Each asks by the number then, and is let in.
    assert ask(lanes, "soon", numbered, deadline=10.0, now=5.0)


def test_nobody_waits_in_a_lane_that_is_not_there() -> None:
    lanes: Lanes[str] = Lanes()
    lanes.move(ONE, TWO, 0.0)
    assert lanes.waiting() == []


# --- Limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 5, 10])
def test_a_limited_installation_holds_up_none_of_the_others(place: int) -> None:
    """Eleven installations of ten tokens each; wherever the limited one stands, it is asked once in a minute."""
    numbers = [str(number) for number in range(11)]
    numbers.insert(place, numbers.pop(0))
    wanted = in_order(*(Lane(HOST, "key", number) for number in numbers for _ in range(10)))

    def answer(lane: Lane, _now: float) -> Said:
        return 60.0 if lane.installation == "0" else "ok"

    tried = Rehearsal(Lanes(), answer, latency=lambda _lane: 0.2)
    tried.run(wanted, until=59.0)
    assert sum(at <= 10 for at in tried.served.values()) == 100
    assert sum(asked.lane.installation == "0" for asked in tried.asked) == 1


def test_the_others_of_the_app_go_on_at_half_pace() -> None:
    wanted = in_order(*(Lane(HOST, "key", str(number)) for number in range(200)))
    free = Rehearsal(Lanes(places=90))
    free.run(wanted, until=4.0)
    limited = Rehearsal(Lanes(places=90), answer=lambda lane, _now: 60.0 if lane.installation == "0" else "ok")
    limited.run(wanted, until=4.0)
    assert len(limited.served) < 0.6 * len(free.served)


def test_a_second_installation_that_is_limited_within_the_window_pauses_the_app() -> None:
    lanes: Lanes[str] = Lanes()
    lanes.limited("a", ONE, 600.0, 0.0)
    assert lanes.paused_until(TWO) is None
    assert ask(lanes, "c", Lane(HOST, "key", "3"))
    lanes.limited("b", TWO, 600.0, TOGETHER - 1)
    third = Lane(HOST, "key", "3")
    assert lanes.paused_until(third) == TOGETHER - 1 + 600
    assert not ask(lanes, "d", third, now=TOGETHER)
    assert ask(lanes, "e", OTHER, now=TOGETHER)


def test_a_second_one_later_than_that_pauses_alone() -> None:
    lanes: Lanes[str] = Lanes()
    lanes.limited("a", ONE, 600.0, 0.0)
    lanes.limited("b", TWO, 600.0, TOGETHER)
    assert lanes.paused_until(Lane(HOST, "key", "3")) is None


def test_what_has_no_installation_is_limited_as_a_whole() -> None:
    lanes: Lanes[str] = Lanes()
    lanes.limited("a", Lane(HOST, "key"), 10.0, 0.0)
    assert lanes.paused_until(ONE) == 10.0


def test_after_a_pause_one_goes_first_and_the_refused_one_last() -> None:
    lanes: Lanes[str] = Lanes()
    ask(lanes, "refused", deadline=1.0)
    for key, deadline in (("b", 2.0), ("c", 3.0)):
        ask(lanes, key, deadline=deadline)
    lanes.limited("refused", ONE, 10.0, 0.0)
    lanes.leave("refused", 0.0)
    ask(lanes, "refused", deadline=1.0)
    assert lanes.grant(9.9) == []
    assert lanes.next_at(9.9) == 10.0
    assert lanes.grant(10.0) == ["b"]
    served(lanes, "b", now=10.5)
    assert lanes.grant(10.5) == ["c", "refused"]


def test_a_shorter_pause_never_cuts_a_longer_one_off() -> None:
    lanes: Lanes[str] = Lanes()
    lanes.limited("a", ONE, 60.0, 0.0)
    lanes.limited("b", ONE, 1.0, 1.0)
    assert lanes.paused_until(ONE) == 60.0


# --- What fails or hangs ---------------------------------------------------------------------------------------------


def test_an_app_that_hangs_does_not_delay_another() -> None:
    bad, good = Lane(HOST, "bad", "1"), Lane(HOST, "good", "1")
    alone = Rehearsal(Lanes())
    alone.run(in_order(*[good] * 40))
    beside = Rehearsal(
        Lanes(),
        answer=lambda lane, _now: "failed" if lane == bad else "ok",
        latency=lambda lane: 30.0 if lane == bad else 0.05,
    )
    beside.run(in_order(*[bad] * 40, *[good] * 40), until=300.0)
    last = max(at for key, at in beside.served.items() if key >= 40)
    assert last <= 1.2 * max(alone.served.values())


def test_an_installation_that_fails_does_not_delay_the_others() -> None:
    wanted = in_order(*(Lane(HOST, "key", str(number % 11)) for number in range(110)))
    tried = Rehearsal(
        Lanes(), answer=lambda lane, _now: "failed" if lane.installation == "0" else "ok", latency=lambda _lane: 0.2
    )
    tried.run(wanted, until=60.0)
    assert sum(at <= 5 for at in tried.served.values()) == 100


@pytest.mark.parametrize("end", [29.0, 30.0, 31.0])
def test_half_a_minute_of_failures_is_looked_at_by_one_at_a_time(end: float) -> None:
    tried = Rehearsal(Lanes(), answer=lambda _lane, now: "failed" if now < end else "ok", latency=lambda _lane: 0.1)
    tried.run(in_order(*[ONE] * 50))
    failed = [asked for asked in tried.asked if asked.said == "failed"]
    assert len(failed) <= 20
    assert max(Counter(int(asked.at) for asked in failed).values()) == 1
    assert max(tried.served.values()) - end <= 3
    assert [asked.key for asked in failed] == list(range(len(failed)))


def test_where_two_apps_fail_their_host_is_looked_at_by_one_for_all() -> None:
    wanted = in_order(*(Lane(HOST, f"key {number % 10}", "1") for number in range(50)))
    tried = Rehearsal(Lanes(), answer=lambda _lane, now: "failed" if now < 30 else "ok")
    tried.run(wanted)
    late = Counter(int(asked.at) for asked in tried.asked if asked.at >= 1 and asked.said == "failed")
    assert max(late.values()) == 1


def test_while_a_host_is_away_one_who_has_not_failed_looks_first() -> None:
    lanes: Lanes[str] = Lanes()
    for key, lane in (("a", ONE), ("b", TWO)):
        ask(lanes, key, lane)
        lanes.failed(key, lane, 0.0)
        lanes.leave(key, 0.0)
        lanes.wait(key, lane, deadline=1.0, points=WRITE, now=0.0)
    assert not ask(lanes, "c", OTHER, deadline=99.0)
    assert lanes.is_out(OTHER)
    assert not lanes.is_out(Lane("ghe.example.com", "key", "1"))
    at = lanes.next_at(0.0)
    assert at is not None
    assert lanes.grant(at) == ["c"]
    served(lanes, "c", OTHER, now=at)
    assert sorted(lanes.grant(at)) == ["a", "b"]


def test_however_long_others_have_failed_one_who_has_not_waits_for_seconds() -> None:
    lanes: Lanes[str] = Lanes()
    failing = {"a": ONE, "b": TWO}

    def fail(key: str, now: float) -> None:
        assert lanes.ask(key, failing[key], deadline=1.0, points=WRITE, now=now)
        lanes.failed(key, failing[key], now)
        lanes.leave(key, now)
        lanes.wait(key, failing[key], deadline=1.0, points=WRITE, now=now)

    now = 0.0
    for key in failing:
        fail(key, now)
    while now < 600:
        now = lanes.next_at(now) or 601.0
        for key in lanes.grant(now):
            fail(key, now)
    if not ask(lanes, "c", OTHER, deadline=99.0, now=now):
        at = lanes.next_at(now)
        assert at is not None
        assert at - now <= FIRST_PAUSE
        assert lanes.grant(at) == ["c"]


@pytest.mark.parametrize("bad", [2, 10, 50])
def test_in_a_storm_of_failing_apps_nobody_else_waits_once_each_has_failed(bad: int) -> None:
    """From the 20th second on, ten Apps that are answered want a token every other second."""
    wanted = [(Lane(HOST, f"bad {number}", "1"), 100.0) for number in range(bad)]
    begins = [0.0] * bad
    for number in range(200):
        wanted.append((Lane(HOST, f"good {number % 10}", "1"), 100.0 + number))
        begins.append(20.0 + number / 5)
    tried = Rehearsal(Lanes(), answer=lambda lane, _now: "failed" if lane.credential.startswith("bad") else "ok")
    tried.run(wanted, begins=lambda key: begins[key], until=70.0)
    assert len(tried.served) == 200
    assert max(at - begins[key] for key, at in tried.served.items()) < 0.25
    # Each failing App is asked by one at a time, whoever else is answered.
    failed = Counter(asked.lane for asked in tried.asked if asked.said == "failed")
    assert max(failed.values()) <= 2 + 70 / FIRST_PAUSE


def test_an_outage_that_begins_anew_is_looked_at_by_one_for_all_again() -> None:
    lanes: Lanes[str] = Lanes()
    for key, lane in (("a", ONE), ("b", TWO)):
        assert ask(lanes, key, lane)
        lanes.failed(key, lane, 0.0)
        lanes.leave(key, 0.0)
    lanes.heard(OTHER, 1.0)
    for key, lane in (("a", ONE), ("b", TWO)):
        lanes.failed(key, lane, 2.0)
    assert not lanes.is_out(OTHER), "others were answered while these failed"
    for lane in (ONE, TWO):
        lanes.heard(lane, 3.0)
    for key, lane in (("a", ONE), ("b", TWO)):
        lanes.failed(key, lane, 4.0)
    assert lanes.is_out(OTHER)


# --- Whatever comes --------------------------------------------------------------------------------------------------

LANES = [Lane(host, key, where) for host in ("one", "two") for key in ("k", "l") for where in ("1", "2", "3")]


@dataclass(frozen=True)
class Scene:
    """How GitHub answers lanes that are ill until it `heals`, which are slow, and what one replica may ask for."""

    ill: dict[Lane, Said]
    heals: float
    slow: set[Lane]
    places: int
    per_minute: int

    def rehearsal(self, make: Callable[..., Lanes[int]] = Lanes[int]) -> Rehearsal:
        return Rehearsal(
            make(requests_per_minute=self.per_minute, places=self.places),
            answer=lambda lane, now: self.ill.get(lane, "ok") if now < self.heals else "ok",
            latency=lambda lane: 30.0 if lane in self.slow else 0.05,
        )


scenes = st.builds(
    Scene,
    ill=st.dictionaries(st.sampled_from(LANES), st.sampled_from(["failed", 20.0, 70.0]), max_size=8),
    heals=st.floats(0, 200),
    slow=st.sets(st.sampled_from(LANES), max_size=3),
    places=st.integers(1, 40),
    per_minute=st.integers(1, 300),
)


@settings(max_examples=60)
@given(wanted=st.lists(st.tuples(st.sampled_from(LANES), st.floats(0, 100)), min_size=1, max_size=60), scene=scenes)
def test_everybody_is_served_in_the_end_and_no_bound_is_passed_on_the_way(
    wanted: list[tuple[Lane, float]], scene: Scene
) -> None:
    tried = scene.rehearsal()
    tried.run(wanted, until=100_000.0)
    assert len(tried.served) == len(wanted)
    assert tried.most_inside <= 2 * tried.lanes.host_share
    for credential in {(lane.host, lane.credential) for lane, _ in wanted}:
        mine = [asked for asked in tried.asked if (asked.lane.host, asked.lane.credential) == credential]
        for first in mine:
            within = [asked.points for asked in mine if first.at <= asked.at < first.at + 60]
            assert sum(within) <= scene.per_minute * WRITE
    for lane in scene.ill:
        limits = [asked for asked in tried.asked if asked.lane == lane and isinstance(asked.said, float)]
        for one, two in pairwise(limits):
            assert two.at >= one.at + float(one.said)


@settings(max_examples=100)
@given(
    wanted=st.lists(
        st.tuples(st.sampled_from(LANES), st.floats(0, 100), st.floats(0, 90), st.sampled_from([READ, WRITE])),
        min_size=1,
        max_size=60,
    ),
    scene=scenes,
)
def test_who_goes_when_is_what_a_look_at_everybody_would_say(
    wanted: list[tuple[Lane, float, float, float]], scene: Scene
) -> None:
    asked = []
    for make in (Lanes[int], plain_lanes):
        tried = scene.rehearsal(make)
        tried.run(
            [(lane, deadline) for lane, deadline, _, _ in wanted],
            points=lambda key: wanted[key][3],
            begins=lambda key: wanted[key][2],
            until=100_000.0,
        )
        asked.append(tried.asked)
    assert asked[0] == asked[1]


def test_a_write_is_not_held_up_by_reads_that_are_less_urgent() -> None:
    lanes: Lanes[int] = Lanes(requests_per_minute=1, places=100)
    tried = Rehearsal(lanes)
    tried.run([(ONE, 9.0)] * 30 + [(ONE, 1.0)], points=lambda key: WRITE if key == 30 else READ)
    assert [asked.key for asked in tried.asked].index(30) == 1


@given(st.lists(st.tuples(st.sampled_from(LANES[:3]), st.floats(0, 100)), min_size=2, max_size=40))
def test_of_one_credential_that_waits_for_its_points_the_earliest_deadline_goes_first(
    wanted: list[tuple[Lane, float]],
) -> None:
    lanes: Lanes[int] = Lanes(requests_per_minute=1, places=100)
    tried = Rehearsal(lanes)
    tried.run(wanted, until=1_000_000.0)
    order = [asked.key for asked in tried.asked][1:]
    assert order == sorted(order, key=lambda key: (wanted[key][1], key))


def test_what_is_idle_is_forgotten() -> None:
    lanes: Lanes[str] = Lanes()
    for number in range(3000):
        lane = Lane(HOST, f"key {number}", "1")
        ask(lanes, "a", lane, now=1000.0 * number)
        served(lanes, "a", lane, now=1000.0 * number)
    assert len(lanes._hosts) < 600


def test_what_failed_and_is_asked_no_more_is_forgotten_too() -> None:
    lanes: Lanes[str] = Lanes()
    for number in range(3000):
        now, lane = 1000.0 * number, Lane(f"host {number % 7}", f"key {number}", "1")
        lanes.wait("a", lane, deadline=0.0, points=WRITE, now=now)
        lanes.failed("a", lane, now)
        lanes.withdraw("a", now)
    assert len(lanes._hosts) < 600
    assert all(len(host.failing) < 600 for host in lanes._hosts._hosts.values())
