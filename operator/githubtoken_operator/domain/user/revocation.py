"""What is said of a user's pair that was not revoked at its GitHubToken's end, or whose Secret is gone before it."""

from __future__ import annotations

from datetime import datetime

from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.user.credentials import credential
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.model import Token
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


def is_called_dead(token: GitHubToken, access: Token) -> bool:
    """Whether status says that consumers' token is no good, although its time is not over.

    Once the credential Secret is gone nothing else says so: only the process that saw it go knows that it was rotated.
    """
    of_it = token.seen and token.status.get("tokenSHA256") == access.sha256_base64
    return of_it and ready_of(token.status)[0] == "False"
