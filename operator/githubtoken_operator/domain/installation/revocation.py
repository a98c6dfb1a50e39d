"""What is said of an installation's tokens that were not revoked at the end of their GitHubToken."""

from __future__ import annotations

from typing import Final

from githubtoken_operator.domain.installation import target
from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.vocabulary.model import App

GIVEN_UP: Final = "They expire within an hour of their issue"


def not_revoked(why: str) -> str:
    """Words for the event where a token that is there is shown to nobody."""
    return f"a token is not revoked: {why}. It expires within an hour of its issue"


def left_elsewhere(token: GitHubToken, app: App) -> str | None:
    """Why a token whose Secret does not say where it came from is not shown to the App's GitHub."""
    of = target.remembered(token.status)
    if of is None or origin.same_host(f"//{of.host}", app.api_url):
        return None
    return f"it is of `{of.host}`, and the App's `spec.apiURL` is another host by now, which can revoke nothing there"
