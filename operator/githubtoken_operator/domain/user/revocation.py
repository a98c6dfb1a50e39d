"""What is said of a user's pair that was not revoked at the end of its GitHubToken."""

from __future__ import annotations

from datetime import datetime

from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.user.credentials import credential
from githubtoken_operator.domain.vocabulary.times import format_time, parse_time


def not_revoked(token: GitHubToken, why: str) -> str:
    """Words for the event where a pair that is there is shown to nobody."""
    return (
        f"the user's tokens are not revoked: {why}. Its user can revoke the App there (Settings > Applications); "
        f"Secret `{credential.key_of(token)[1]}` is kept"
    )


def given_up(token: GitHubToken) -> str:
    """What is left to a human once nothing more is tried."""
    return f"Secret `{credential.key_of(token)[1]}` is kept: revoke the pair with what is in it, or at GitHub"


def left_alive(token: GitHubToken, now: datetime) -> str | None:
    """Words for a refresh token that status speaks of and no Secret has any more; None where its time is over."""
    until = parse_time(token.status.get("refreshTokenExpirationTime"))
    if until is None or until <= now:
        return None
    return (
        f"Secret `{credential.key_of(token)[1]}` with the refresh token is gone, and GitHub takes that token until "
        f"{format_time(until)}: its user can revoke the App at GitHub (Settings > Applications)"
    )
