"""Which refresh token must not be sent: the table of docs/rotation.md, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.user.credentials import credential, sendable
from githubtoken_operator.domain.user.credentials import credential_body as body_of
from githubtoken_operator.domain.user.credentials.sendable import Expected
from githubtoken_operator.domain.vocabulary import reasons
from tests.unit.builders import app, secret
from tests.unit.domain.user.chains import (
    CLIENT,
    SEEDED,
    STRANGER,
    TOKEN,
    intent,
    noted,
    put_back,
    refresh,
    rotated,
    seeded,
)

AGAIN = reasons.REAUTHORIZATION_REQUIRED


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        pytest.param(secret(), reasons.CREDENTIAL_MISSING, "no refresh token to start from", id="no refresh token"),
        pytest.param(noted(rotated(), refused=refresh(1).sha256), AGAIN, "GitHub refuses", id="GitHub refused it"),
        pytest.param(put_back(rotated(2), "ghr_refresh1"), AGAIN, "old, spent", id="the parent was put back"),
        pytest.param(put_back(rotated(5), "ghr_refresh2"), AGAIN, "old, spent", id="an earlier one was put back"),
        pytest.param(put_back(rotated(2), "ghr_seed"), AGAIN, "old, spent", id="the seed was put back"),
        pytest.param(
            body_of.with_intent(rotated(), intent(refresh(1)), TOKEN, "Iv23other"),
            AGAIN,
            "`Iv23other`",
            id="of another App",
        ),
        pytest.param(
            noted(put_back(rotated(2), "ghr_seed"), refused=SEEDED.sha256),
            AGAIN,
            "GitHub refuses",
            id="the first reason that fits is told",
        ),
    ],
)
def test_a_refresh_token_that_must_not_be_sent(body: dict[str, Any], reason: str, message: str) -> None:
    found = sendable.refusal(credential.read(body), Expected(CLIENT, app().server))
    assert found is not None
    assert found.reason == reason
    assert message in found.message
    assert "ghr_" not in found.message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(seeded(), id="a seed"),
        pytest.param(rotated(), id="our own"),
        pytest.param(rotated(3), id="our own, after a few rotations"),
        pytest.param(put_back(rotated(2), "ghr_stranger"), id="a newer sign-in"),
        pytest.param(noted(rotated(), refused=STRANGER.sha256), id="another one was refused"),
        pytest.param(noted(put_back(rotated(), "ghr_new"), refused=refresh(1).sha256), id="a new one voids the mark"),
        pytest.param(secret(data={"refresh_token": "ghr_x"}), id="without any annotation"),
    ],
)
def test_a_refresh_token_that_may_be_sent(body: dict[str, Any]) -> None:
    assert sendable.refusal(credential.read(body), Expected(CLIENT, app().server)) is None
