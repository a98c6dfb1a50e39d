"""The device flow of one GitHubToken: when a code is asked for, how often GitHub is polled, and when there is peace.

A running flow is kept in the credential Secret (`kept_flow`).

GitHub counts 2,000 OAuth requests an hour for a whole App, refreshes among them. Objects that were forgotten must not
use them up: polls get rarer after two minutes, all polls of an App share a quarter of the budget, and after three codes
that nobody entered the next one comes on request, or after six hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from githubtoken_operator.domain.objects import origin as origins
from githubtoken_operator.domain.objects.specs.github_token import LOGIN_REQUESTED_AT
from githubtoken_operator.domain.user.kept_flow import Flow
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import TokenError
from githubtoken_operator.domain.vocabulary.model import Server
from githubtoken_operator.domain.vocabulary.times import format_time

MOST_UNUSED: Final = 3
"""So many codes follow each other by themselves."""
REST: Final = timedelta(hours=6)
"""After them, or after a human said no, the next one comes so long after the last."""
REQUESTS_PER_HOUR: Final = 500
"""A quarter of what GitHub allows an App (docs.github.com, "Rate limits for OAuth apps": 2,000 tokens an hour)."""

_EAGER: Final = timedelta(minutes=2)
"""So long after a code was shown somebody may be sitting in front of it."""
_LONGEST_DELAY: Final = 60.0
_SLACK: Final = 1.2
"""A poll at exactly the interval comes too early for a clock that ticks a little faster than ours."""


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
class _NoCode:
    """No code is shown: `why` a human must sign in, or why the last one ended; the next comes by itself at `until`."""

    why: TokenError
    until: datetime

    @property
    def reason(self) -> str:
        """That of the trouble."""
        return self.why.reason


@dataclass(frozen=True, slots=True)
class Resting(_NoCode):
    """Nobody entered the codes that were shown. Nothing new is to be told."""

    @property
    def message(self) -> str:
        """What there is to be done."""
        again = _ask_again(self.until)
        return f"{self.why.message}; nobody entered the {MOST_UNUSED} codes that were shown: {again}"


@dataclass(frozen=True, slots=True)
class Ended(_NoCode):
    """A human said no, or the wrong human signed in."""

    @property
    def message(self) -> str:
        """What there is to be done."""
        return f"{self.why.message.rstrip('.')}: {_ask_again(self.until)}"


FlowStep = Ask | Poll | Awaiting | Resting | Ended


def next_step(sign_in: SignIn, now: datetime) -> FlowStep | None:
    """What the device flow does now, first rule that fits; None where there is nothing to do."""
    return next((step for rule in _RULES if (step := rule(sign_in, now))), None)


def _requested(sign_in: SignIn, _now: datetime) -> FlowStep | None:
    return Ask() if sign_in.requested else None


def _open(sign_in: SignIn, now: datetime) -> FlowStep | None:
    """A code is polled for while a human is needed, or where one asked for it."""
    flow = sign_in.flow
    if flow is None or not flow.is_open(now) or not _is_of_app(flow, sign_in):
        return None
    if sign_in.needed is None and flow.request is None:
        return None
    return Poll(flow) if sign_in.poll_in <= 0 else Awaiting(flow, sign_in.poll_in)


def _first(sign_in: SignIn, _now: datetime) -> FlowStep | None:
    known = sign_in.flow is not None and _is_of_app(sign_in.flow, sign_in)
    return None if sign_in.needed is None or known else Ask()


def _is_of_app(flow: Flow, sign_in: SignIn) -> bool:
    """Whether the code is of this App, at this GitHub; to another it is not shown.

    An App that is known by its number only keeps its client id for itself until GitHub is asked.
    """
    at_home = flow.origin is None or origins.same_host(flow.origin.web_url, sign_in.server.web_url)
    return at_home and sign_in.client_id in {None, flow.client_id}


def _human_ended_it(sign_in: SignIn, now: datetime) -> FlowStep | None:
    flow = sign_in.flow
    if flow is None or sign_in.needed is None or flow.ended is None:
        return None
    until = flow.started + REST
    return Ask() if now >= until else Ended(flow.ended, until)


def _nobody_entered_it(sign_in: SignIn, now: datetime) -> FlowStep | None:
    flow = sign_in.flow
    if flow is None or sign_in.needed is None:
        return None
    unused, until = flow.unused + 1, flow.started + REST
    return Ask(unused) if unused < MOST_UNUSED or now >= until else Resting(sign_in.needed, until)


_RULES: Final[Sequence[Callable[[SignIn, datetime], FlowStep | None]]] = (
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


def _ask_again(until: datetime) -> str:
    return f"ask for a new one by the annotation `{LOGIN_REQUESTED_AT}`; else it comes at {format_time(until)}"
