"""What GitHub refuses an App: its JWT, its installations, and the tokens that it asks for.

Sources: GitHub's page "Generating a JSON Web Token (JWT) for a GitHub App"; the texts that are compared are those of
recorded answers.
"""

from __future__ import annotations

from http import HTTPStatus

from githubtoken_operator.domain.github.refusals.kept_out import is_kept_out
from githubtoken_operator.domain.github.refusals.limits import app_is_limited
from githubtoken_operator.domain.github.refusals.rules import OF_ANYTHING
from githubtoken_operator.domain.github.reply import Reply, quote, says
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError, Transient


class ClockSkewed(Transient):
    """GitHub refuses the JWT for its times: a JWT for the time of the answer's `Date` may work, once."""


class IssuerRefused(Terminal):
    """GitHub does not take the JWT's issuer: with the app id in place of the client id it may."""


class KeyRefused(Terminal):
    """GitHub does not take the JWT's signature: it knows no such key of this App."""


# --- App JWT ---------------------------------------------------------------------------------------------------------


def clock_is_off(reply: Reply) -> TokenError | None:
    """`'Expiration time' claim ('exp') …` and `'Issued at' claim ('iat') …`."""
    if reply.status != HTTPStatus.UNAUTHORIZED or not reply.message.startswith(
        ("'Expiration time' claim", "'Issued at' claim")
    ):
        return None
    return ClockSkewed(
        reasons.AUTHENTICATION_FAILED,
        f"GitHub refuses the times in the App's JWT{says(reply)}. The clock of this node and GitHub's differ: "
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
        f"GitHub does not know the App by its client id{says(reply)}: check `spec.clientID`, and set `spec.appID`, by "
        "which an Enterprise Server before 3.14 knows it.",
    )


def app_is_not_accepted(reply: Reply) -> TokenError | None:
    """Every other 401 that GitHub itself wrote, `Bad credentials` among them."""
    if reply.status != HTTPStatus.UNAUTHORIZED or not reply.message:
        return None
    return KeyRefused(
        reasons.AUTHENTICATION_FAILED,
        f"GitHub does not accept the App's key{says(reply)}. Check `spec.appID`, `spec.clientID` and the Secret of "
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
    # GitHub does not say which.
    asked = ", ".join(reply.asked_repositories)
    return Terminal(
        reasons.REPOSITORY_NOT_ACCESSIBLE,
        f"A repository in `spec.installation`{_of(asked)} does not exist or is not accessible to the installation: "
        "correct its name, or give the installation access to it.",
    )


def there_are_too_many_repositories(reply: Reply) -> TokenError | None:
    """422 `Too many repositories for installation …`, with the maximum in GitHub's text."""
    if reply.status != HTTPStatus.UNPROCESSABLE_ENTITY or "too many repositories" not in reply.message.lower():
        return None
    return Terminal(
        reasons.REPOSITORY_NOT_ACCESSIBLE,
        f"`spec.installation` names more repositories than GitHub narrows a token to{says(reply)}.",
    )


def request_is_not_valid(reply: Reply) -> TokenError | None:
    """Every other 422 that GitHub wrote: a permission that there is not, for instance."""
    if reply.status != HTTPStatus.UNPROCESSABLE_ENTITY or not reply.message:
        return None
    return Terminal(
        reasons.INVALID_SPEC, f"GitHub refuses the request as invalid{says(reply)}. Correct `spec.installation`."
    )


def _of(listed: str) -> str:
    return f" ({quote(listed)})" if listed else ""


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
