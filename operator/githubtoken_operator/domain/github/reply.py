"""GitHub's answer, read: the JSON object in it, its `Date`, and what of its text may be shown.

Nothing here fails, whatever the bytes are: what cannot be read is None or empty, and the rules in `refusals` decide
what that means. GitHub's own words may be repeated to a human only through `quote`, since a proxy or a fault may put a
token into them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from githubtoken_operator.domain.vocabulary.documents import affordable
from githubtoken_operator.domain.vocabulary.model import JSON, Answer

QUOTE_LENGTH = 256
"""Characters of GitHub's text that a message repeats at most."""
_READ_LENGTH = 16 * QUOTE_LENGTH
"""So many are looked at: an answer may have a megabyte, and it is cut off well behind what is repeated."""

# Every token format of GitHub, JSON web tokens, PEM, and any run that is long enough to be a secret in hex or base64.
_TOKEN_LIKE = re.compile(
    r"gh[a-z]_|github_pat_|eyJ[A-Za-z0-9_-]{8}|-----BEGIN|Bearer\s|[A-Za-z0-9+/=]{32}", re.IGNORECASE
)
_DEMAND = b"No required SSL certificate was sent"
"""nginx's page, with 400, to a client that showed no certificate."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as the rules see it. `document` is None where the body is not a JSON object.

    `demands_certificate`: a front of the host wants a client certificate. What was asked for says what the request was
    about, for messages only.
    """

    status: int
    headers: Mapping[str, str]
    document: JSON | None = field(repr=False)
    date: datetime | None
    demands_certificate: bool = False
    asked_where: str = ""
    asked_permissions: Mapping[str, str] = field(default_factory=dict)
    asked_repositories: Sequence[str] = ()

    @property
    def message(self) -> str:
        """The REST API's `message`, or nothing."""
        return _text(self.document, "message")

    @property
    def error(self) -> str:
        """The OAuth endpoint's `error`, or nothing."""
        return _text(self.document, "error")

    @property
    def documentation(self) -> str:
        """The REST API's `documentation_url`, or nothing."""
        return _text(self.document, "documentation_url")


def read(
    answer: Answer,
    *,
    where: str = "",
    permissions: Mapping[str, str] | None = None,
    repositories: Sequence[str] = (),
) -> Reply:
    """Reads an answer; never fails."""
    return Reply(
        status=answer.status,
        headers=answer.headers,
        document=_object(answer.body),
        date=http_date(answer.headers.get("date", "")),
        demands_certificate=_DEMAND in answer.body[:2048],
        asked_where=where,
        asked_permissions=permissions or {},
        asked_repositories=repositories,
    )


@lru_cache(maxsize=16)
def http_date(text: str) -> datetime | None:
    """The time that a `Date` or `Retry-After` header names (RFC 9110, 5.6.7), in UTC; None where it names none."""
    try:
        time = parsedate_to_datetime(text)
        # "-0000" gives a naive time; it means UTC all the same.
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def quote(text: str) -> str:
    """The text as a message may repeat it: one line, bounded, and nothing in it that looks like a secret."""
    # Surrogates, control and format characters have no place in a condition, and could hide a token from the check.
    text = text[:_READ_LENGTH]
    clean = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    clean = " ".join(clean.split())
    if _TOKEN_LIKE.search(clean):
        return "(not shown, since it looks like a secret)"
    return clean[:QUOTE_LENGTH]


def _object(body: bytes) -> Mapping[str, Any] | None:
    if not affordable(body):
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _text(document: JSON | None, key: str) -> str:
    value = document.get(key) if document is not None else None
    return value if isinstance(value, str) else ""


def says(reply: Reply) -> str:
    """GitHub's own words, to stand in a sentence; "" where it has none."""
    return f' ("{quote(reply.message)}")' if reply.message else ""
