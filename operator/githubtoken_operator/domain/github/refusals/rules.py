"""What GitHub's refusals mean: lists of small rules over a read answer, the first hit wins.

What concerns an App's JWT and its installations is in `app_refusals`, OAuth in `oauth_refusals`. The texts that are
compared are those of recorded answers.

A terminal error needs GitHub's own words: a JSON object. An HTML page with the same status comes from something between
GitHub and us, says nothing about the App, and is transient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TypeVar

from githubtoken_operator.domain.github.refusals.kept_out import is_kept_out
from githubtoken_operator.domain.github.refusals.limits import app_is_limited
from githubtoken_operator.domain.github.reply import Reply, says
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    Concern,
    OutcomeUnknown,
    Terminal,
    TokenError,
    TokenRefused,
    Transient,
    Unexplained,
)

E = TypeVar("E", bound=TokenError)

_OK = (HTTPStatus.OK, HTTPStatus.CREATED)
_PASSING = (HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


Rule = Callable[[Reply], TokenError | None]


def refusal(rules: Iterable[Rule], reply: Reply) -> TokenError | None:
    """The first rule's error, or None where the answer is a JSON object with a status of success."""
    error = next((error for rule in rules if (error := rule(reply)) is not None), None)
    if error is not None and error.concern is Concern.NOBODY and (reply.message or reply.error):
        return heard(error)
    return error


def heard(error: E) -> E:
    """The same error, as GitHub's own."""
    error.concern = Concern.HEARD
    return error


def token_is_not_accepted(reply: Reply) -> TokenError | None:
    """401 for an access token: replicas that lag behind say so for seconds after it was made."""
    if reply.status != HTTPStatus.UNAUTHORIZED:
        return None
    return Transient(reasons.AUTHENTICATION_FAILED, f"GitHub does not accept the access token{says(reply)}.")


def personal_token_is_refused(reply: Reply) -> TokenError | None:
    """401 in GitHub's own words: nothing that we could wait for, since the token is a human's and not new."""
    if reply.status != HTTPStatus.UNAUTHORIZED or not reply.message:
        return None
    return TokenRefused(
        reasons.AUTHENTICATION_FAILED,
        f"GitHub does not accept the personal token{says(reply)}: it was revoked, has expired, or is not of this "
        "host. Make another and put it into the Secret of `spec.personal.secretRef`.",
    )


def account_is_suspended(reply: Reply) -> TokenError | None:
    """403 `Sorry. Your account was suspended`."""
    if reply.status != HTTPStatus.FORBIDDEN or "suspended" not in reply.message.lower():
        return None
    return TokenRefused(
        reasons.AUTHENTICATION_FAILED,
        "The account that the personal token belongs to is suspended: put another account's token into the Secret of "
        "`spec.personal.secretRef`.",
    )


def answer_is_a_redirect(reply: Reply) -> TokenError | None:
    """No redirect to another host is followed, and a POST's never."""
    if not HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        return None
    return Transient(
        reasons.GITHUB_UNAVAILABLE,
        f"The host answered with a redirect ({reply.status}), which is not followed. Check `spec.apiURL` and "
        "`spec.webURL`.",
    )


def request_is_refused(reply: Reply) -> TokenError | None:
    """Every other 4xx but 408: refused before it had any effect, by GitHub or by a proxy."""
    if (
        not HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
        or reply.status == HTTPStatus.REQUEST_TIMEOUT
    ):
        return None
    if reply.demands_certificate:
        return Terminal(
            reasons.AUTHENTICATION_FAILED,
            "The host demands a client certificate: set `spec.clientCertificateSecretRef` of the App.",
        )
    source = "GitHub" if reply.message else "A proxy or another server than GitHub"
    message = f"{source} refused the request with {reply.status}{says(reply)}."
    if not reply.message or reply.status in _PASSING:
        return Transient(reasons.GITHUB_UNAVAILABLE, message)
    return Unexplained(message, lasting=reasons.AUTHENTICATION_FAILED)


def answer_is_none(reply: Reply) -> TokenError | None:
    """5xx, other statuses, and a body that is not a JSON object: HTML, or cut off."""
    if reply.status not in _OK:
        fails = reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        message = f"GitHub answered with {reply.status}{says(reply)}."
        concern = Concern.HOST if fails else Concern.LANE
        return OutcomeUnknown(message, concern=concern)
    if reply.document is None:
        return OutcomeUnknown(
            f"GitHub's answer ({reply.status}) is not a JSON object: it is cut off, or a proxy wrote it.",
            concern=Concern.LANE,
        )
    return None


OF_ANYTHING = (answer_is_a_redirect, request_is_refused, answer_is_none)
"""What every list ends with."""
OF_PERSONAL_TOKEN = (app_is_limited, account_is_suspended, is_kept_out, personal_token_is_refused, *OF_ANYTHING)
OF_USER = (app_is_limited, is_kept_out, token_is_not_accepted, *OF_ANYTHING)
OF_REVOCATION = (app_is_limited, is_kept_out, *OF_ANYTHING)
