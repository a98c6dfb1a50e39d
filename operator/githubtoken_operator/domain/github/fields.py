"""The fields of GitHub's answers: each is as GitHub documents it, or the answer is `OutcomeUnknown`.

What only tells and decides nothing (names of permissions, repositories) is left out where it cannot be one. No message
repeats a value of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, TypeGuard

from githubtoken_operator.domain.github.refusals.rules import Rule, refusal
from githubtoken_operator.domain.github.reply import Reply, read
from githubtoken_operator.domain.vocabulary.errors import Concern, OutcomeUnknown
from githubtoken_operator.domain.vocabulary.model import JSON, Answer, Repository, Token

_ACCESS_TOKEN: Final = re.compile(r"(?:ghu|gho|ghs)_[A-Za-z0-9._-]+")
# GHES has refresh tokens without a prefix, so only the alphabet is asked for.
_REFRESH_TOKEN: Final = re.compile(r"[A-Za-z0-9._-]+")
_FULL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}")
_PERMISSION: Final = re.compile(r"[a-z_]{1,64}")
_LEVEL: Final = re.compile(r"[a-z]{1,16}")
_MOST_PERMISSIONS: Final = 128
"""More than GitHub has; what status can hold."""
_DIGITS: Final = re.compile(r"[0-9]{1,12}")
_LONGEST_NAME: Final = 256
"""Characters of an account's or an App's name; it goes into status and annotations, which must not fail over it."""
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
SCOPES: Final = re.compile(r"[A-Za-z0-9_:, -]{0,1024}")


def unclear(problem: str) -> OutcomeUnknown:
    """A success by its status and not by its content; the words never repeat a value of the answer."""
    return OutcomeUnknown(f"GitHub's answer cannot be used: {problem}.", concern=Concern.LANE)


def success(rules: tuple[Rule, ...], reply: Reply) -> tuple[Reply, JSON]:
    """The answer's JSON object, unless one of the rules refuses it."""
    error = refusal(rules, reply)
    if error is not None:
        raise error
    if reply.document is None:
        raise unclear("it is not a JSON object")
    return reply, reply.document


def revoked(answer: Answer, rules: tuple[Rule, ...], done: HTTPStatus, *unknown: HTTPStatus) -> None:
    """Nothing where the answer says that a token is gone.

    `unknown` are the statuses that say there is no such token: in GitHub's words, a proxy knows nothing of it.
    """
    reply = read(answer)
    if reply.status != done and not (reply.status in unknown and reply.message):
        raise refusal(rules, reply) or unclear(f"its status is {reply.status} and not {done}")


def created(reply: Reply) -> datetime:
    """When the answer was made, by GitHub's clock."""
    if reply.date is None:
        raise unclear("it has no `Date` header to count from")
    return reply.date


def access_token(document: JSON, key: str) -> Token:
    """The token of an installation or a user under the key."""
    text = document.get(key)
    if not isinstance(text, str) or not text:
        raise unclear(f"`{key}` is missing")
    if not _ACCESS_TOKEN.fullmatch(text):
        raise unclear(f"`{key}` is not a token: a known prefix must be followed by letters, digits, `.`, `_` and `-`")
    kind = document.get("token_type")
    if kind is not None and not (isinstance(kind, str) and kind.lower() == "bearer"):
        raise unclear("`token_type` is not bearer")
    return Token(text)


def refresh_token(document: JSON) -> Token | None:
    """`refresh_token`; None where there is none."""
    text = document.get("refresh_token")
    if text is None or text == "":
        return None
    if not isinstance(text, str) or not _REFRESH_TOKEN.fullmatch(text):
        raise unclear("`refresh_token` is not a token")
    return Token(text)


def seconds(document: JSON, key: str) -> int | None:
    """A span of time, greater than zero; None where there is none."""
    value = document.get(key)
    if value is None:
        return None
    number = _whole(value)
    if number is None:
        raise unclear(f"`{key}` is not a whole number")
    if number <= 0:
        raise unclear(f"`{key}` is not greater than zero")
    return number


def after(start: datetime, seconds: int | None, key: str) -> datetime | None:
    """When so many seconds are over."""
    if seconds is None:
        return None
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError as error:
        raise unclear(f"`{key}` is beyond all time") from error


def time(document: JSON, key: str) -> datetime:
    """A time of RFC 3339, in UTC."""
    text = document.get(key)
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise unclear(f"`{key}` is not a time (RFC 3339)")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise unclear(f"`{key}` is not a time (RFC 3339)") from error


def _whole(value: object) -> int | None:
    """The number, also where it came as text or with a fraction of nothing: nothing else can be meant by it."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if is_integer(value) else None


def is_integer(value: object) -> TypeGuard[int]:
    """Whether it is a whole number to JSON."""
    # A bool is an int to Python, but not to JSON.
    return isinstance(value, int) and not isinstance(value, bool)


def first_text(value: object, *keys: str) -> str:
    """The first of these that is a name; "" where none is."""
    if not isinstance(value, Mapping):
        return ""
    return next((text for key in keys if isinstance(text := value.get(key), str) and _is_name(text)), "")


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def repositories(document: JSON) -> tuple[Repository, ...]:
    """Those that the token is narrowed to; what cannot be one is left out."""
    given = document.get("repositories")
    return tuple(
        Repository(each["id"], each["full_name"])
        for each in (given if isinstance(given, list) else ())
        if isinstance(each, Mapping) and is_integer(each.get("id")) and _FULL_NAME.fullmatch(str(each.get("full_name")))
    )


def permissions(document: JSON) -> Mapping[str, str]:
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
