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
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, TypeGuard

from githubtoken_operator.domain.github import oauth_refusals, refusals
from githubtoken_operator.domain.github.refusals import ClockSkewed, IssuerRefused, KeyRefused, Rule, refusal
from githubtoken_operator.domain.github.reply import Reply, http_date, read
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import OutcomeUnknown
from githubtoken_operator.domain.vocabulary.model import (
    JSON,
    AccessToken,
    Answer,
    AppInfo,
    Installation,
    InstallationToken,
    PersonalTokenInfo,
    Repository,
    Token,
)

__all__ = [
    "ClockSkewed",
    "IssuerRefused",
    "KeyRefused",
    "app_info",
    "created",
    "credentials_revoked",
    "installation",
    "installation_token",
    "installation_token_revoked",
    "login",
    "personal_token_info",
    "refreshed_token",
    "success",
    "unclear",
    "user_token",
    "user_token_deleted",
]

_ACCESS_TOKEN: Final = re.compile(r"(?:ghu|gho|ghs)_[A-Za-z0-9._-]+")
# GHES has refresh tokens without a prefix, so only the alphabet is asked for.
_REFRESH_TOKEN: Final = re.compile(r"[A-Za-z0-9._-]+")
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9.]{1,100}")
_FULL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}")
_BY_NUMBER: Final = re.compile(r"/repositories/([0-9]{1,18})/installation$")
_PERMISSION: Final = re.compile(r"[a-z_]{1,64}")
_LEVEL: Final = re.compile(r"[a-z]{1,16}")
_MOST_PERMISSIONS: Final = 128
"""More than GitHub has; what status can hold."""
_DIGITS: Final = re.compile(r"[0-9]{1,12}")
_LONGEST_NAME: Final = 256
"""Characters of an account's or an App's name; it goes into status and annotations, which must not fail over it."""
_SCOPES: Final = re.compile(r"[A-Za-z0-9_:, -]{0,1024}")
_EXPIRATION: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2}) ?(?:UTC|GMT|Z|([+-][0-9]{2}:?[0-9]{2}))?"
)
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def installation_token(
    answer: Answer, *, where: str = "", permissions: Mapping[str, str] | None = None
) -> InstallationToken:
    """The answer to `POST /app/installations/{id}/access_tokens`.

    `where` ("with the id 678") and `permissions`, what was asked for, only make the messages of refusals precise.
    `expires_in` is the difference between `expires_at` and `created`.
    """
    reply, document = success(refusals.OF_MINT, read(answer, where=where, permissions=permissions))
    token = _access_token(document, "token")
    issued_at = created(reply)
    expires_at = _time(document, "expires_at")
    life = int((expires_at - issued_at).total_seconds())
    if life < 1:
        raise unclear("`expires_at` is not after the answer's `Date`")
    selection = document.get("repository_selection")
    return InstallationToken(
        access=AccessToken(token=token, type="bearer", created=issued_at, expires_in=life, expires_at=expires_at),
        permissions=_permissions(document),
        repository_selection=selection if selection in ("all", "selected") else None,
        repositories=_repositories(document),
    )


def refreshed_token(answer: Answer, sent: Token) -> AccessToken:
    """The answer to `POST /login/oauth/access_token` with `grant_type=refresh_token`; `sent` is the token presented.

    An answer with neither `expires_in` nor `refresh_token_expires_in` says that the App's tokens no longer expire: then
    `expires_at` is None, and the refresh token that was sent is kept unless a new one came.
    """
    reply, document = success(oauth_refusals.OF_REFRESH, read(answer))
    pair = user_token(reply, document)
    if pair.expires_in is not None and pair.refresh_token == sent:
        raise unclear("`refresh_token` is the one that was sent")
    return pair if pair.refresh_token else replace(pair, refresh_token=sent)


