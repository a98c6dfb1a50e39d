"""What GitHub's answers mean: each function returns the value or raises from `errors`, and never anything else.

A token counts only if everything about it is as GitHub documents it. What is a success by its status but not by its
content is `OutcomeUnknown`: the stored pair stays, and nothing is concluded. The messages name what is wrong and never
repeat a value of the answer.

Times count from the answer's `Date`, so that a clock of ours that is off moves no expiry. An answer without a usable
`Date` is `OutcomeUnknown` here; the client writes its own time into one, so that a proxy that drops the header costs
seconds of precision and not a grant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from githubtoken_operator.domain.github import fields
from githubtoken_operator.domain.github.fields import unclear
from githubtoken_operator.domain.github.refusals import app_refusals, rules
from githubtoken_operator.domain.github.reply import http_date, read
from githubtoken_operator.domain.vocabulary.errors import OutcomeUnknown
from githubtoken_operator.domain.vocabulary.model import (
    AccessToken,
    Answer,
    AppInfo,
    Installation,
    InstallationToken,
    PersonalTokenInfo,
)

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9.]{1,100}")
_BY_NUMBER: Final = re.compile(r"/repositories/([0-9]{1,18})/installation$")
_EXPIRATION: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2}) ?(?:UTC|GMT|Z|([+-][0-9]{2}:?[0-9]{2}))?"
)


def installation_token(
    answer: Answer,
    *,
    where: str = "",
    permissions: Mapping[str, str] | None = None,
    repositories: Sequence[str] = (),
) -> InstallationToken:
    """The answer to `POST /app/installations/{id}/access_tokens`.

    `where` ("with the id 678"), `permissions` and `repositories`, what was asked for, only make the messages of
    refusals precise.
    """
    asked = read(answer, where=where, permissions=permissions, repositories=repositories)
    reply, document = fields.success(app_refusals.OF_MINT, asked)
    token = fields.access_token(document, "token")
    issued_at = fields.created(reply)
    expires_at = fields.time(document, "expires_at")
    if expires_at - issued_at < timedelta(seconds=1):
        raise unclear("`expires_at` is not after the answer's `Date`")
    selection = document.get("repository_selection")
    return InstallationToken(
        access=AccessToken(token=token, type="bearer", created=issued_at, expires_at=expires_at),
        permissions=fields.permissions(document),
        repository_selection=selection if selection in ("all", "selected") else None,
        repositories=fields.repositories(document),
    )


def installation(answer: Answer, *, where: str = "") -> Installation:
    """The answer to `GET …/installation` and `GET /app/installations/{id}`; `where` as in `installation_token`.

    GitHub redirects what a repository was called before to its number.
    """
    moved = _BY_NUMBER.search(answer.path)
    if moved and where:
        where += ", which GitHub says was renamed or has another owner now"
    _, document = fields.success(app_refusals.OF_INSTALLATION, read(answer, where=where))
    number, account = document.get("id"), document.get("account")
    # An enterprise has a slug where users and organisations have a login.
    login_name, name = fields.first_text(account, "login"), fields.first_text(account, "login", "slug")
    if not fields.is_integer(number) or not name:
        raise unclear("it is not an installation with `id` and `account`")
    if document.get("suspended_at") is not None:
        raise rules.heard(app_refusals.installation_suspended())
    by_number = int(moved[1]) if moved else None
    return Installation(id=number, account=name, enterprise=not login_name, repository_id=by_number)


def app_info(answer: Answer) -> AppInfo:
    """The answer to `GET /app`."""
    _, document = fields.success(app_refusals.OF_APP, read(answer))
    slug, client_id = fields.first_text(document, "slug", "name"), fields.first_text(document, "client_id")
    if not slug:
        raise unclear("it is not an App with a `slug`")
    return AppInfo(
        slug=slug,
        owner=fields.first_text(document.get("owner"), "login", "slug"),
        client_id=client_id if _CLIENT_ID.fullmatch(client_id) else None,
        permissions=fields.permissions(document),
    )


def login(answer: Answer) -> str:
    """The answer to `GET /user`: whose token it is."""
    _, document = fields.success(rules.OF_USER, read(answer))
    name = fields.first_text(document, "login")
    if not name:
        raise unclear("it is not a user with a `login`")
    return name


def personal_token_info(answer: Answer) -> PersonalTokenInfo:
    """The answer to `GET /user` with a personal token. Its headers tell the expiry, and a classic token's scopes."""
    reply, document = fields.success(rules.OF_PERSONAL_TOKEN, read(answer))
    name = fields.first_text(document, "login")
    if not name:
        raise unclear("it is not a user with a `login`")
    scopes = answer.headers.get("x-oauth-scopes", "")
    said, at = answer.headers.get("github-authentication-token-expiration"), fields.created(reply)
    expires = _token_expiration(said.strip()) if said is not None else None
    if expires is not None and expires <= at:
        # GitHub has just accepted the token, so it has not expired.
        expires = None
    return PersonalTokenInfo(
        login=name,
        at=at,
        scope=",".join(scopes.replace(",", " ").split()) if fields.SCOPES.fullmatch(scopes) else "",
        expires_at=expires,
        unclear=said is not None and expires is None,
    )


def _token_expiration(text: str) -> datetime | None:
    """`2026-12-01 00:00:00 UTC`, or with a user's own offset `+0100`, or a date of HTTP; None where it is no time."""
    found = _EXPIRATION.fullmatch(text)
    if found is None:
        return http_date(text)
    day, time, offset = found.groups()
    try:
        return fields.time({"it": f"{day}T{time}{offset[:3]}:{offset[-2:]}" if offset else f"{day}T{time}Z"}, "it")
    except OutcomeUnknown:
        return None


def installation_token_revoked(answer: Answer) -> None:
    """The answer to `DELETE /installation/token`; a token that GitHub does not know any more counts as revoked."""
    fields.revoked(answer, rules.OF_REVOCATION, HTTPStatus.NO_CONTENT, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)


def credentials_revoked(answer: Answer) -> None:
    """The answer to `POST /credentials/revoke`, which is the same for tokens that GitHub does not know."""
    fields.revoked(answer, rules.OF_REVOCATION, HTTPStatus.ACCEPTED)
