"""What is stored of a device flow comes back, and only its key holds the secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.user import kept_flow
from githubtoken_operator.domain.user.credentials import credential_body
from githubtoken_operator.domain.user.kept_flow import DEVICE_CODE, Flow
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import Token
from tests.unit.builders import NOW, secret, user_githubtoken

DENIED = Terminal(reasons.REAUTHORIZATION_REQUIRED, "The sign-in was cancelled.")
FLOW = Flow(
    secret=Token("the-device-code"),
    user_code="WDJB-MJHT",
    verification_uri="https://github.com/login/device",
    started=NOW - timedelta(minutes=1),
    expires=NOW + timedelta(minutes=14),
    interval=5,
    parent="",
    client_id="Iv23acme",
)


@given(
    started=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(tzinfo=NOW.tzinfo)),  # noqa: DTZ001
    life=st.integers(1, 86_400),
    interval=st.integers(1, 300),
    request=st.one_of(st.none(), st.text(max_size=64)),
    unused=st.integers(0, 9),
    ended=st.sampled_from([None, DENIED]),
)
def test_a_flow_that_was_stored_comes_back_and_only_its_key_has_the_secret(  # noqa: PLR0917 - hypothesis names them
    started: datetime, life: int, interval: int, request: str | None, unused: int, ended: Terminal | None
) -> None:
    started = started.replace(microsecond=0)
    flow = replace(
        FLOW,
        started=started,
        expires=started + timedelta(seconds=life),
        interval=interval,
        request=request,
        unused=unused,
        ended=ended,
        secret=None if ended else FLOW.secret,
    )
    body = credential_body.with_flow(None, flow, user_githubtoken())
    found = kept_flow.read(body)
    assert found is not None
    assert replace(found, ended=None) == replace(flow, ended=None)
    assert (found.ended and found.ended.message) == (ended and ended.message)
    assert "the-device-code" not in str(body["metadata"])
    assert (DEVICE_CODE in body["data"]) is (ended is None)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"startedAt": "soon"}', "null", '{"userCode": 1}'])
def test_an_annotation_that_cannot_be_read_is_no_flow(text: str) -> None:
    assert kept_flow.read(secret(annotations={kept_flow.FLOW: text})) is None
