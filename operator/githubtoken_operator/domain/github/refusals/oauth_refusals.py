"""What the refusals of GitHub's OAuth endpoints mean, as far as refreshes and client credentials go.

GitHub answers errors of these endpoints inside HTTP 200, and now and then with another status: the error's name counts
whatever the status is. Source: docs.github.com, "Refreshing user access tokens" and "Troubleshooting OAuth app access
token request errors".
"""

from __future__ import annotations

from http import HTTPStatus

from githubtoken_operator.domain.github.refusals import limits, rules
from githubtoken_operator.domain.github.refusals.kept_out import is_kept_out
from githubtoken_operator.domain.github.reply import Reply, quote
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    Concern,
    OutcomeUnexplained,
    OutcomeUnknown,
    RefreshTokenRefused,
    Terminal,
    TokenError,
    Unexplained,
)

_PASSING = frozenset({"server_error", "temporarily_unavailable", "slow_down"})
"""Names of RFC 6749 and 8628 that say themselves that the matter passes."""


def refresh_token_is_refused(reply: Reply) -> TokenError | None:
    """`bad_refresh_token`: spent, expired or revoked."""
    if reply.error != "bad_refresh_token":
        return None
    return RefreshTokenRefused(
        reasons.REAUTHORIZATION_REQUIRED,
        "GitHub refuses the refresh token: it is spent, expired or revoked. Sign in again and put the new refresh "
        "token into the Secret of `spec.user.seedSecretRef`.",
    )


def client_is_refused(reply: Reply) -> TokenError | None:
    """`incorrect_client_credentials`."""
    return _client_not_accepted() if reply.error == "incorrect_client_credentials" else None


def email_is_not_verified(reply: Reply) -> TokenError | None:
    """`unverified_user_email`."""
    if reply.error != "unverified_user_email":
        return None
    return Terminal(
        reasons.REAUTHORIZATION_REQUIRED,
        "The user's primary e-mail address is not verified: the user must verify it in GitHub's settings and sign in "
        "again.",
    )


def grant_is_not_supported(reply: Reply) -> TokenError | None:
    """`unsupported_grant_type`: the host does not refresh tokens, so the refresh token is not spent."""
    if reply.error != "unsupported_grant_type":
        return None
    return Unexplained(
        "GitHub does not refresh user tokens on this host. Check `spec.webURL`.",
        lasting=reasons.AUTHENTICATION_FAILED,
    )


def error_is_unknown(reply: Reply) -> TokenError | None:
    """An OAuth `error` that no rule knows: nothing is concluded from it before it has lasted.

    `unauthorized_client`, `application_suspended` and `access_denied` are among them: GitHub documents none of these
    for a refresh, and a grant that is given up too early is lost.
    """
    if not reply.error:
        return None
    message = f'GitHub answered with an OAuth error that is not known: "{quote(reply.error)}"{_described(reply)}.'
    if reply.error in _PASSING:
        return OutcomeUnknown(message, concern=Concern.LANE)
    return OutcomeUnexplained(message, lasting=reasons.REAUTHORIZATION_REQUIRED)


def _described(reply: Reply) -> str:
    text = reply.document.get("error_description") if reply.document is not None else None
    return f" ({quote(text)})" if isinstance(text, str) and text else ""


def client_is_not_accepted(reply: Reply) -> TokenError | None:
    """401 for the client id and secret as Basic credentials."""
    return _client_not_accepted() if reply.status == HTTPStatus.UNAUTHORIZED and reply.message else None


def _client_not_accepted() -> Terminal:
    return Terminal(
        reasons.AUTHENTICATION_FAILED,
        "GitHub does not accept the App's client id or client secret: check `spec.clientID` and the Secret of "
        "`spec.clientSecretSecretRef`.",
    )


OF_REFRESH = (
    refresh_token_is_refused,
    client_is_refused,
    email_is_not_verified,
    grant_is_not_supported,
    limits.app_is_limited,
    error_is_unknown,
    is_kept_out,
    *rules.OF_ANYTHING,
)
OF_USER_TOKEN_DELETION = (limits.app_is_limited, client_is_not_accepted, is_kept_out, *rules.OF_ANYTHING)
