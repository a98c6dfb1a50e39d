"""Where a pair that GitHub answered belongs, by what the Secret has become meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.objects.secrets import encoded
from githubtoken_operator.domain.user import placement
from githubtoken_operator.domain.user.credentials import credential_body as body_of
from githubtoken_operator.domain.user.placement import Placement
from tests.unit.builders import secret
from tests.unit.domain.user.chains import CLIENT, TOKEN, grant, intent, noted, put_back, refresh, rotated


@pytest.mark.parametrize(
    ("body", "where"),
    [
        pytest.param(body_of.with_pair(rotated(), grant(2, parent=refresh(1))), Placement.SAVED, id="it is there"),
        pytest.param(rotated(), Placement.PUT, id="the parent, as it was read"),
        pytest.param(
            body_of.with_intent(rotated(), intent(refresh(1)), TOKEN, CLIENT),
            Placement.PUT,
            id="with our intent",
        ),
        pytest.param(noted(rotated(), ours=None), Placement.PUT, id="the parent, with nothing said of who wrote it"),
        pytest.param(
            noted(rotated(), refused=refresh(1).sha256), Placement.PUT, id="marked as refused by an impatient successor"
        ),
        pytest.param(put_back(rotated(), "ghr_new"), Placement.SUPERSEDED, id="a human signed in"),
        pytest.param(rotated(3), Placement.SUPERSEDED, id="the chain went on"),
        pytest.param(
            put_back(rotated(3), "ghr_refresh1"),
            Placement.SUPERSEDED,
            id="the chain went on, then the parent came back",
        ),
        pytest.param(put_back(rotated(2), "ghr_seed"), Placement.SUPERSEDED, id="an old seed was put back"),
        pytest.param(secret("ci-credential"), Placement.SUPERSEDED, id="a human emptied the Secret"),
        pytest.param(None, Placement.SUPERSEDED, id="a human deleted the Secret"),
    ],
)
def test_where_a_pair_belongs(body: dict[str, Any] | None, where: Placement) -> None:
    mine = grant(2, parent=refresh(1), ours=refresh(1).sha256)
    assert placement.place(body, mine) is where


def test_the_same_refresh_token_beside_another_access_token_is_not_this_pair() -> None:
    body = body_of.with_pair(rotated(), grant(2, parent=refresh(1)))
    body["data"]["token"] = encoded({"": "ghu_other"})[""]
    assert placement.place(body, grant(2, parent=refresh(1), ours=refresh(1).sha256)) is Placement.SUPERSEDED