def user_token(reply: Reply, document: JSON) -> AccessToken:
    """The pair in an answer of `POST /login/oauth/access_token`; without a refresh token where it does not expire."""
    access = _access_token(document, "access_token")
    issued_at = created(reply)
    expires_in = _seconds(document, "expires_in")
    refresh_expires_in = _seconds(document, "refresh_token_expires_in")
    refresh = _refresh_token(document)
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
        scope=scope if isinstance(scope, str) and _SCOPES.fullmatch(scope) else "",
        expires_in=expires_in,
        expires_at=_after(issued_at, expires_in, "expires_in"),
        refresh_token=refresh,
        refresh_expires_in=refresh_expires_in,
        refresh_expires_at=_after(issued_at, refresh_expires_in, "refresh_token_expires_in"),
    )


def installation(answer: Answer, *, where: str = "") -> Installation:
    """The answer to `GET …/installation` and `GET /app/installations/{id}`; `where` as in `installation_token`.

    GitHub redirects what a repository was called before to its number.
    """
    moved = _BY_NUMBER.search(answer.path)
    if moved and where:
        where += ", which GitHub says was renamed or has another owner now"
    _, document = success(refusals.OF_INSTALLATION, read(answer, where=where))
    number, account = document.get("id"), document.get("account")
    # An enterprise has a slug where users and organisations have a login.
    name = _first_text(account, "login", "slug")
    if not _is_integer(number) or not name:
        raise unclear("it is not an installation with `id` and `account`")
    if document.get("suspended_at") is not None:
        raise refusals.installation_suspended()
    by_number = int(moved[1]) if moved else None
    return Installation(id=number, account=name, enterprise=not _first_text(account, "login"), repository_id=by_number)


def app_info(answer: Answer) -> AppInfo:
    """The answer to `GET /app`."""
    _, document = success(refusals.OF_APP, read(answer))
    slug, client_id = _first_text(document, "slug", "name"), _first_text(document, "client_id")
    if not slug:
        raise unclear("it is not an App with a `slug`")
    return AppInfo(
        slug=slug,
        owner=_first_text(document.get("owner"), "login", "slug"),
        client_id=client_id if _CLIENT_ID.fullmatch(client_id) else None,
        permissions=_permissions(document),
    )


def login(answer: Answer) -> str:
    """The answer to `GET /user`: whose token it is."""
    _, document = success(refusals.OF_USER, read(answer))
    name = _first_text(document, "login")
    if not name:
        raise unclear("it is not a user with a `login`")
    return name


