"""Which credential Secrets have lost their GitHubToken."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.objects.secrets import NAME, ROLE, encoded
from githubtoken_operator.domain.user.credentials.orphans import Orphan, orphans
from githubtoken_operator.domain.vocabulary.times import parse_time
from tests.unit.builders import githubtoken_body, user_body

EXPIRES = "2026-09-01T00:00:00Z"


def credential(name: str = "ci-credential", of: str | None = "ci", role: str = "credential") -> dict[str, Any]:
    notes = {} if of is None else {NAME: of}
    meta = {"name": name, "namespace": "team", "labels": {ROLE: role}, "annotations": notes}
    return {"metadata": meta, "data": encoded({"refresh_token": "ghr_x", "refresh_expires_at": EXPIRES})}


@pytest.mark.parametrize(
    ("tokens", "orphaned"),
    [
        pytest.param([], True, id="the GitHubToken is gone"),
        pytest.param([user_body()], False, id="it is there"),
        pytest.param([githubtoken_body()], True, id="one of that name is of another kind"),
        pytest.param([user_body(name="other")], True, id="another is there"),
    ],
)
def test_a_credential_without_its_githubtoken_is_an_orphan(tokens: list[dict[str, Any]], orphaned: bool) -> None:  # noqa: FBT001
    found = orphans([credential()], tokens)
    assert bool(found) is orphaned
    if orphaned:
        assert found == [Orphan("team", "ci-credential", "ci", parse_time(EXPIRES), None)]


def test_one_that_the_githubtoken_of_its_name_does_not_keep_is_an_orphan_too() -> None:
    found = orphans([credential("earlier"), credential()], [user_body()])
    assert [orphan.name for orphan in found] == ["earlier"]


def test_one_that_says_nothing_of_its_githubtoken_is_an_orphan_and_other_secrets_are_not() -> None:
    found = orphans([credential(of=None), credential("ci", role="token"), credential("s", role="seed")], [])
    assert [(orphan.name, orphan.of) for orphan in found] == [("ci-credential", "")]


def test_nothing_of_the_pair_is_kept() -> None:
    assert "ghr_x" not in repr(orphans([credential()], []))
