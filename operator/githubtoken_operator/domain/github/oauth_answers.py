"""What the answers of GitHub's OAuth endpoints mean: pairs of a user's tokens, and that one is gone.

A pair counts only if everything about it is as GitHub documents it: else the answer is `OutcomeUnknown`, and the stored
pair stays. Each function returns the value or raises from `errors`.
"""

from __future__ import annotations

from http import HTTPStatus

from githubtoken_operator.domain.github import fields
from githubtoken_operator.domain.github.fields import unclear
from githubtoken_operator.domain.github.refusals import oauth_refusals
from githubtoken_operator.domain.github.reply import Reply, read
from githubtoken_operator.domain.vocabulary.model import JSON, AccessToken, Answer


def refreshed_token(answer: Answer) -> AccessToken:
    """The answer to `POST /login/oauth/access_token` with `grant_type=refresh_token`.

    An answer with neither `expires_in` nor `refresh_token_expires_in` says that the App's tokens no longer expire: then
    `expires_at` is None, and a new refresh token need not come.
    """
    return user_token(*fields.success(oauth_refusals.OF_REFRESH, read(answer)))


def user_token(reply: Reply, document: JSON) -> AccessToken:
    """The pair in an answer of `POST /login/oauth/access_token`; without a refresh token where it does not expire."""
    access = fields.access_token(document, "access_token")
    issued_at = fields.created(reply)
    expires_in = fields.seconds(document, "expires_in")
    refresh_expires_in = fields.seconds(document, "refresh_token_expires_in")
    refresh = fields.refresh_token(document)
    if expires_in is None and refresh_expires_in is not None:
        raise unclear("`expires_in` is missing")
    if expires_in is not None and refresh is None:
        raise unclear("`refresh_token` is missing")
    scope = document.get("scope")
    return AccessToken(
        token=access,
        type="bearer",
        created=issued_at,
        # It only tells, so nothing that it holds may keep the pair out of its Secret.
        scope=scope if isinstance(scope, str) and fields.SCOPES.fullmatch(scope) else "",
        expires_at=fields.after(issued_at, expires_in, "expires_in"),
        refresh_token=refresh,
        refresh_expires_at=fields.after(issued_at, refresh_expires_in, "refresh_token_expires_in"),
    )


def user_token_deleted(answer: Answer) -> None:
    """The answer to `DELETE /applications/{client_id}/token`; GitHub has answered an unknown token with 404 and 422."""
    unknown = HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY
    fields.revoked(answer, oauth_refusals.OF_USER_TOKEN_DELETION, HTTPStatus.NO_CONTENT, *unknown)
