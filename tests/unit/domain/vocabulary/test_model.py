"""A token never shows itself, and an App knows what it is called and where it lives."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import FrozenInstanceError

import pytest

from githubtoken_operator.domain.vocabulary.model import Answer, Server, Token
from tests.unit.builders import access_token, app, pair

CANARY = "ghu_canary"


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(repr, id="repr"),
        pytest.param(str, id="str"),
        pytest.param(lambda token: f"{token}", id="f-string"),
        pytest.param(lambda token: f"{token:>40}", id="f-string with a format"),
        pytest.param(lambda token: f"{token!r}", id="f-string with repr"),
        pytest.param(lambda token: "%s %r" % (token, token), id="percent"),  # noqa: UP031
        pytest.param(lambda token: repr([token, {"token": token}]), id="inside of others"),
    ],
)
def test_a_token_shows_a_mask(shown: object) -> None:
    assert callable(shown)
    text = shown(Token(CANARY))
    assert CANARY not in text
    assert "Token(…)" in text


def test_only_reveal_gives_the_text() -> None:
    assert Token(CANARY).reveal() == CANARY


def test_tokens_are_equal_by_their_text() -> None:
    assert Token("a") == Token("a")
    assert Token("a") != Token("b")
    assert Token("a") != "a"
    assert len({Token("a"), Token("a"), Token("b")}) == 2


def test_both_hashes_are_of_the_text() -> None:
    token = Token("abc")
    assert token.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert b64decode(token.sha256_base64).hex() == token.sha256


def test_nothing_that_holds_a_secret_shows_it() -> None:
    answer = Answer(200, {}, b'{"access_token": "ghu_canary"}')
    shown = repr([answer, app(client_secret=Token(CANARY)), pair(), access_token()])
    assert CANARY not in shown
    assert "ghu_" not in shown
    assert "ghr_" not in shown
    assert "ghs_" not in shown


def test_values_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        app().app_id = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("app_id", "client_id", "issuer", "identity"),
    [
        pytest.param(1, "Iv23", "Iv23", "1", id="both"),
        pytest.param(1, None, "1", "1", id="only the App's id"),
        pytest.param(None, "Iv23", "Iv23", "Iv23", id="only the client id"),
    ],
)
def test_the_client_id_signs_and_the_apps_id_names_it(
    app_id: int | None, client_id: str | None, issuer: str, identity: str
) -> None:
    made = app(app_id=app_id, client_id=client_id)
    assert (made.issuer, made.identity) == (issuer, identity)


def test_the_hosts_are_taken_from_the_two_urls() -> None:
    made = Server("https://ghe.example:8443/api/v3", "https://ghe.example")
    assert (made.api_host, made.web_host) == ("ghe.example:8443", "ghe.example")
