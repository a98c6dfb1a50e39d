"""The device flow of one GitHubToken: when a code is asked for, how often GitHub is polled, and when there is peace.

A running flow is kept in the credential Secret: the secret `device_code` under a key of its own, the rest in an
annotation. So a restart or a failover goes on with the same code, and knows how many codes nobody entered.

GitHub counts 2,000 OAuth requests an hour for a whole App, refreshes among them. Objects that were forgotten must not
use them up: polls get rarer after two minutes, all polls of an App share a quarter of the budget, and after three codes
that nobody entered the next one comes on request, or after six hours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from githubtoken_operator.domain.github.device_answers import DeviceCode
from githubtoken_operator.domain.objects import origin as origins
from githubtoken_operator.domain.objects.github_token import LOGIN_REQUESTED_AT, PREFIX
from githubtoken_operator.domain.objects.origin import Origin
from githubtoken_operator.domain.objects.secrets import annotations_of, decoded
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.documents import parsed
from githubtoken_operator.domain.vocabulary.errors import Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, Server, Token
from githubtoken_operator.domain.vocabulary.times import format_time, parse_time

DEVICE_CODE: Final = "device_code"
"""The key of the credential Secret that holds the secret half of a code."""
FLOW: Final = PREFIX + "device-flow"
"""The annotation with everything else about it."""

MOST_UNUSED: Final = 3
"""So many codes follow each other by themselves."""
REST: Final = timedelta(hours=6)
"""After them, or after a human said no, the next one comes so long after the last."""
REQUESTS_PER_HOUR: Final = 500
"""A quarter of what GitHub allows an App (docs.github.com, "Rate limits for OAuth apps": 2,000 tokens an hour)."""

_EAGER: Final = timedelta(minutes=2)
"""So long after a code was shown somebody may be sitting in front of it."""
_LONGEST_DELAY: Final = 60.0
_LONGEST_INTERVAL: Final = 3600
"""Seconds; GitHub asks for 5 and never for so many. A human may have edited the annotation."""
_SLACK: Final = 1.2
"""A poll at exactly the interval comes too early for a clock that ticks a little faster than ours."""


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


@dataclass(frozen=True, slots=True)
class SignIn:
    """What is known of the sign-in of one GitHubToken that allows the device flow.

    `needed`: why a human must sign in; None where the stored refresh token is good. `requested`: somebody asks for a
    code all the same. `poll_in`: seconds until the next poll is due.
    """

    flow: Flow | None
    needed: TokenError | None
    requested: bool
    client_id: str | None
    server: Server
    poll_in: float = 0.0


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask GitHub for a code; `unused` as in `Flow`."""

    unused: int = 0
    asks_github: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask GitHub whether the code was entered."""

    flow: Flow
    asks_github: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Awaiting:
    """A code is shown; `poll_in` is in how many seconds the next poll is due."""

    flow: Flow
    poll_in: float
    reason: str = reasons.AWAITING_AUTHORIZATION

    @property
    def message(self) -> str:
        """What a human has to do."""
        shown = self.flow
        until = format_time(shown.expires)
        return f"sign in at {shown.verification_uri} and enter the code {shown.user_code}, until {until}"


@dataclass(frozen=True, slots=True)
class Resting:
    """Nobody entered the codes that were shown; `until` is when the next one comes. Nothing new is to be told."""

    needed: TokenError
    until: datetime

    @property
    def reason(self) -> str:
        """Why a human must sign in."""
        return self.needed.reason

    @property
    def message(self) -> str:
        """The same in words, and what to do."""
        again = _ask_again(self.until)
        return f"{self.needed.message}; nobody entered the {MOST_UNUSED} codes that were shown: {again}"


@dataclass(frozen=True, slots=True)
class Ended:
    """A human said no, or the wrong human signed in; `until` is when the next code comes by itself."""

    why: Terminal
    until: datetime

    @property
    def reason(self) -> str:
        """Why the flow ended."""
        return self.why.reason

    @property
    def message(self) -> str:
        """The same in words, and what to do."""
        return f"{self.why.message.rstrip('.')}: {_ask_again(self.until)}"


Step = Ask | Poll | Awaiting | Resting | Ended


def next_step(sign_in: SignIn, now: datetime) -> Step | None:
    """What the device flow does now, first rule that fits; None where there is nothing to do."""
    for rule in _RULES:
        if step := rule(sign_in, now):
            return step
    return None


def _requested(sign_in: SignIn, _now: datetime) -> Step | None:
    return Ask() if sign_in.requested else None


def _open(sign_in: SignIn, now: datetime) -> Step | None:
    """A code is polled for while a human is needed, or where one asked for it."""
    flow = sign_in.flow
    if flow is None or not flow.is_open(now) or not _is_of_app(flow, sign_in):
        return None
    if sign_in.needed is None and flow.request is None:
        return None
    return Poll(flow) if sign_in.poll_in <= 0 else Awaiting(flow, sign_in.poll_in)


def _first(sign_in: SignIn, _now: datetime) -> Step | None:
    known = sign_in.flow is not None and _is_of_app(sign_in.flow, sign_in)
    return None if sign_in.needed is None or known else Ask()


def _is_of_app(flow: Flow, sign_in: SignIn) -> bool:
    """Whether the code is of this App, at this GitHub; to another it is not shown.

    An App that is known by its number only keeps its client id for itself until GitHub is asked.
    """
    at_home = flow.origin is None or origins.same_host(flow.origin.web_url, sign_in.server.web_url)
    return at_home and sign_in.client_id in {None, flow.client_id}


def _human_ended_it(sign_in: SignIn, now: datetime) -> Step | None:
    flow = sign_in.flow
    if flow is None or sign_in.needed is None or flow.ended is None:
        return None
    until = flow.started + REST
    return Ask() if now >= until else Ended(flow.ended, until)


def _nobody_entered_it(sign_in: SignIn, now: datetime) -> Step | None:
    flow = sign_in.flow
    if flow is None or sign_in.needed is None:
        return None
    unused, until = flow.unused + 1, flow.started + REST
    return Ask(unused) if unused < MOST_UNUSED or now >= until else Resting(sign_in.needed, until)


_RULES: Final[Sequence[Callable[[SignIn, datetime], Step | None]]] = (
    _requested,
    _open,
    _first,
    _human_ended_it,
    _nobody_entered_it,
)


def poll_delay(flow: Flow, before: float | None, now: datetime) -> float:
    """Seconds until the next poll; `before` is the delay before this one, None for the first.

    The interval that GitHub asks for while the code is new, then twice as long each time, up to a minute.
    """
    eager = flow.interval * _SLACK
    if before is None or now - flow.started < _EAGER:
        return eager
    return max(eager, min(2 * before, _LONGEST_DELAY))


# --- How it is kept --------------------------------------------------------------------------------------------------


def begun(code: DeviceCode, *, parent: str, client_id: str, origin: Origin, request: str | None, unused: int) -> Flow:
    """The flow of a code that GitHub just gave."""
    return Flow(
        secret=code.device_code,
        user_code=code.user_code,
        verification_uri=code.verification_uri,
        started=code.created,
        expires=code.expires,
        interval=code.interval,
        parent=parent,
        client_id=client_id,
        request=request,
        unused=unused,
        origin=origin,
    )


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


def _ask_again(until: datetime) -> str:
    return f"ask for a new one by the annotation `{LOGIN_REQUESTED_AT}`; else it comes at {format_time(until)}"
