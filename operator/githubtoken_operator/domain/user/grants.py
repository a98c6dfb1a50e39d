"""The pair in an answer of GitHub's, whenever the answer is read: at once, after a restart, or by a later version.

What brings no pair is one of the errors of `answers` and `device_answers`. What may bring one in a form that is not
known is `NotUnderstood`: such an answer must not be thrown away, for the token that it was had for is probably spent.

Whether an answer may bring a pair is decided on the safe side, without calling a human for a page of a proxy:

    kept       whatever has `access_token`, or something like a token of GitHub's; what is no text at all, such as a
               compressed body; a text that is neither JSON nor markup and has a run that is long enough to be a secret
    not kept   another status than 2xx; an error that OAuth names; HTML, also with scripts that speak of access tokens;
               JSON without a token; short words; nothing

RFC 6749, 5.1: a grant has `access_token`. GitHub has three forms for it, JSON, a form's text and XML, and says which by
`Accept` (docs.github.com, "Authorizing OAuth apps").
"""

from __future__ import annotations

import json
import re
import traceback
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

from githubtoken_operator.domain.github import device_answers, fields, oauth_answers
from githubtoken_operator.domain.user.entry import Entry, SecretKey
from githubtoken_operator.domain.vocabulary.documents import affordable
from githubtoken_operator.domain.vocabulary.errors import Concern, NotUnderstood, OutcomeUnknown, TokenError
from githubtoken_operator.domain.vocabulary.model import AccessToken, Answer

_TOKEN: Final = re.compile(r"access_token|\bgh[a-z]_\w{4}")
_TOKEN_IN_MARKUP: Final = re.compile(r"<access_token>", re.IGNORECASE)
_BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SECRET: Final = re.compile(r"[A-Za-z0-9_+=.~-]{32}")


@dataclass(frozen=True, slots=True)
class Grant:
    """A pair that GitHub gave, with the answer that it is in: what is needed to save it whatever happened meanwhile.

    `account` is the login of a sign-in, if it is known.
    """

    access: AccessToken
    entry: Entry
    account: str | None = None


def pair_in(key: SecretKey, entry: Entry, *, account: str | None = None) -> Grant:
    """The pair in an answer that belongs to the Secret `key`. `account` is the login of a sign-in, if it is known.

    Raises `NotUnderstood` where the answer must be kept, and another `TokenError` where it brings no pair.
    """
    try:
        access = _access(entry)
    except OutcomeUnknown as unclear:
        if may_hold_a_pair(entry.answer):
            raise NotUnderstood(unclear.message, kept_in=key[1]) from unclear
        raise
    except TokenError:
        raise
    except Exception as defect:  # noqa: BLE001 - whatever is wrong with us, it may be the only copy of a pair
        if not _is_success(entry.answer):
            raise OutcomeUnknown(_of_defect(defect), concern=Concern.LANE) from None
        raise NotUnderstood(_of_defect(defect), kept_in=key[1]) from None
    return Grant(access, entry, account)


def may_hold_a_pair(answer: Answer) -> bool:
    """Whether an answer that nothing could be made of may be the only copy of a pair."""
    if not _is_success(answer):
        return False
    text = _text(answer.body)
    if text is None:
        return True
    if text.startswith("<"):
        return _TOKEN_IN_MARKUP.search(text) is not None
    is_json, document = _parsed(text)
    if isinstance(document, dict) and document.get("error") and "access_token" not in document:
        return False
    if _TOKEN.search(text):
        return True
    return not is_json and _SECRET.search(text) is not None


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300  # noqa: PLR2004 - the HTTP classes need no names.


def _of_defect(defect: Exception) -> str:
    """Where it is, and nothing of what it says, which may be a token of a form that is not known yet."""
    place = traceback.extract_tb(defect.__traceback__)[-1]
    where = f"{PurePath(place.filename).name}:{place.lineno}"
    return f"a defect of the operator stands in the way of reading GitHub's answer ({type(defect).__name__} at {where})"


def _access(entry: Entry) -> AccessToken:
    if entry.of_sign_in:
        return device_answers.signed_in_token(entry.answer)
    access = oauth_answers.refreshed_token(entry.answer)
    if access.refresh_token is None or access.refresh_token.sha256 != entry.parent:
        return access
    if access.expires_in is not None:
        raise fields.unclear("`refresh_token` is the one that was sent")
    # Expiry was switched off: the refresh token that is stored stays beside the new access token.
    return replace(access, refresh_token=None)


def _text(body: bytes) -> str | None:
    """The body as text, whatever its encoding; None where it is none."""
    try:
        text = body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        if _BINARY.search(body):
            return None
        text = body.decode("latin-1")
    return text.strip("\ufeff \t\r\n")


def _parsed(text: str) -> tuple[bool, object]:
    """Whether it is JSON, and what it says. What is too deep or too much to be read is no words of a proxy's."""
    if not affordable(text):
        return False, None
    try:
        return True, json.loads(text)
    except (ValueError, RecursionError):
        return False, None
