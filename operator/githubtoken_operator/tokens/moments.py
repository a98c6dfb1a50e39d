"""What time it is for GitHub, as far as its answers have shown: a run judges by its clock, not by ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.domain.objects.resources import GitHubToken
from githubtoken_operator.domain.vocabulary.model import App
from githubtoken_operator.tokens.gathered import Gathered, host_of, server_of


class Moments:
    """Tells the time of the GitHub that a token is of."""

    def __init__(self, github: GitHub, *, now: Callable[[], datetime]) -> None:
        """`now` is our own clock."""
        self._github = github
        self._now = now

    def timed(self, gathered: Gathered) -> Gathered:
        """The same at this moment. GitHub's answer may just have shown that our clock is off."""
        local_time = self._now()
        now = local_time + self.ahead(gathered.observation.token, gathered.resolved.app)
        return replace(gathered, local_time=local_time, observation=replace(gathered.observation, now=now))

    def ahead(self, token: GitHubToken, app: App | None) -> timedelta:
        """How far GitHub's clock is ahead of ours, as far as its answers have shown."""
        server = server_of(token, app)
        return self._github.skew(host_of(token, server)) if server else timedelta(0)
