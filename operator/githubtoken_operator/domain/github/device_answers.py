"""What GitHub's answers in the device flow mean.

Source: docs.github.com, "Generating a user access token for a GitHub App", "Using the device flow". GitHub answers its
errors inside HTTP 200, except that a flow which is switched off is a 400 and an unknown client a 404; the error's name
counts here whatever the status is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from githubtoken_operator.domain.github import fields, oauth_answers
from githubtoken_operator.domain.github.refusals import limits, oauth_refusals, rules
from githubtoken_operator.domain.github.refusals.rules import Rule
from githubtoken_operator.domain.github.reply import Reply, read
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import DeviceCodeUseless, SignInPending, Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, AccessToken, Answer, Token
from githubtoken_operator.domain.vocabulary.redaction import redact

SHORTEST_INTERVAL: Final = 5
"""Seconds between polls where GitHub names none (RFC 8628, 3.5)."""
LONGEST_INTERVAL: Final = 300
"""A longer interval than this is nobody's wish."""
LONGEST_LIFE: Final = timedelta(days=1)
"""So long a code is shown at most, whatever GitHub says."""

_DEVICE_CODE: Final = re.compile(r"[!-~]{8,512}")
_USER_CODE: Final = re.compile(r"[A-Za-z0-9-]{4,64}")
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A code that a human enters at `verification_uri`, and the secret by which we ask whether it was entered.

    `interval`: seconds between polls. Times are GitHub's.
    """

    device_code: Token
    user_code: str = field(repr=False)
    verification_uri: str
    created: datetime
    expires: datetime
    interval: int


def device_code(answer: Answer) -> DeviceCode:
    """The answer to `POST /login/device/code`."""
    reply, document = fields.success(_OF_CODE, read(answer))
    secret, user_code = document.get("device_code"), document.get("user_code")
    uri = document.get("verification_uri")
    if not isinstance(secret, str) or not _DEVICE_CODE.fullmatch(secret):
        raise fields.unclear("`device_code` is missing")
    if not isinstance(user_code, str) or not _USER_CODE.fullmatch(user_code):
        raise fields.unclear("`user_code` is not a code")
    if not isinstance(uri, str) or not _is_page(uri):
        raise fields.unclear("`verification_uri` is not the address of a page")
    created = fields.created(reply)
    life = min(timedelta(seconds=_seconds(document, "expires_in") or 900), LONGEST_LIFE)
    interval = _seconds(document, "interval") or SHORTEST_INTERVAL
    return DeviceCode(Token(secret), user_code, uri, created, created + life, min(interval, LONGEST_INTERVAL))


def signed_in_token(answer: Answer) -> AccessToken:
    """The answer to a poll once the human has entered the code; before that it raises `SignInPending`.

    `DeviceCodeUseless` asks for another code; every other `Terminal` ends the flow.
    """
    reply, document = fields.success(_OF_POLL, read(answer))
    return oauth_answers.user_token(reply, document)


# --- Refusals --------------------------------------------------------------------------------------------------------


def _flow_is_off(reply: Reply) -> TokenError | None:
    if reply.error != "device_flow_disabled":
        return None
    return Terminal(
        reasons.APP_NOT_READY,
        "The App does not allow the device flow (device_flow_disabled): tick `Enable Device Flow` in the App's "
        "settings at GitHub.",
    )


def _client_is_unknown(reply: Reply) -> TokenError | None:
    wrong = reply.error in {"incorrect_client_credentials", "unauthorized_client"}
    if not wrong and not (reply.status == _NOT_FOUND and (reply.error or reply.message) == "Not Found"):
        return None
    return Terminal(
        reasons.AUTHENTICATION_FAILED,
        "GitHub knows no App with this client id: check `spec.clientID` and `spec.webURL` of the App.",
    )


def _not_entered_yet(reply: Reply) -> TokenError | None:
    if reply.error != "authorization_pending":
        return None
    return SignInPending("the code was not entered yet")


def _too_fast(reply: Reply) -> TokenError | None:
    """`slow_down` brings the interval that is asked for from now on."""
    if reply.error != "slow_down":
        return None
    stated = _seconds(reply.document or {}, "interval")
    interval = min(stated, LONGEST_INTERVAL) if stated else None
    return SignInPending("GitHub asks to poll less often", interval=interval)


def _code_is_useless(reply: Reply) -> TokenError | None:
    """GitHub's prose calls the first of these `token_expired` too."""
    if reply.error not in {"expired_token", "token_expired", "incorrect_device_code"}:
        return None
    known = reply.error != "incorrect_device_code"
    return DeviceCodeUseless(known=known)


def _human_said_no(reply: Reply) -> TokenError | None:
    if reply.error != "access_denied":
        return None
    return Terminal(reasons.REAUTHORIZATION_REQUIRED, "The sign-in was cancelled at GitHub (access_denied).")


_OF_CODE: Final[tuple[Rule, ...]] = (
    _flow_is_off,
    limits.app_is_limited,
    _client_is_unknown,
    oauth_refusals.error_is_unknown,
    *rules.OF_ANYTHING,
)
_OF_POLL: Final[tuple[Rule, ...]] = (
    _not_entered_yet,
    _too_fast,
    _code_is_useless,
    _human_said_no,
    oauth_refusals.email_is_not_verified,
    *_OF_CODE,
)


def _seconds(document: JSON, key: str) -> int | None:
    """A whole number above zero that a calendar can bear, or None."""
    value = document.get(key)
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    return value if usable else None


def _is_page(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    # It is shown: what is not an address alone is not taken for one.
    shown = uri.isprintable() and redact(uri) == uri and len(uri) <= 2048  # noqa: PLR2004 - the CRD's bound
    return parts.scheme in {"https", "http"} and bool(parts.netloc) and shown
