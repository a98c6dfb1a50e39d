"""Whose the consumer's Secret is: when it may be written, and what is said where it may not."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain import consumer, ownership
from githubtoken_operator.domain.secrets import ADOPT, NAME, ROLE
from tests.unit.builders import app, githubtoken, issued, secret

OURS: dict[str, Any] = {"labels": {ROLE: "token"}, "annotations": {NAME: "ci"}}
GIVEN = {ADOPT: "true"}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(None, id="absent"),
        pytest.param(secret(**OURS, owner="uid-ci"), id="ours"),
        pytest.param(secret(owner="uid-ci"), id="ours, without its label and annotations"),
        pytest.param(secret(**OURS), id="retained by an earlier one of this name, or adopted"),
        pytest.param(secret(annotations=GIVEN), id="given for adoption"),
        pytest.param(secret(annotations=GIVEN, labels={ROLE: "seed"}), id="a seed given for adoption"),
    ],
)
def test_a_secret_may_be_written(found: dict[str, Any] | None) -> None:
    assert ownership.conflict(found, githubtoken()) is None


@pytest.mark.parametrize(
    ("found", "message"),
    [
        pytest.param(secret(), "made by somebody else", id="somebody else's"),
        pytest.param(secret(annotations={ADOPT: "yes"}), "made by somebody else", id="not given in so many words"),
        pytest.param(secret(labels={ROLE: "token"}), "made by somebody else", id="the label alone makes it nobody's"),
        pytest.param(secret(annotations=GIVEN, immutable=True), "is immutable", id="immutable"),
        pytest.param(secret(**OURS, owner="uid-ci", immutable=True), "is immutable", id="ours, made immutable"),
        pytest.param(secret(annotations=GIVEN, type="kubernetes.io/tls"), "must be `Opaque`", id="another type"),
        pytest.param(
            secret(annotations=GIVEN, labels={ROLE: "credential"}), "has the role `credential`", id="a credential"
        ),
        pytest.param(secret(annotations=GIVEN, labels={ROLE: "app"}), "has the role `app`", id="an App's key"),
        pytest.param(secret(annotations=GIVEN, owner="uid-other"), "controlled by another object", id="controlled"),
        pytest.param(secret(**OURS, owner="uid-earlier"), "an earlier GitHubToken `ci`", id="a predecessor's"),
        pytest.param(
            secret(labels={ROLE: "token"}, annotations={NAME: "web"}, owner="uid-web"),
            "belongs to GitHubToken `web`",
            id="another GitHubToken's",
        ),
        pytest.param(
            secret(labels={ROLE: "token"}, annotations={NAME: "web", **GIVEN}),
            "belongs to GitHubToken `web`",
            id="another GitHubToken's, adopted by it",
        ),
    ],
)
def test_a_secret_that_is_not_ours_is_refused_with_a_word_of_what_to_do(found: dict[str, Any], message: str) -> None:
    said = ownership.conflict(found, githubtoken())
    assert said is not None
    assert said.startswith("Secret `ci` ")
    assert message in said


def test_an_adopted_secret_is_ours_from_then_on() -> None:
    token = githubtoken()
    foreign = secret(annotations=GIVEN, data={"mine": "1"})
    assert ownership.adopts(foreign)
    body = consumer.render(token, issued(), app().server, adopted=True)
    body["metadata"]["annotations"] |= GIVEN
    assert ownership.conflict(body, token) is None
    assert ownership.is_ours(body, token)


def test_the_spec_names_the_secret_in_the_message() -> None:
    token = githubtoken(secret={"name": "other"})
    assert (ownership.conflict(secret("other"), token) or "").startswith("Secret `other` ")
