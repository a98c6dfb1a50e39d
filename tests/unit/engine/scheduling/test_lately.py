"""Answers that were had lately serve for a while, and there are never more than so many of them."""

from __future__ import annotations

from githubtoken_operator.engine.scheduling.lately import MOST, Lately


def test_a_value_serves_for_its_life() -> None:
    now = [0.0]
    kept: Lately[str, int] = Lately(lambda: now[0])
    kept.put("a", 1)
    now[0] = 9.9
    assert kept.get("a", 10) == 1
    now[0] = 10.0
    assert kept.get("a", 10) is None
    assert kept.get("b", 10) is None


def test_what_is_put_in_anew_lives_anew_and_what_is_dropped_is_gone() -> None:
    now = [0.0]
    kept: Lately[str, int] = Lately(lambda: now[0])
    kept.put("a", 1)
    now[0] = 9.0
    kept.put("a", 2)
    now[0] = 18.0
    assert kept.get("a", 10) == 2
    kept.drop("a")
    kept.drop("a")
    assert kept.get("a", 10) is None


def test_there_is_a_most_and_the_oldest_goes_first() -> None:
    kept: Lately[int, int] = Lately(lambda: 0.0)
    for number in range(MOST + 1):
        kept.put(number, number)
    assert [kept.get(number, 1) for number in (0, 1, MOST)] == [None, 1, MOST]
