from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import booleans, data, integers

from github_simulator.spends import Presentation, Spends, Verdict

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject


@dataclass
class Client:
    """A connection that stays open until the client goes away."""

    waits: bool = True

    def __call__(self) -> bool:
        return self.waits


@dataclass
class Desk:
    spends: Spends = field(default_factory=Spends)

    def present(self, client: Client | None = None) -> Presentation:
        return self.spends.present("token", at=0.0, app_id=1, client_waits=client or Client())

    def spend(self, *, delivered: bool) -> None:
        presentation = self.present()
        presentation.spent = True
        self.spends.finish(presentation, delivered=delivered)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_first_presentation_is_no_offence(desk: Desk) -> None:
    assert desk.present().verdict is Verdict.FIRST


def test_after_a_delivered_answer_it_is_a_double_spend(desk: Desk) -> None:
    desk.spend(delivered=True)
    assert desk.present().verdict is Verdict.DOUBLE_SPEND
    assert (len(desk.spends.double_spends), len(desk.spends.replays)) == (1, 0)


def test_after_an_answer_that_died_with_its_client_it_is_a_replay(desk: Desk) -> None:
    desk.spend(delivered=True)
    assert desk.spends.lose("token")
    assert desk.present().verdict is Verdict.REPLAY
    assert (len(desk.spends.double_spends), len(desk.spends.replays)) == (0, 1)


def test_an_answer_that_was_not_delivered_cannot_be_lost_again(desk: Desk) -> None:
    assert not desk.spends.lose("token")
    desk.spend(delivered=False)
    assert not desk.spends.lose("token")


def test_an_offence_that_was_judged_stays_one(desk: Desk) -> None:
    desk.spend(delivered=True)
    desk.present()
    desk.spends.lose("token")
    assert len(desk.spends.double_spends) == 1


def test_after_a_lost_answer_it_is_a_replay(desk: Desk) -> None:
    desk.spend(delivered=False)
    assert desk.present().verdict is Verdict.REPLAY
    assert (len(desk.spends.double_spends), len(desk.spends.replays)) == (0, 1)


def test_a_replay_may_be_repeated(desk: Desk) -> None:
    desk.spend(delivered=False)
    desk.spends.finish(desk.present(), delivered=True)
    assert desk.present().verdict is Verdict.REPLAY


@pytest.mark.parametrize("spent", [False, True], ids=["before-the-effect", "after-the-effect"])
def test_while_another_request_is_under_way_it_is_a_double_spend(desk: Desk, *, spent: bool) -> None:
    desk.present().spent = spent
    assert desk.present().verdict is Verdict.DOUBLE_SPEND


@pytest.mark.parametrize("spent", [False, True], ids=["before-the-effect", "after-the-effect"])
def test_when_the_first_client_has_gone_away_it_is_a_replay(desk: Desk, *, spent: bool) -> None:
    client = Client()
    desk.present(client).spent = spent
    client.waits = False
    assert desk.present().verdict is Verdict.REPLAY


def test_a_request_without_effect_leaves_no_trace(desk: Desk) -> None:
    desk.spends.finish(desk.present(), delivered=True)
    desk.spends.finish(desk.present(), delivered=False)
    assert desk.present().verdict is Verdict.FIRST


def test_tokens_do_not_concern_each_other(desk: Desk) -> None:
    desk.spend(delivered=True)
    other = desk.spends.present("another", at=0.0, app_id=1, client_waits=Client())
    assert other.verdict is Verdict.FIRST


def test_a_reset_forgets_offences_and_no_spends(desk: Desk) -> None:
    desk.spend(delivered=True)
    desk.present()
    desk.spends.reset()
    assert not desk.spends.double_spends
    assert desk.present().verdict is Verdict.DOUBLE_SPEND


class Interleavings(RuleBasedStateMachine):
    """Many requests with one token, in any order; at most one of them spends it, as GitHub's state sees to."""

    def __init__(self) -> None:
        super().__init__()
        self.spends = Spends()
        self.open: list[tuple[Presentation, Client]] = []
        self.delivered_spend = False
        self.spent = False
        self.expected_double = 0

    @rule()
    def present(self) -> None:
        client = Client()
        self.expected_double += self.delivered_spend or any(other.waits for _, other in self.open)
        self.open.append((self.spends.present("token", at=0.0, app_id=None, client_waits=client), client))

    @precondition(lambda self: self.open)
    @rule(data=data())
    def client_goes_away(self, data: DataObject) -> None:
        self.open[self._pick(data)][1].waits = False

    @precondition(lambda self: self.open and not self.spent)
    @rule(data=data())
    def spend(self, data: DataObject) -> None:
        self.open[self._pick(data)][0].spent = self.spent = True

    @precondition(lambda self: self.open)
    @rule(data=data(), lost=booleans())
    def finish(self, data: DataObject, *, lost: bool) -> None:
        presentation, client = self.open.pop(self._pick(data))
        delivered = client.waits and not lost
        self.delivered_spend |= presentation.spent and delivered
        self.spends.finish(presentation, delivered=delivered)

    @invariant()
    def double_spends_are_exactly_those_presented_in_spite_of_better_knowledge(self) -> None:
        assert len(self.spends.double_spends) == self.expected_double

    @invariant()
    def no_presentation_is_both(self) -> None:
        assert not {id(one) for one in self.spends.double_spends} & {id(one) for one in self.spends.replays}

    def _pick(self, data: DataObject) -> int:
        return data.draw(integers(0, len(self.open) - 1))


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
