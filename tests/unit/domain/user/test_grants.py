"""Whether an answer that nothing could be made of may be the only copy of a pair."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.user.entry import Entry, decode, encode
from githubtoken_operator.domain.user.grants import may_hold_a_pair, pair_in
from githubtoken_operator.domain.vocabulary.errors import NotUnderstood, OutcomeUnknown, RefreshTokenRefused, TokenError
from githubtoken_operator.domain.vocabulary.model import Answer, Token

DATE = "Fri, 02 Jan 2026 03:04:05 GMT"
KEY = ("team", "ci-credential")
SENT = Token("ghr_sent")
PAIR = {
    "access_token": "ghu_0123456789",
    "expires_in": 28800,
    "refresh_token": "ghr_0123456789",
    "refresh_token_expires_in": 15811200,
    "token_type": "bearer",
    "scope": "",
}
ABSENT = object()


def answer(body: bytes | str, status: int = 200) -> Answer:
    return Answer(status, {"date": DATE}, body if isinstance(body, bytes) else body.encode())


def entry(**changes: object) -> Entry:
    document = {key: value for key, value in {**PAIR, **changes}.items() if value is not ABSENT}
    return Entry(SENT.sha256, SENT.sha256, None, 200, DATE, json.dumps(document).encode())


KEPT = [
    pytest.param(json.dumps({**PAIR, "access_token": "ghx_new"}), id="a new prefix"),
    pytest.param(json.dumps({**PAIR, "access_token": {"value": "x"}}), id="a token that is an object"),
    pytest.param('{"data": {"access_token": "x"}}', id="an envelope"),
    pytest.param('{"token": "ghu_abcdefgh"}', id="another name for the token"),
    pytest.param('{"access_token": "ghu_0123456789", "refr', id="JSON cut off after the token began"),
    pytest.param("access_token=ghu_0123456789&token_type=bearer", id="a form's text"),
    pytest.param("<OAuth><access_token>ghu_0123456789</access_token></OAuth>", id="XML"),
    pytest.param(gzip.compress(json.dumps(PAIR).encode()), id="a compressed body whose header a proxy dropped"),
    pytest.param("eyJhbGciOiJSU0EtT0FFUCJ9.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9k", id="encrypted"),
    pytest.param(json.dumps(PAIR).encode("utf-16"), id="in UTF-16"),
    pytest.param('{"error": "deprecated", "access_token": "ghx_new"}', id="a pair with a complaint"),
    pytest.param("[" * 100 + '"ghu_abcdefgh"' + "]" * 100, id="nested"),
]
NOT_KEPT = [
    pytest.param("", id="nothing"),
    pytest.param("  \r\n", id="blank"),
    pytest.param("<!DOCTYPE html><p>Sign in to the proxy: ghs_notForYou123456", id="HTML"),
    pytest.param("\ufeff<html><script>var access_token = null</script>", id="HTML with a script"),
    pytest.param("<html>Dienst nicht verfügbar".encode("latin-1"), id="HTML of an old server"),
    pytest.param("Under maintenance, see https://status.example.com/incidents", id="a few words"),
    pytest.param("Dienst nicht verfügbar".encode("latin-1"), id="a few words in an old encoding"),
    pytest.param("{}", id="an empty object"),
    pytest.param('{"status": "ok", "request_id": "3f2b8c1e-aaaa-bbbb-cccc-0123456789ab"}', id="JSON of a gateway"),
    pytest.param(
        '{"error": "surprise", "error_description": "access_token is wrong"}', id="an error that is not known"
    ),
    pytest.param('{"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}', id="a REST error"),
    pytest.param('{"acce', id="JSON cut off before it said anything"),
]


@pytest.mark.parametrize("body", KEPT)
def test_what_may_hold_a_pair_is_kept(body: bytes | str) -> None:
    assert may_hold_a_pair(answer(body))


@pytest.mark.parametrize("body", NOT_KEPT)
def test_what_holds_none_is_not_kept(body: bytes | str) -> None:
    assert not may_hold_a_pair(answer(body))


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 502])
def test_an_answer_that_is_no_success_brings_no_pair(status: int) -> None:
    assert not may_hold_a_pair(answer(json.dumps(PAIR), status))


@given(st.binary(max_size=200), st.integers(200, 599))
def test_whatever_comes_is_a_pair_or_an_error_of_ours(body: bytes, status: int) -> None:
    found = Entry("", "", None, status, DATE, body, "ci", "Iv23")
    for one in (found, Entry("", "", None, status, DATE, body)):
        with pytest.raises(TokenError):
            pair_in(KEY, one)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"access_token": "ghx_0123456789"}, id="prefix"),
        pytest.param({"access_token": "ghu_01234~6789"}, id="alphabet of the token"),
        pytest.param({"refresh_token": "ghr_01234+6789"}, id="alphabet of the refresh token"),
        pytest.param({"expires_in": "eight hours"}, id="a life in words"),
        pytest.param({"expires_in": ABSENT}, id="no life"),
        pytest.param({"refresh_token": ABSENT}, id="no refresh token"),
        pytest.param({"token_type": "mac"}, id="another type"),
        pytest.param({"refresh_token": SENT.reveal()}, id="the token that was sent"),
    ],
)
def test_a_pair_of_a_form_that_is_not_known_is_not_understood(changes: dict[str, object]) -> None:
    with pytest.raises(NotUnderstood) as raised:
        pair_in(KEY, entry(**changes))
    assert "`ci-credential`" in raised.value.message
    assert "0123456789" not in raised.value.message


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="as it is"),
        pytest.param({"expires_in": "28800", "refresh_token_expires_in": "15811200"}, id="lives as text"),
        pytest.param({"expires_in": 28800.0}, id="a life with a fraction of nothing"),
        pytest.param({"refresh_token_expires_in": ABSENT}, id="without the life of the refresh token"),
        pytest.param({"id_token": "x", "interval": [1], "": {}}, id="further fields"),
    ],
)
def test_a_pair_that_leaves_no_doubt_is_understood(changes: dict[str, object]) -> None:
    grant = pair_in(KEY, entry(**changes))
    assert grant.access.expires_in == 28800
    assert grant.access.refresh_token == Token("ghr_0123456789")
    assert grant.access.refresh_expires_in == (
        None if "refresh_token_expires_in" in changes and changes["refresh_token_expires_in"] is ABSENT else 15811200
    )


def test_where_expiry_was_switched_off_the_stored_refresh_token_stays() -> None:
    forever = {"expires_in": ABSENT, "refresh_token_expires_in": ABSENT}
    for refresh in (ABSENT, "", SENT.reveal()):
        assert pair_in(KEY, entry(**forever, refresh_token=refresh)).access.refresh_token is None


def test_a_refusal_is_a_refusal_also_later() -> None:
    with pytest.raises(RefreshTokenRefused):
        pair_in(KEY, Entry("", "", None, 200, DATE, b'{"error": "bad_refresh_token"}'))


def test_an_unknown_outcome_stays_one() -> None:
    with pytest.raises(OutcomeUnknown) as raised:
        pair_in(KEY, Entry("", "", None, 502, DATE, b"<html>"))
    assert "kept" not in raised.value.message


@given(st.binary(max_size=100), st.text(max_size=10), st.none() | st.text(max_size=10), st.integers(100, 599))
def test_what_is_kept_comes_back_as_it_was(body: bytes, parent: str, ours: str | None, status: int) -> None:
    for found in (Entry(parent, "", ours, status, DATE, body), Entry(parent, "", ours, status, DATE, body, "ci", "Iv")):
        assert decode(encode(KEY, found)) == (KEY, found)


def test_the_headers_of_an_answer_are_there_while_it_is_new_and_are_not_kept() -> None:
    new = replace(entry(), headers={"retry-after": "3", "set-cookie": "a secret", "date": "another"})
    assert new.answer.headers == {"retry-after": "3", "set-cookie": "a secret", "date": DATE}
    assert b"a secret" not in encode(KEY, new)
    assert decode(encode(KEY, new)) == (KEY, new)
    assert decode(encode(KEY, new))[1].answer.headers == {"date": DATE}
