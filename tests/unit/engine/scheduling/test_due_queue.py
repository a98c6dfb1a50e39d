"""What is due: earliest deadline first, whatever was woken, and no group beyond what it may have at once."""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.engine.scheduling.due_queue import LONGEST_WAIT, DueQueue, Next


def queue(**entries: tuple[float, float]) -> DueQueue[str]:
    made: DueQueue[str] = DueQueue()
    for key, (due, deadline) in entries.items():
        made.add(key, Next(due, deadline))
    return made


def popped(of: DueQueue[str], now: float) -> list[str]:
    found: list[str] = []
    while (key := of.pop(now)) is not None:
        found.append(key)
    return found


def test_of_what_is_due_the_earliest_deadline_comes_first() -> None:
    assert popped(queue(late=(1, 30), soon=(3, 10), middle=(2, 20), not_due=(6, 0)), now=5) == [
        "soon",
        "middle",
        "late",
    ]


def test_an_urgent_key_that_becomes_due_overtakes_those_that_wait() -> None:
    waiting = queue(a=(1, 100), b=(2, 200), urgent=(5, 6))
    assert waiting.pop(3) == "a"
    assert waiting.pop(5) == "urgent"
    assert waiting.pop(5) == "b"


def test_a_key_is_queued_once_and_the_earlier_time_counts() -> None:
    one = queue(a=(10, 20))
    one.add("a", Next(5, 50))
    one.add("a", Next(7, 7))
    assert len(one) == 1
    assert one.pop(4) is None
    assert popped(one, 5) == ["a"]
    assert popped(one, 100) == []


def test_the_next_due_time_is_that_of_the_earliest_entry_that_counts() -> None:
    one = queue(a=(10, 10), b=(20, 20))
    assert one.next_due() == 10
    assert one.pop(10) == "a"
    assert one.next_due() == 20
    one.add("b", Next(15, 20))
    assert one.next_due() == 15


def test_what_could_run_at_once_is_due_in_the_past() -> None:
    one = queue(a=(10, 10), b=(11, 11))
    one.pop(12)
    due = one.next_due()
    assert due is not None
    assert due <= 12


def test_a_key_is_overdue_once_its_time_has_come_whatever_its_deadline() -> None:
    one = queue(a=(5, 90), b=(10, 10), c=(60, 1))
    assert [one.overdue(now) for now in (5, 6, 11, 61)] == [0, 1, 2, 3]
    one.pop(11)
    assert one.overdue(11) == 1


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 20), st.integers(0, 40)), max_size=40),
    st.integers(0, 25),
)
def test_whatever_is_added_the_queue_gives_each_due_key_once_by_deadline(
    steps: list[tuple[str, int, int]], now: int
) -> None:
    one: DueQueue[str] = DueQueue()
    expected: dict[str, Next] = {}
    for key, due, deadline in steps:
        one.add(key, Next(due, deadline))
        earliest = min(due, expected[key].due) if key in expected else due
        expected[key] = Next(earliest, deadline)
    assert len(one) == len(expected)
    found = popped(one, now)
    assert sorted(found) == sorted(key for key, entry in expected.items() if entry.due <= now)
    assert [expected[key].rank for key in found] == sorted(expected[key].rank for key in found)


def test_a_wake_changes_when_a_key_is_due_and_nothing_else() -> None:
    one = queue(dies_soon=(500, 50), dies_late=(500, 290))
    one.add("nothing known", Next(0))
    for key in ("dies_late", "dies_soon"):
        one.add(key, Next(0))
    assert popped(one, 0) == ["dies_soon", "nothing known", "dies_late"]


def test_the_deadline_that_was_said_last_counts_also_of_a_key_that_is_not_queued() -> None:
    one = queue(a=(0, 10), b=(0, 20))
    assert popped(one, 0) == ["a", "b"]
    one.add("a", Next(1, 40))
    one.add("a", Next(2))
    one.add("b", Next(1))
    one.add("c", Next(1, 30))
    assert popped(one, 1) == ["b", "c", "a"]


def test_a_key_that_has_not_run_is_as_urgent_as_its_object_says() -> None:
    one: DueQueue[str] = DueQueue()
    one.expect("a", 30)
    for key in "abc":
        one.add(key, Next(0))
    one.expect("c", 10)
    assert popped(one, 0) == ["c", "a", "b"]
    one.expect("a", None)
    one.add("b", Next(0, 20))
    one.add("a", Next(0))
    assert popped(one, 0) == ["b", "a"]


