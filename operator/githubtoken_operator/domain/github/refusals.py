"""What GitHub's refusals mean: lists of small rules over a read answer, the first hit wins.

Sources: GitHub's pages "Generating a JSON Web Token (JWT) for a GitHub App", "Refreshing user access tokens",
"Rate limits for the REST API" and "Best practices for using the REST API"; the texts that are compared are those of
recorded answers.

A terminal error needs GitHub's own words: a JSON object. An HTML page with the same status comes from something between
GitHub and us, says nothing about the App, and is transient.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus

from githubtoken_operator.domain.github.kept_out import is_kept_out
from githubtoken_operator.domain.github.reply import Reply, http_date, quote
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    OutcomeUnknown,
    RateLimited,
    Terminal,
    TokenError,
    TokenRefused,
    Transient,
    Unexplained,
)

UNSTATED_PAUSE = 60.0
"""Seconds to wait where GitHub limits us without a usable number: what its best practices ask for."""
LONGEST_PAUSE = 3660.0
"""GitHub's longest window is an hour. A stated time beyond it is taken for a fault, and GitHub is asked again then."""

_OK = (HTTPStatus.OK, HTTPStatus.CREATED)
_LIMITED = (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
_PASSING = (HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
# Fifteen digits are exact as a float; more are nobody's time.
_DIGITS = re.compile(r"[0-9]{1,15}")


class ClockSkewed(Transient):
    """GitHub refuses the JWT for its times: a JWT for the time of the answer's `Date` may work, once."""


class IssuerRefused(Terminal):
    """GitHub does not take the JWT's issuer: with the app id in place of the client id it may."""


class KeyRefused(Terminal):
    """GitHub does not take the JWT's signature: it knows no such key of this App."""


Rule = Callable[[Reply], TokenError | None]


def refusal(rules: Iterable[Rule], reply: Reply) -> TokenError | None:
    """The first rule's error, or None where the answer is a JSON object with a status of success."""
    return next((error for rule in rules if (error := rule(reply)) is not None), None)


# --- App JWT ---------------------------------------------------------------------------------------------------------


def clock_is_off(reply: Reply) -> TokenError | None:
    """`'Expiration time' claim ('exp') …` and `'Issued at' claim ('iat') …`."""
    if reply.status != HTTPStatus.UNAUTHORIZED or not reply.message.startswith(
        ("'Expiration time' claim", "'Issued at' claim")
    ):
        return None
    return ClockSkewed(
        reasons.AUTHENTICATION_FAILED,
        f"GitHub refuses the times in the App's JWT{_says(reply)}. The clock of this node and GitHub's differ: "
        "synchronise the node's clock.",
    )


def key_is_not_the_apps(reply: Reply) -> TokenError | None:
    """A JWT that GitHub cannot decode: also what it says when a key is good but another App's."""
    if reply.status != HTTPStatus.UNAUTHORIZED or "could not be decoded" not in reply.message:
        return None
    return KeyRefused(
        reasons.AUTHENTICATION_FAILED,
        "GitHub cannot verify the App's JWT: the private key must be a key of this App. Check `spec.appID`, "
        "`spec.clientID` and the Secret of `spec.privateKeySecretRef`.",
    )


def app_has_no_key(reply: Reply) -> TokenError | None:
    """`Integration must generate a public key`."""
    if "must generate a public key" not in reply.message:
        return None
    return KeyRefused(
        reasons.AUTHENTICATION_FAILED,
        "The App has no private key at GitHub: generate one in the App's settings and put it into the Secret of "
        "`spec.privateKeySecretRef`.",
    )


def no_such_app(reply: Reply) -> TokenError | None:
    """`Integration not found`: the JWT's issuer is unknown on this host."""
    if reply.status != HTTPStatus.NOT_FOUND or reply.message != "Integration not found":
        return None
    return Terminal(
        reasons.AUTHENTICATION_FAILED,
        "There is no App of this id on this host. Check `spec.appID`, `spec.clientID` and `spec.apiURL`.",
    )


def issuer_is_no_number(reply: Reply) -> TokenError | None:
    """401 `'Issuer' claim ('iss') must be an Integer`: an Enterprise Server before 3.14, or an unknown client id."""
    if reply.status != HTTPStatus.UNAUTHORIZED or not reply.message.startswith("'Issuer' claim"):
        return None
    return IssuerRefused(
        reasons.AUTHENTICATION_FAILED,
        f"GitHub does not know the App by its client id{_says(reply)}: check `spec.clientID`, and set `spec.appID`, by "
        "which an Enterprise Server before 3.14 knows it.",
    )


def app_is_not_accepted(reply: Reply) -> TokenError | None:
    """Every other 401 that GitHub itself wrote, `Bad credentials` among them."""
    if reply.status != HTTPStatus.UNAUTHORIZED or not reply.message:
        return None
    return KeyRefused(
        reasons.AUTHENTICATION_FAILED,
        f"GitHub does not accept the App's key{_says(reply)}. Check `spec.appID`, `spec.clientID` and the Secret of "
        "`spec.privateKeySecretRef`.",
    )


# --- installations ---------------------------------------------------------------------------------------------------


def installation_suspended() -> Terminal:
    """What an installation's own description says; `is_kept_out` knows the words of a refusal."""
    return Terminal(
        reasons.INSTALLATION_SUSPENDED,
        "The installation is suspended: an owner of the account must unsuspend the App in the account's settings.",
    )


def installation_is_not_there(reply: Reply) -> TokenError | None:
    """A 404 in GitHub's words; GitHub answers the same for what the App may not see."""
    if reply.status != HTTPStatus.NOT_FOUND or not reply.message:
        return None
    where = f" {quote(reply.asked_where)}" if reply.asked_where else " there"
    return Terminal(
        reasons.INSTALLATION_NOT_FOUND,
        f"The App is not installed{where}: install it, or correct `spec.installation`.",
    )


def permission_is_not_granted(reply: Reply) -> TokenError | None:
    """422 `The permissions requested are not granted to this installation.`."""
    if reply.status != HTTPStatus.UNPROCESSABLE_ENTITY or "permissions requested are not granted" not in reply.message:
        return None
    asked = ", ".join(f"{name}: {level}" for name, level in sorted(reply.asked_permissions.items()))
    return Terminal(
        reasons.PERMISSIONS_NOT_GRANTED,
        f"The installation has not been granted all of `spec.installation.permissions`{_of(asked)}: grant them to the "
        "App and have an owner of the account accept them, or ask for less.",
    )


def repository_is_not_accessible(reply: Reply) -> TokenError | None:
    """422 `There is at least one repository that does not exist or is not accessible …`."""
    if (
        reply.status != HTTPStatus.UNPROCESSABLE_ENTITY
        or "repository that does not exist or is not accessible" not in reply.message
    ):
        return None
    return Terminal(
        reasons.REPOSITORY_NOT_ACCESSIBLE,
        "A repository in `spec.installation` does not exist or is not accessible to the installation: correct its "
        "name, or give the installation access to it.",
    )


def there_are_too_many_repositories(reply: Reply) -> TokenError | None:
    """422 `Too many repositories for installation …`, with the maximum in GitHub's text."""
    if reply.status != HTTPStatus.UNPROCESSABLE_ENTITY or "too many repositories" not in reply.message.lower():
        return None
    return Terminal(
        reasons.REPOSITORY_NOT_ACCESSIBLE,
        f"`spec.installation` names more repositories than GitHub narrows a token to{_says(reply)}.",
    )


def request_is_not_valid(reply: Reply) -> TokenError | None:
    """Every other 422 that GitHub wrote: a permission that there is not, for instance."""
    if reply.status != HTTPStatus.UNPROCESSABLE_ENTITY or not reply.message:
        return None
    return Terminal(
        reasons.INVALID_SPEC, f"GitHub refuses the request as invalid{_says(reply)}. Correct `spec.installation`."
    )


# --- limits ----------------------------------------------------------------------------------------------------------


def app_is_limited(reply: Reply) -> TokenError | None:
    """403 and 429 with the marks of a limit; `retry_after` in GitHub's order of precedence.

    `retry-after` first; else, with nothing remaining, until a second after `x-ratelimit-reset`, counted from the
    answer's `Date`; else a minute.
    """
    if reply.status not in _LIMITED:
        return None
    text = f"{reply.message} {reply.documentation}".lower()
    marked = (
        reply.status == HTTPStatus.TOO_MANY_REQUESTS
        or "retry-after" in reply.headers
        or reply.headers.get("x-ratelimit-remaining", "").strip() == "0"
        or any(mark in text for mark in ("rate limit", "rate-limit", "login attempts exceeded", "abuse detection"))
    )
    if not marked:
        return None
    seconds = _stated_pause(reply)
    return RateLimited(
        reasons.RATE_LIMITED,
        f"GitHub limits the App's requests{_says(reply)}. The next attempt is made when GitHub allows it, in "
        f"{seconds:.0f} s.",
        retry_after=seconds,
    )


def _stated_pause(reply: Reply) -> float:
    retry_after = reply.headers.get("retry-after", "").strip()
    if _DIGITS.fullmatch(retry_after):
        return _bounded(float(retry_after))
    if reply.date is None:
        return UNSTATED_PAUSE
    if (until := http_date(retry_after)) is not None:
        return _bounded((until - reply.date).total_seconds())
    reset = reply.headers.get("x-ratelimit-reset", "").strip()
    if reply.headers.get("x-ratelimit-remaining", "").strip() == "0" and _DIGITS.fullmatch(reset):
        return _bounded(float(reset) + 1.0 - (reply.date - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return UNSTATED_PAUSE


def _bounded(seconds: float) -> float:
    return min(max(seconds, 1.0), LONGEST_PAUSE)


# --- everything else -------------------------------------------------------------------------------------------------


def token_is_not_accepted(reply: Reply) -> TokenError | None:
    """401 for an access token: replicas that lag behind say so for seconds after it was made."""
    if reply.status != HTTPStatus.UNAUTHORIZED:
        return None
    return Transient(reasons.AUTHENTICATION_FAILED, f"GitHub does not accept the access token{_says(reply)}.")


def personal_token_is_refused(reply: Reply) -> TokenError | None:
    """401 in GitHub's own words: nothing that we could wait for, since the token is a human's and not new."""
    if reply.status != HTTPStatus.UNAUTHORIZED or not reply.message:
        return None
    return TokenRefused(
        reasons.AUTHENTICATION_FAILED,
        f"GitHub does not accept the personal token{_says(reply)}: it was revoked, has expired, or is not of this "
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
    message = f"{source} refused the request with {reply.status}{_says(reply)}."
    if not reply.message or reply.status in _PASSING:
        return Transient(reasons.GITHUB_UNAVAILABLE, message)
    return Unexplained(reasons.GITHUB_UNAVAILABLE, message, lasting=reasons.AUTHENTICATION_FAILED)


def answer_is_none(reply: Reply) -> TokenError | None:
    """5xx, other statuses, and a body that is not a JSON object: HTML, or cut off."""
    if reply.status not in _OK:
        return OutcomeUnknown(reasons.GITHUB_UNAVAILABLE, f"GitHub answered with {reply.status}{_says(reply)}.")
    if reply.document is None:
        return OutcomeUnknown(
            reasons.GITHUB_UNAVAILABLE,
            f"GitHub's answer ({reply.status}) is not a JSON object: it is cut off, or a proxy wrote it.",
        )
    return None


def _says(reply: Reply) -> str:
    return f' ("{quote(reply.message)}")' if reply.message else ""


def _of(listed: str) -> str:
    return f" ({quote(listed)})" if listed else ""


OF_ANYTHING = (answer_is_a_redirect, request_is_refused, answer_is_none)
"""What every list ends with."""
_JWT = (
    clock_is_off,
    key_is_not_the_apps,
    app_has_no_key,
    no_such_app,
    app_is_limited,
    is_kept_out,
    issuer_is_no_number,
    app_is_not_accepted,
)

OF_APP = (*_JWT, *OF_ANYTHING)
OF_INSTALLATION = (*_JWT, installation_is_not_there, *OF_ANYTHING)
OF_MINT = (
    *_JWT,
    installation_is_not_there,
    permission_is_not_granted,
    repository_is_not_accessible,
    there_are_too_many_repositories,
    request_is_not_valid,
    *OF_ANYTHING,
)
OF_PERSONAL_TOKEN = (app_is_limited, account_is_suspended, is_kept_out, personal_token_is_refused, *OF_ANYTHING)
OF_USER = (app_is_limited, is_kept_out, token_is_not_accepted, *OF_ANYTHING)
OF_REVOCATION = (app_is_limited, is_kept_out, *OF_ANYTHING)
