"""May a refresh token be sent? A list of rules says why not; the first hit wins.

The rules are those of the rotation protocol (docs/rotation.md): what GitHub refused, what is known to be spent, and
what is of another App, host or account is not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.user.credentials.credential import Credential
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import Server


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose the refresh token must be: the App's client id, its GitHub, and `user.login` where the spec has it.

    `client_id` is None where it is not known yet.
    """

    client_id: str | None
    server: Server
    login: str | None = None


def refusal(credential: Credential, expected: Expected) -> Terminal | None:
    """Why the refresh token under the key must not be sent; the first rule that fits."""
    return next((found for rule in _REFUSALS if (found := rule(credential, expected))), None)


def foreign(credential: Credential, expected: Expected) -> Terminal | None:
    """Why the stored pair is not what the spec asks for: it is of another account, App or host."""
    return next((found for rule in _OF_OTHERS if (found := rule(credential, expected))), None)


def same_account(one: str, other: str) -> bool:
    """Whether two logins are the same; GitHub does not tell upper from lower case in them."""
    return one.lower() == other.lower()


def wrong_account(account: str, login: str) -> Terminal:
    """Somebody else than `user.login` signed in."""
    return Terminal(
        reasons.WRONG_ACCOUNT,
        f"`{account}` signed in, but `spec.user.login` is `{login}`: sign in as `{login}`, or correct the spec",
    )


_RefusalRule = Callable[[Credential, Expected], Terminal | None]


def _of_another_account(credential: Credential, expected: Expected) -> Terminal | None:
    if None in (credential.account, expected.login) or same_account(credential.account or "", expected.login or ""):
        return None
    return wrong_account(credential.account or "", expected.login or "")


def _no_refresh_token(credential: Credential, _expected: Expected) -> Terminal | None:
    if credential.refresh_token is not None:
        return None
    return Terminal(
        reasons.CREDENTIAL_MISSING,
        "there is no refresh token to start from: put one into the Secret that `spec.user.seedSecretRef` names",
    )


def _refused_by_github(credential: Credential, _expected: Expected) -> Terminal | None:
    if credential.refused is None or credential.refused != credential.current:
        return None
    return Terminal(
        reasons.REAUTHORIZATION_REQUIRED,
        "GitHub refuses the refresh token: it is spent, expired or revoked; sign in again and "
        "put the new refresh token into the seed Secret",
    )


def _spent(credential: Credential, _expected: Expected) -> Terminal | None:
    if not credential.seeded or credential.current not in (credential.parent, credential.seed, *credential.spent):
        return None
    return Terminal(
        reasons.REAUTHORIZATION_REQUIRED,
        "an old, spent refresh token was put back into the credential Secret: stop applying it again, sign in "
        "again and put the new refresh token into the seed Secret",
    )


def _of_another_app(credential: Credential, expected: Expected) -> Terminal | None:
    if expected.client_id is None or credential.client_id in (None, expected.client_id):
        return None
    return Terminal(
        reasons.REAUTHORIZATION_REQUIRED,
        f"the stored refresh token belongs to the App with client id `{credential.client_id}`: sign in with the "
        "present App and put its refresh token into the seed Secret",
    )


def _of_another_host(credential: Credential, expected: Expected) -> Terminal | None:
    server = expected.server
    if credential.origin is None or origin.same_host(credential.origin.web_url, server.web_url):
        return None
    return Terminal(
        reasons.REAUTHORIZATION_REQUIRED,
        f"the stored refresh token is of `{credential.origin.server.web_host}` and is shown to no other, and the App's "
        f"`spec.webURL` is on `{server.web_host}` by now: sign in there and put the new refresh token into "
        f"the seed Secret; if it is the same server by another name, remove the annotation `{origin.ORIGIN}` of the "
        "credential Secret",
    )


_OF_OTHERS: Final[Sequence[_RefusalRule]] = (_of_another_account, _of_another_app, _of_another_host)
_REFUSALS: Final[Sequence[_RefusalRule]] = (
    _of_another_account,
    _no_refresh_token,
    _refused_by_github,
    _spent,
    _of_another_app,
    _of_another_host,
)
