"""Whose a credential Secret is."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.consumer import ownership
from githubtoken_operator.domain.objects.secrets import ADOPT, NAME, ROLE, giver
from githubtoken_operator.domain.user.credentials import credential_body as body_of
from githubtoken_operator.domain.user.credentials import credential_ownership
from githubtoken_operator.domain.user.credentials.credential import CLIENT_ID
from githubtoken_operator.domain.vocabulary.model import Token
from tests.unit.builders import githubtoken, secret
from tests.unit.domain.user.chains import CLIENT, TOKEN, intent, rotated

WRITTEN = {NAME: "ci", CLIENT_ID: CLIENT}
MINE: dict[str, Any] = {"labels": {ROLE: "credential"}, "annotations": {NAME: "ci"}}
GIVEN: dict[str, Any] = {"annotations": {ADOPT: "true"}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param(secret("ci-credential", **MINE), None, id="ours"),
        pytest.param(secret("ci-credential", **GIVEN), None, id="given for adoption"),
        pytest.param(secret("ci-credential", annotations=WRITTEN), None, id="ours, whose label was taken away"),
        pytest.param(
            secret("ci-credential", annotations={**WRITTEN, NAME: "web"}), "made by somebody else", id="without label"
        ),
        pytest.param(secret("ci-credential"), "made by somebody else", id="somebody else's"),
        pytest.param(
            secret("ci-credential", labels={ROLE: "token"}), "cannot be adopted", id="a consumer's, and not given"
        ),
        pytest.param(secret("ci-credential", **MINE, immutable=True), "is immutable", id="ours, made immutable"),
        pytest.param(
            secret("ci-credential", labels={ROLE: "credential"}, annotations={NAME: "web"}),
            "credential of GitHubToken `web`",
            id="another GitHubToken's",
        ),
        pytest.param(secret("ci-credential", **GIVEN, immutable=True), "cannot be adopted", id="immutable"),
        pytest.param(
            secret("ci-credential", **GIVEN, type="kubernetes.io/tls"), "cannot be adopted", id="another type"
        ),
        pytest.param(secret("ci-credential", **GIVEN, owner="uid"), "cannot be adopted", id="controlled"),
        pytest.param(
            secret("ci-credential", **GIVEN, labels={ROLE: "token"}), "cannot be adopted", id="a consumer's Secret"
        ),
        pytest.param(secret("ci-credential", **GIVEN, labels={ROLE: "app"}), "cannot be adopted", id="an App's key"),
    ],
)
def test_whose_credential_a_secret_is(body: dict[str, Any] | None, message: str | None) -> None:
    said = credential_ownership.conflict(body, TOKEN)
    if message is None:
        assert said is None
    else:
        assert said is not None
        assert said.startswith("Secret `ci-credential` ")
        assert message in said


def test_the_credential_of_a_githubtoken_that_is_gone_can_be_handed_on() -> None:
    given = secret("ci-credential", labels={ROLE: "credential"}, annotations={NAME: "web", ADOPT: "true"})
    assert giver(given, TOKEN, "credential") == ("web", False)
    assert credential_ownership.conflict(given, TOKEN, abandoned=True) is None
    assert "credential of GitHubToken `web`" in (credential_ownership.conflict(given, TOKEN) or "")


def test_an_adopted_secret_becomes_ours_with_the_first_write() -> None:
    body = secret("ci-credential", {"refresh_token": "ghr_x"}, **GIVEN)
    after = body_of.with_intent(body, intent(Token("ghr_x")), TOKEN, CLIENT)
    assert after["metadata"]["labels"][ROLE] == "credential"
    # Given once, it is not for the next one to take.
    assert ADOPT not in after["metadata"]["annotations"]
    assert credential_ownership.conflict(after, TOKEN) is None
    # Its maker's it stays all the same: revocation does not delete it.
    assert ownership.adopts(after)
    assert ownership.adopts(body_of.with_intent(after, intent(Token("ghr_x")), TOKEN, CLIENT))
    assert not ownership.adopts(rotated(2))


def test_a_label_that_was_taken_away_is_put_back_and_nothing_else_is_changed() -> None:
    taken = rotated(2)
    del taken["metadata"]["labels"]
    assert credential_ownership.lacks_label(taken)
    assert body_of.marked(taken, TOKEN) == rotated(2)
    assert not credential_ownership.lacks_label(rotated(2))
    assert not credential_ownership.lacks_label(secret("ci-credential"))


def test_an_installation_token_has_no_credential() -> None:
    assert credential_ownership.conflict(secret("ci-credential"), githubtoken()) is None
