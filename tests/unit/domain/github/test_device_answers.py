"""GitHub's answers in the device flow, good and bad, as tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.github.device_answers import device_code, signed_in_token
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    DeviceCodeUseless,
    OutcomeUnexplained,
    OutcomeUnknown,
    RateLimited,
    SignInPending,
    Terminal,
    TokenError,
)
from githubtoken_operator.domain.vocabulary.model import Answer

DATE = "Sun, 01 Mar 2026 12:00:00 GMT"
CODE: dict[str, Any] = {
    "device_code": "3584d83530557fdd1f46af8289938c8ef79f9dc5",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://github.com/login/device",
    "expires_in": 899,
    "interval": 5,
}
PAIR: dict[str, Any] = {
    "access_token": "ghu_16C7e42F292c6912E7710c838347Ae178B4a",
    "expires_in": 28800,
    "refresh_token": "ghr_1B4a2e77838347a7E420ce178F2E7c6912E169246c34E1ccbF66C46812d16D5B1A9Dc86A1498",
    "refresh_token_expires_in": 15897600,
    "token_type": "bearer",
    "scope": "",
}


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {"date": DATE, **{name.replace("_", "-"): text for name, text in headers.items()}}, content)


def test_a_code_has_its_times_from_githubs_clock() -> None:
    code = device_code(answer(CODE))
    assert code.device_code.reveal() == CODE["device_code"]
    assert (code.user_code, code.interval) == ("WDJB-MJHT", 5)
    assert (code.expires - code.created).total_seconds() == 899
    assert CODE["device_code"] not in repr(code)


@pytest.mark.parametrize(
    ("changes", "interval", "life"),
    [
        pytest.param({"interval": None, "expires_in": None}, 5, 900, id="nothing is said of either"),
        pytest.param({"interval": "soon", "expires_in": "900"}, 5, 900, id="no numbers"),
        pytest.param({"interval": True, "expires_in": -1}, 5, 900, id="no sensible numbers"),
        pytest.param({"interval": 10**6, "expires_in": 10**8}, 300, 86_400, id="beyond all measure"),
    ],
)
def test_odd_times_are_bounded(changes: dict[str, Any], interval: int, life: int) -> None:
    code = device_code(answer({**CODE, **changes}))
    assert (code.interval, (code.expires - code.created).total_seconds()) == (interval, life)


@pytest.mark.parametrize(
    "changes",
    [
        {"device_code": None},
        {"device_code": "with space"},
        {"user_code": None},
        {"user_code": "<b>WDJB</b>"},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "https://github.com/\n"},
        {"verification_uri": "https://github.com/" + "a" * 2048},
        {"verification_uri": "https://[github.com/"},
    ],
)
def test_an_answer_that_cannot_be_shown_is_no_code(changes: dict[str, Any]) -> None:
    with pytest.raises(OutcomeUnknown, match="cannot be used"):
        device_code(answer({**CODE, **changes}))


def test_a_pair_is_read_as_in_a_refresh() -> None:
    pair = signed_in_token(answer(PAIR))
    assert pair.token.reveal() == PAIR["access_token"]
    assert pair.refresh_token is not None
    assert (pair.expires_in, pair.refresh_expires_in) == (28_800, 15_897_600)


def test_a_token_that_does_not_expire_has_no_refresh_token() -> None:
    pair = signed_in_token(answer({"access_token": "gho_x", "token_type": "bearer", "scope": "repo,read:org"}))
    assert (pair.expires_at, pair.refresh_token, pair.scope) == (None, None, "repo,read:org")


def error(name: str, **more: object) -> dict[str, object]:
    return {"error": name, "error_description": "in GitHub's words", "error_uri": "https://docs.github.com", **more}


LIMIT = {"message": "You have exceeded a secondary rate limit."}

REFUSED = [
    pytest.param(answer(error("authorization_pending")), SignInPending, reasons.AWAITING_AUTHORIZATION, id="pending"),
    pytest.param(answer(error("slow_down", interval=10)), SignInPending, reasons.AWAITING_AUTHORIZATION, id="too fast"),
    pytest.param(answer(error("expired_token")), DeviceCodeUseless, reasons.REAUTHORIZATION_REQUIRED, id="expired"),
    pytest.param(
        answer(error("token_expired")), DeviceCodeUseless, reasons.REAUTHORIZATION_REQUIRED, id="expired, in prose"
    ),
    pytest.param(
        answer(error("incorrect_device_code")), DeviceCodeUseless, reasons.REAUTHORIZATION_REQUIRED, id="unknown"
    ),
    pytest.param(answer(error("access_denied")), Terminal, reasons.REAUTHORIZATION_REQUIRED, id="a human said no"),
    pytest.param(
        answer(error("unverified_user_email")), Terminal, reasons.REAUTHORIZATION_REQUIRED, id="an unverified address"
    ),
    pytest.param(answer(error("device_flow_disabled"), 400), Terminal, reasons.APP_NOT_READY, id="switched off"),
    pytest.param(
        answer(error("incorrect_client_credentials")), Terminal, reasons.AUTHENTICATION_FAILED, id="a wrong client id"
    ),
    pytest.param(answer({"error": "Not Found"}, 404), Terminal, reasons.AUTHENTICATION_FAILED, id="the same as 404"),
    pytest.param(answer(LIMIT, 403, retry_after="30"), RateLimited, reasons.RATE_LIMITED, id="limited"),
    pytest.param(answer(error("news")), OutcomeUnexplained, reasons.GITHUB_UNAVAILABLE, id="an unknown error"),
    pytest.param(answer(b"<html>", 502), OutcomeUnknown, reasons.GITHUB_UNAVAILABLE, id="HTML"),
    pytest.param(answer({}), OutcomeUnknown, reasons.GITHUB_UNAVAILABLE, id="nothing"),
]


@pytest.mark.parametrize(("found", "kind", "reason"), REFUSED)
def test_what_a_poll_may_be_answered_with(found: Answer, kind: type[TokenError], reason: str) -> None:
    with pytest.raises(kind) as raised:
        signed_in_token(found)
    assert type(raised.value) is kind
    assert raised.value.reason == reason


def test_the_interval_that_slow_down_brings_is_the_new_one() -> None:
    with pytest.raises(SignInPending) as raised:
        signed_in_token(answer(error("slow_down", interval=10)))
    assert raised.value.interval == 10


@given(st.binary(max_size=300), st.sampled_from([200, 201, 302, 400, 401, 403, 404, 422, 429, 500, 503]))
def test_whatever_comes_is_a_value_or_a_token_error(body: bytes, status: int) -> None:
    for read in (device_code, signed_in_token):
        with pytest.raises(TokenError):
            read(answer(body, status))