def test_ten_thousand_that_were_woken_do_not_go_before_one_that_dies() -> None:
    one = queue(dies=(0, 200))
    for number in range(10_000):
        one.expect(f"woken {number}", 3000)
        one.add(f"woken {number}", Next(0))
    assert one.pop(0) == "dies"


def test_whoever_is_due_long_enough_goes_before_all_that_die_later() -> None:
    one = queue(patient=(0, 100_000))
    for number in range(100):
        one.add(f"urgent {number}", Next(number, number + LONGEST_WAIT + 0.5))
    assert one.pop(99) == "patient"


# --- Groups ----------------------------------------------------------------------------------------------------------


def of_groups(**entries: float) -> DueQueue[str]:
    """All due at 0; the first letter is the group, the number the deadline."""
    made: DueQueue[str] = DueQueue(group=lambda key: key[0])
    for key, deadline in entries.items():
        made.add(key, Next(0, deadline))
    return made


def test_what_may_not_begin_for_its_group_s_sake_goes_once_it_may_before_what_dies_later() -> None:
    one = of_groups(a1=1, a2=2, b1=10, b2=20)
    assert one.pop(0, lambda group: group != "a") == "b1"
    assert one.pop(0) == "a1"
    assert popped(one, 0) == ["a2", "b2"]


def test_what_is_put_off_is_waited_for_by_nobody() -> None:
    one = of_groups(a1=1)
    assert one.pop(0, lambda _: False) is None
    assert one.next_due() is None
    assert (len(one), one.overdue(1)) == (1, 1)


def test_what_is_woken_or_more_urgent_while_it_is_put_off_is_there_once() -> None:
    one = of_groups(a1=10, a2=5)
    assert one.pop(0, lambda _: False) is None
    one.add("a1", Next(0, 1))
    one.add("a2", Next(0))
    assert popped(one, 0) == ["a1", "a2"]


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 40)), max_size=40),
    st.lists(st.sampled_from(["abc", "ab", "bc", "a", ""]), max_size=60),
)
def test_whichever_groups_may_begin_the_first_of_them_goes_and_none_is_lost(
    made: list[tuple[str, int]], allowed: list[str]
) -> None:
    one: DueQueue[tuple[str, int]] = DueQueue(group=lambda key: key[0])
    left = {(group, number): deadline for number, (group, deadline) in enumerate(made)}
    for key, deadline in left.items():
        one.add(key, Next(0, deadline))
    for groups in [*allowed, *(["abc"] * len(left))]:
        may = [left[key] for key in left if key[0] in groups]
        found = one.pop(0, lambda group, groups=groups: group in groups)  # type: ignore[misc]
        assert (found is None) == (not may)
        if found is not None:
            assert left.pop(found) == min(may)
    assert not left


def test_ten_thousand_of_a_group_that_may_begin_nothing_are_put_off_once() -> None:
    asked: Counter[object] = Counter()

    def only_b(group: object) -> bool:
        asked[group] += 1
        return group == "b"

    one = of_groups(**{f"a{number}": number for number in range(10_000)})
    for number in range(100):
        one.add(f"b{number}", Next(0, 20_000))
    assert sum(one.pop(0, only_b) is not None for _ in range(100)) == 100
    assert asked["a"] <= 10_000 + 100


# --- Other threads ---------------------------------------------------------------------------------------------------


@pytest.fixture
def garbage() -> Iterator[list[Callable[[], None]]]:
    """What is called at each look for garbage, of which there are as many as there can be."""
    called: list[Callable[[], None]] = []
    before = gc.get_threshold()

    def look(phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            for each in called:
                each()

    gc.callbacks.append(look)
    gc.set_threshold(1)
    yield called
    gc.set_threshold(*before)
    gc.callbacks.remove(look)


def test_what_waits_is_shown_to_another_thread_that_is_interrupted_at_any_allocation(
    garbage: list[Callable[[], None]],
) -> None:
    waiting: DueQueue[int] = DueQueue()
    for key in range(100):
        waiting.add(key, Next(0.0))
    more = itertools.count(100)
    # As the loop's thread would: it is let in where garbage is looked for.
    garbage.append(lambda: waiting.add(next(more), Next(0.0)))
    for _ in range(20):
        assert len(waiting.entries()) >= 100
        assert waiting.overdue(1.0) >= 100
    assert len(waiting) > 100