def personal_token_info(answer: Answer) -> PersonalTokenInfo:
    """The answer to `GET /user` with a personal token. Its headers tell the expiry, and a classic token's scopes."""
    reply, document = success(refusals.OF_PERSONAL_TOKEN, read(answer))
    name = _first_text(document, "login")
    if not name:
        raise unclear("it is not a user with a `login`")
    scopes = answer.headers.get("x-oauth-scopes", "")
    said, at = answer.headers.get("github-authentication-token-expiration"), created(reply)
    expires = _token_expiration(said.strip()) if said is not None else None
    if expires is not None and expires <= at:
        # GitHub has just accepted the token, so it has not expired.
        expires = None
    return PersonalTokenInfo(
        login=name,
        at=at,
        scope=",".join(scopes.replace(",", " ").split()) if _SCOPES.fullmatch(scopes) else "",
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
        return _time({"it": f"{day}T{time}{offset[:3]}:{offset[-2:]}" if offset else f"{day}T{time}Z"}, "it")
    except OutcomeUnknown:
        return None


def installation_token_revoked(answer: Answer) -> None:
    """The answer to `DELETE /installation/token`; a token that GitHub does not know any more counts as revoked."""
    _revoked(answer, refusals.OF_REVOCATION, HTTPStatus.NO_CONTENT, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)


def user_token_deleted(answer: Answer) -> None:
    """The answer to `DELETE /applications/{client_id}/token`; GitHub has answered an unknown token with 404 and 422."""
    unknown = HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY
    _revoked(answer, oauth_refusals.OF_USER_TOKEN_DELETION, HTTPStatus.NO_CONTENT, *unknown)


def credentials_revoked(answer: Answer) -> None:
    """The answer to `POST /credentials/revoke`, which is the same for tokens that GitHub does not know."""
    _revoked(answer, refusals.OF_REVOCATION, HTTPStatus.ACCEPTED)


def _revoked(answer: Answer, rules: tuple[Rule, ...], done: HTTPStatus, *unknown: HTTPStatus) -> None:
    """`unknown` are the statuses that say there is no such token: in GitHub's words, a proxy knows nothing of it."""
    reply = read(answer)
    if reply.status != done and not (reply.status in unknown and reply.message):
        raise refusal(rules, reply) or unclear(f"its status is {reply.status} and not {done}")


def success(rules: tuple[Rule, ...], reply: Reply) -> tuple[Reply, JSON]:
    """The answer's JSON object, unless one of the rules refuses it."""
    error = refusal(rules, reply)
    if error is not None:
        raise error
    if reply.document is None:
        raise unclear("it is not a JSON object")
    return reply, reply.document


def _access_token(document: JSON, key: str) -> Token:
    text = document.get(key)
    if not isinstance(text, str) or not text:
        raise unclear(f"`{key}` is missing")
    if not _ACCESS_TOKEN.fullmatch(text):
        raise unclear(f"`{key}` is not a token: a known prefix must be followed by letters, digits, `.`, `_` and `-`")
    kind = document.get("token_type")
    if kind is not None and not (isinstance(kind, str) and kind.lower() == "bearer"):
        raise unclear("`token_type` is not bearer")
    return Token(text)


def _refresh_token(document: JSON) -> Token | None:
    text = document.get("refresh_token")
    if text is None or text == "":
        return None
    if not isinstance(text, str) or not _REFRESH_TOKEN.fullmatch(text):
        raise unclear("`refresh_token` is not a token")
    return Token(text)


def _seconds(document: JSON, key: str) -> int | None:
    value = document.get(key)
    if value is None:
        return None
    seconds = _whole(value)
    if seconds is None:
        raise unclear(f"`{key}` is not a whole number")
    if seconds <= 0:
        raise unclear(f"`{key}` is not greater than zero")
    return seconds


def _after(start: datetime, seconds: int | None, key: str) -> datetime | None:
    if seconds is None:
        return None
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError as error:
        raise unclear(f"`{key}` is beyond all time") from error


def _time(document: JSON, key: str) -> datetime:
    text = document.get(key)
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise unclear(f"`{key}` is not a time (RFC 3339)")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise unclear(f"`{key}` is not a time (RFC 3339)") from error


def created(reply: Reply) -> datetime:
    """When the answer was made, by GitHub's clock."""
    if reply.date is None:
        raise unclear("it has no `Date` header to count from")
    return reply.date


def _whole(value: object) -> int | None:
    """The number, also where it came as text or with a fraction of nothing: nothing else can be meant by it."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if _is_integer(value) else None


def _is_integer(value: object) -> TypeGuard[int]:
    # A bool is an int to Python, but not to JSON.
    return isinstance(value, int) and not isinstance(value, bool)


def _first_text(value: object, *keys: str) -> str:
    if not isinstance(value, Mapping):
        return ""
    return next((text for key in keys if isinstance(text := value.get(key), str) and _is_name(text)), "")


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def _repositories(document: JSON) -> tuple[Repository, ...]:
    """Those that the token is narrowed to; what cannot be one is left out."""
    given = document.get("repositories")
    return tuple(
        Repository(each["id"], each["full_name"])
        for each in (given if isinstance(given, list) else ())
        if isinstance(each, Mapping)
        and _is_integer(each.get("id"))
        and _FULL_NAME.fullmatch(str(each.get("full_name")))
    )


def _permissions(document: JSON) -> Mapping[str, str]:
    """What was granted, by GitHub's names; what cannot be one is left out."""
    given = document.get("permissions")
    if not isinstance(given, Mapping):
        return {}
    known = {
        name: level
        for name, level in given.items()
        if _PERMISSION.fullmatch(name) and isinstance(level, str) and _LEVEL.fullmatch(level)
    }
    return dict(list(known.items())[:_MOST_PERMISSIONS])


def unclear(problem: str) -> OutcomeUnknown:
    """A success by its status and not by its content; the words never repeat a value of the answer."""
    return OutcomeUnknown(reasons.GITHUB_UNAVAILABLE, f"GitHub's answer cannot be used: {problem}.")
