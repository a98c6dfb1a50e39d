"""When a code is asked for, polled and given up, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.user.device_flow import (
    MOST_UNUSED,
    REST,
    Ask,
    Awaiting,
    Ended,
    Poll,
    Resting,
    SignIn,
    next_step,
    poll_delay,
)
from githubtoken_operator.domain.user.kept_flow import Flow
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import Token
from tests.unit.builders import NOW, app

MINUTE = timedelta(minutes=1)
MISSING = Terminal(reasons.CREDENTIAL_MISSING, "nobody has signed in")
DENIED = Terminal(reasons.REAUTHORIZATION_REQUIRED, "The sign-in was cancelled.")
FLOW = Flow(
    secret=Token("the-device-code"),
    user_code="WDJB-MJHT",
    verification_uri="https://github.com/login/device",
    started=NOW - MINUTE,
    expires=NOW + 14 * MINUTE,
    interval=5,
    parent="",
    client_id="Iv23acme",
)
EXPIRED = replace(FLOW, started=NOW - 20 * MINUTE, expires=NOW - 5 * MINUTE)


def sign_in(flow: Flow | None = None, **changes: object) -> SignIn:
    return replace(SignIn(flow, MISSING, requested=False, client_id="Iv23acme", server=app().server), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "step"),
    [
        pytest.param(sign_in(needed=None), None, id="the stored refresh token is good"),
        pytest.param(sign_in(), Ask(), id="nobody has signed in"),
        pytest.param(sign_in(FLOW), Poll(FLOW), id="a poll is due"),
        pytest.param(sign_in(FLOW, client_id=None), Poll(FLOW), id="whose client id is to be learnt anew"),
        pytest.param(sign_in(FLOW, client_id="Iv23other"), Ask(), id="a code of another App"),
        pytest.param(sign_in(FLOW, requested=True), Ask(), id="another code is asked for"),
        pytest.param(sign_in(FLOW, needed=None), None, id="it healed by itself"),
        pytest.param(
            sign_in(replace(FLOW, request="x"), needed=None), Poll(replace(FLOW, request="x")), id="a human wants it"
        ),
        pytest.param(sign_in(EXPIRED), Ask(unused=1), id="nobody entered the first code"),
        pytest.param(
            sign_in(replace(EXPIRED, unused=MOST_UNUSED - 2)), Ask(unused=MOST_UNUSED - 1), id="nor the second"
        ),
        pytest.param(
            sign_in(replace(EXPIRED, unused=MOST_UNUSED - 1, started=NOW - REST)),
            Ask(unused=MOST_UNUSED),
            id="nor the third, six hours ago",
        ),
        pytest.param(sign_in(replace(FLOW, secret=None)), Ask(unused=1), id="GitHub forgot the code"),
        pytest.param(
            sign_in(replace(FLOW, ended=DENIED, started=NOW - REST)), Ask(), id="a human said no six hours ago"
        ),
        pytest.param(sign_in(replace(FLOW, ended=DENIED), needed=None), None, id="a human said no, and need not"),
    ],
)
def test_the_next_step(state: SignIn, step: object) -> None:
    assert next_step(state, NOW) == step


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        pytest.param(sign_in(FLOW, poll_in=4.0), Awaiting, "enter the code WDJB-MJHT", id="no poll is due"),
        pytest.param(
            sign_in(replace(EXPIRED, unused=MOST_UNUSED - 1)), Resting, "login-requested-at", id="nobody entered any"
        ),
        pytest.param(sign_in(replace(FLOW, ended=DENIED)), Ended, "cancelled: ask for a new one", id="a human said no"),
    ],
)
def test_what_is_told_while_nothing_is_done(state: SignIn, kind: type[Awaiting | Resting | Ended], says: str) -> None:
    step = next_step(state, NOW)
    assert isinstance(step, kind)
    assert says in step.message


@given(st.floats(0, 3600), st.integers(5, 300), st.one_of(st.none(), st.floats(1, 400)))
def test_no_poll_comes_before_the_interval_is_over_nor_much_later_than_a_minute(
    age: float, interval: int, before: float | None
) -> None:
    delay = poll_delay(replace(FLOW, interval=interval, started=NOW - timedelta(seconds=age)), before, NOW)
    assert interval < delay <= max(60.0, 1.2 * interval)
