"""What time it is for GitHub, as far as its answers have shown: a run judges by its clock, not by ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.tokens.kind import Gathered


class Moments:
    """Tells the time of the GitHub that a token is of."""

    def __init__(self, ground: Ground) -> None:
        self._github = ground.github
        self.now = ground.clocks.now
        """What our own clock shows."""
        self._booted = self.now() - timedelta(seconds=ground.clocks.boottime())

    def timed(self, gathered: Gathered) -> Gathered:
        """The same at this moment. GitHub's answer may just have shown that our clock is off."""
        local_time = self.now()
        now = local_time + self.ahead(gathered.lane.host)
        return replace(gathered, local_time=local_time, observation=replace(gathered.observation, now=now))

    def at(self, boottime: float) -> datetime:
        """What our own clock shows then; the same at each look."""
        return self._booted + timedelta(seconds=boottime)

    def ahead(self, host: str) -> timedelta:
        """How far the host's clock is ahead of ours, as far as its answers have shown; of "" nothing is known."""
        return self._github.skew(host) if host else timedelta(0)
