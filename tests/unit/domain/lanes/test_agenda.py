"""What several offer: the best of them, and when one of them is to be asked anew."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.lanes.agenda import NOTHING, Agenda, Offer, Order, Rank

RANKS = st.builds(Rank, st.booleans(), st.floats(0, 100), st.integers(0, 5))
OFFERS = st.builds(Offer, st.none() | st.builds(Order, st.booleans(), RANKS), st.floats(0, 100) | st.just(math.inf))
NAMES = st.sampled_from("abcdef")


@given(st.lists(st.tuples(NAMES, OFFERS | st.just(NOTHING)), max_size=300))
def test_the_best_and_the_soonest_are_those_of_what_each_said_last(said: list[tuple[str, Offer]]) -> None:
    agenda, last = Agenda(), dict[str, Offer]()
    for name, offer in said:
        agenda.put(name, offer)
        last[name] = offer
        best = min(((each.order, who) for who, each in last.items() if each.order is not None), default=None)
        assert agenda.best() == best
        assert agenda.again() == min(each.again for each in last.values())
        for now in (0.0, 50.0, 100.0):
            due = agenda.due(now)
            assert last[due].again == agenda.again() <= now if due is not None else agenda.again() > now


def test_what_was_said_before_fills_no_memory() -> None:
    agenda = Agenda()
    for number in range(10_000):
        agenda.put("a", Offer(Order(False, Rank(False, float(number), number)), float(number)))
    assert len(agenda._ready) + len(agenda._later) < 300
