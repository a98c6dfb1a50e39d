"""What one run leaves for the next: what only one kind of token leaves is read by its room alone."""

from __future__ import annotations

from dataclasses import dataclass

from githubtoken_operator.tokens.memory import Memory


@dataclass(slots=True)
class Left:
    """What one kind leaves."""

    looks: int = 0


@dataclass(slots=True)
class Another(Left):
    """What another kind leaves."""


def test_what_a_kind_leaves_is_there_in_its_next_run() -> None:
    memory = Memory("uid-ci")
    memory.of(Left).looks += 2
    assert memory.of(Left).looks == 2


def test_what_a_kind_left_is_nothing_to_the_kind_that_the_spec_asks_for_now() -> None:
    memory = Memory("uid-ci")
    memory.of(Left).looks = 2
    assert memory.of(Another).looks == 0
