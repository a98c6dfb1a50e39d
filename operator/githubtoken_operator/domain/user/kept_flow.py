"""The device flow that a credential Secret keeps: a code that was shown, and what became of it.

The secret `device_code` stands under a key of its own, the rest in an annotation. So a restart or a failover goes on
with the same code, and knows how many codes nobody entered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from githubtoken_operator.domain.objects import origin as origins
from githubtoken_operator.domain.objects.origin import Origin
from githubtoken_operator.domain.objects.secrets import annotations_of, decoded
from githubtoken_operator.domain.objects.specs.github_token import PREFIX
from githubtoken_operator.domain.vocabulary.documents import parsed
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import JSON, Token
from githubtoken_operator.domain.vocabulary.times import format_time, parse_time

DEVICE_CODE: Final = "device_code"
"""The key of the credential Secret that holds the secret half of a code."""
FLOW: Final = PREFIX + "device-flow"
"""The annotation with everything else about it."""

_LONGEST_INTERVAL: Final = 3600
"""Seconds; GitHub asks for 5 and never for so many. A human may have edited the annotation."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A code that was shown. `secret` is None once the code is of no use any more.

    `parent`: SHA-256 of the refresh token that was stored when it was shown, "" for none. `client_id`: the App that it
    was asked for, and `origin` its GitHub. `request`: the value of the request annotation that it answers. `unused`:
    how many codes before it nobody entered. `ended`: why a human, or the wrong human, ended it.
    """

    secret: Token | None
    user_code: str
    verification_uri: str
    started: datetime
    expires: datetime
    interval: int
    parent: str
    client_id: str
    request: str | None = None
    unused: int = 0
    ended: Terminal | None = None
    origin: Origin | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether the code can still be entered."""
        return self.secret is not None and self.ended is None and now < self.expires


def ended(flow: Flow, why: Terminal | None) -> Flow:
    """The same when its code is of no use any more; `why` where a human decided so."""
    return replace(flow, secret=None, ended=why)


def read(secret: JSON) -> Flow | None:
    """The flow in a credential Secret; None where there is none, or none that can be read."""
    try:
        raw = parsed(annotations_of(secret).get(FLOW))
        started, expires = parse_time(str(raw["startedAt"])), parse_time(str(raw["expiresAt"]))
        interval, unused = int(raw["interval"]), int(raw["unused"])
        if started is None or expires is None or not 0 < interval <= _LONGEST_INTERVAL or unused < 0:
            return None
        code = decoded(secret, DEVICE_CODE)
        return Flow(
            secret=Token(code) if code else None,
            user_code=str(raw["userCode"]),
            verification_uri=str(raw["verificationURI"]),
            started=started,
            expires=expires,
            interval=interval,
            parent=str(raw["parent"]),
            client_id=str(raw["clientID"]),
            request=raw.get("request"),
            unused=unused,
            ended=Terminal(str(raw["ended"]["reason"]), str(raw["ended"]["message"])) if raw.get("ended") else None,
            origin=origins.read(raw.get("origin")),
        )
    except (ValueError, KeyError, TypeError):
        return None


def text(flow: Flow) -> str:
    """The annotation; the secret half is not in it."""
    document: dict[str, Any] = {
        "userCode": flow.user_code,
        "verificationURI": flow.verification_uri,
        "startedAt": format_time(flow.started),
        "expiresAt": format_time(flow.expires),
        "interval": flow.interval,
        "parent": flow.parent,
        "clientID": flow.client_id,
        "unused": flow.unused,
    }
    if flow.origin is not None:
        document["origin"] = flow.origin.document
    if flow.request is not None:
        document["request"] = flow.request
    if flow.ended is not None:
        document["ended"] = {"reason": flow.ended.reason, "message": flow.ended.message}
    return json.dumps(document)
