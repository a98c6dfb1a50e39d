"""What this process knows of each ClusterGitHubToken from its own runs; after a restart the Secrets and status tell."""

from __future__ import annotations

from dataclasses import dataclass, field

from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.spread import Place
from githubtoken_operator.engine.cache.watched import Ref


@dataclass(slots=True)
class State:
    """Of one: what was published last, its seal, what came of each namespace, and what was told of all of them."""

    uid: str
    published: Issued | None = None
    sealed: tuple[str, str] = ("", "")
    places: dict[str, Place] = field(default_factory=dict)
    told: tuple[str, str] | None = None


class States:
    """Of all; one that was made anew under its name begins with nothing."""

    def __init__(self) -> None:
        self._states: dict[Ref, State] = {}

    def of(self, key: Ref, uid: str) -> State:
        """What is known of it."""
        state = self._states.get(key)
        if state is None or state.uid != uid:
            state = self._states[key] = State(uid)
        return state

    def forget(self, key: Ref) -> None:
        """It is gone."""
        self._states.pop(key, None)
