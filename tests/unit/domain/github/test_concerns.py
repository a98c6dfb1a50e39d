"""Of whom an answer speaks that is no success: of the host, of who asked alone, or of nobody, as GitHub is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from githubtoken_operator.domain.github.answers import app_info, installation, installation_token, login
from githubtoken_operator.domain.github.device_answers import signed_in_token
from githubtoken_operator.domain.github.oauth_answers import refreshed_token
from githubtoken_operator.domain.vocabulary.errors import Concern, TokenError
from githubtoken_operator.domain.vocabulary.model import Answer

DATE = "Mon, 23 Nov 2026 01:00:00 GMT"
PAGE = b"<!doctype html><title>Sign in to the network</title>"
SUSPENDED = {"id": 7, "account": {"login": "acme"}, "suspended_at": "2026-01-01T00:00:00Z"}


def refreshed(answer: Answer) -> object:
    return refreshed_token(answer)


READERS = [
    pytest.param(reader, id=reader.__name__)
    for reader in (app_info, installation, installation_token, login, refreshed, signed_in_token)
]


def concern(reader: Callable[[Answer], object], status: int, body: bytes | dict[str, Any]) -> Concern:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(TokenError) as caught:
        reader(Answer(status, {"date": DATE}, raw))
    return caught.value.concern


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(500, {"message": "Server Error"}, Concern.HOST, id="500"),
        pytest.param(502, PAGE, Concern.HOST, id="502 of a front"),
        pytest.param(503, b"", Concern.HOST, id="503"),
        pytest.param(200, PAGE, Concern.LANE, id="a page"),
        pytest.param(200, b'{"to', Concern.LANE, id="cut off"),
        pytest.param(200, b"[]", Concern.LANE, id="no object"),
        pytest.param(201, {"odd": True}, Concern.LANE, id="an object without what it must have"),
        pytest.param(204, b"", Concern.LANE, id="a success without an answer"),
        pytest.param(408, b"", Concern.LANE, id="408"),
        pytest.param(403, PAGE, Concern.NOBODY, id="a proxy's refusal"),
        pytest.param(302, b"", Concern.NOBODY, id="a redirect"),
        pytest.param(418, {"message": "odd words"}, Concern.HEARD, id="words that no rule knows"),
    ],
)
def test_only_5xx_speaks_of_the_host(
    reader: Callable[[Answer], object], status: int, body: bytes | dict[str, Any], expected: Concern
) -> None:
    assert concern(reader, status, body) is expected


@pytest.mark.parametrize(
    ("reader", "status", "body"),
    [
        (app_info, 401, {"message": "A JSON web token could not be decoded"}),
        (installation, 404, {"message": "Not Found"}),
        (installation, 200, SUSPENDED),
        (installation_token, 422, {"message": "The permissions requested are not granted to this installation."}),
        (installation_token, 403, {"message": "This installation has been suspended"}),
        (login, 401, {"message": "Bad credentials"}),
        (refreshed, 200, {"error": "bad_refresh_token"}),
        (refreshed, 200, {"error": "nobody_knows_this_one"}),
        (signed_in_token, 200, {"error": "authorization_pending"}),
        (signed_in_token, 200, {"error": "incorrect_device_code"}),
    ],
)
def test_whatever_github_itself_refuses_it_is_there(
    reader: Callable[[Answer], object], status: int, body: dict[str, Any]
) -> None:
    assert concern(reader, status, body) is Concern.HEARD


@pytest.mark.parametrize("word", ["server_error", "temporarily_unavailable"])
def test_a_trouble_that_is_told_by_an_answer_is_that_ones_alone(word: str) -> None:
    assert concern(refreshed, 200, {"error": word}) is Concern.LANE
