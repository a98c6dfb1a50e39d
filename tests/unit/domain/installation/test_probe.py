"""A token counts as working when GitHub honours what it is for, and not merely knows it."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.installation import probe
from githubtoken_operator.domain.installation.probe import RATE_LIMIT, REPOSITORIES
from githubtoken_operator.domain.vocabulary.errors import KeptOut
from tests.unit.domain.github.test_answers import answer, words

ONE: dict[str, Any] = {"total_count": 1, "repositories": [{}]}
NONE: dict[str, Any] = {"total_count": 0, "repositories": []}
NOT_YET = words("Resource not accessible by integration")


@pytest.mark.parametrize(
    ("permissions", "asked"),
    [
        ({"metadata": "read"}, REPOSITORIES),
        ({"contents": "write", "metadata": "read"}, REPOSITORIES),
        ({"members": "read"}, RATE_LIMIT),
        ({"enterprise_people": "read"}, RATE_LIMIT),
        ({}, RATE_LIMIT),
    ],
)
def test_a_token_is_asked_for_what_it_may_see(permissions: dict[str, str], asked: str) -> None:
    assert probe.path(permissions) == asked


@pytest.mark.parametrize(
    ("asked", "narrowed", "status", "document", "honoured"),
    [
        pytest.param(REPOSITORIES, False, 200, ONE, True, id="honoured"),
        pytest.param(REPOSITORIES, True, 200, ONE, True, id="narrowed and honoured"),
        pytest.param(REPOSITORIES, True, 200, NONE, False, id="narrowed, and its repositories are not known yet"),
        pytest.param(REPOSITORIES, False, 200, NONE, True, id="an installation without repositories"),
        pytest.param(REPOSITORIES, True, 200, {}, True, id="no count"),
        pytest.param(REPOSITORIES, True, 403, NOT_YET, False, id="its permissions are not known yet"),
        pytest.param(REPOSITORIES, False, 404, words("Not Found"), False, id="it is not known there yet"),
        pytest.param(REPOSITORIES, False, 401, words("Bad credentials"), False, id="it is not known yet"),
        pytest.param(REPOSITORIES, False, 502, {}, False, id="nothing is known"),
        pytest.param(REPOSITORIES, False, 429, words("API rate limit exceeded"), True, id="limited"),
        pytest.param(REPOSITORIES, False, 403, words("API rate limit exceeded"), True, id="limited, as 403"),
        pytest.param(RATE_LIMIT, False, 200, {}, True, id="rate limit"),
        pytest.param(
            RATE_LIMIT, False, 404, words("Rate limiting is not enabled."), True, id="a server without limits"
        ),
        pytest.param(RATE_LIMIT, False, 401, words("Bad credentials"), False, id="rate limit: not known yet"),
        pytest.param(RATE_LIMIT, False, 503, {}, False, id="rate limit: nothing is known"),
    ],
)
def test_what_honours_a_token(
    asked: str, status: int, document: dict[str, Any], *, narrowed: bool, honoured: bool
) -> None:
    assert probe.honoured(answer(status, document), asked=asked, narrowed=narrowed) is honoured


def test_a_rule_that_keeps_it_out_is_no_lag() -> None:
    with pytest.raises(KeptOut):
        probe.honoured(answer(403, words("… has an IP allow list enabled")), asked=REPOSITORIES, narrowed=False)
