"""Whose the consumer's Secret is: when it may be written, and what is said where it may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from githubtoken_operator.domain.consumer import consumer, ownership
from githubtoken_operator.domain.objects.secrets import ADOPT, ADOPTED, NAME, ROLE, giver
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from tests.unit.builders import app, githubtoken, issued, published, secret

OURS: dict[str, Any] = {"labels": {ROLE: "token"}, "annotations": {NAME: "ci"}}
GIVEN = {ADOPT: "true"}
THEIR_OWNER = {"kind": "ConfigMap", "name": "ci", "uid": "uid-theirs", "controller": True}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(None, id="absent"),
        pytest.param(secret(**OURS, owner="uid-ci"), id="ours"),
        pytest.param(secret(owner="uid-ci"), id="ours, without its label and annotations"),
        pytest.param(secret(**OURS), id="retained by an earlier one of this name, or adopted"),
        pytest.param(secret(annotations=GIVEN), id="given for adoption"),
        pytest.param(secret(annotations=GIVEN, labels={ROLE: "seed"}), id="a seed given for adoption"),
        pytest.param(secret(**OURS, owner="uid-ci", type="kubernetes.io/tls"), id="ours, of another type"),
        pytest.param(secret(**OURS, type="kubernetes.io/tls"), id="retained, of another type"),
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
        pytest.param(
            secret(**OURS) | {"metadata": {**secret(**OURS)["metadata"], "ownerReferences": [THEIR_OWNER]}},
            "controlled by another object",
            id="ours, given to another controller",
        ),
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


def test_what_a_githubtoken_that_is_gone_has_left_can_be_handed_on() -> None:
    left = secret(labels={ROLE: "token"}, annotations={NAME: "web", **GIVEN})
    assert giver(left, githubtoken(), "token") == ("web", False)
    assert ownership.conflict(left, githubtoken(), abandoned=True) is None
    controlled = secret(labels={ROLE: "token"}, annotations={NAME: "web", **GIVEN}, owner="uid-web")
    assert "is controlled by another object" in (ownership.conflict(controlled, githubtoken(), abandoned=True) or "")


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(None, id="absent"),
        pytest.param(secret(labels={ROLE: "token"}, annotations={NAME: "web"}), id="not given"),
        pytest.param(secret(labels={ROLE: "token"}, annotations={NAME: "ci", **GIVEN}), id="ours"),
        pytest.param(secret(annotations=GIVEN), id="a human's"),
    ],
)
def test_nobody_hands_on_what_was_not_kept_for_another_or_is_not_given(found: dict[str, Any] | None) -> None:
    assert giver(found, githubtoken(), "token") is None


def test_that_a_secret_was_adopted_is_remembered_when_the_annotation_goes() -> None:
    body = consumer.render(githubtoken(), issued(), app().server, adopted=True)
    assert body["metadata"]["annotations"][ADOPTED] == "true"
    assert ownership.adopts(body)
    assert ADOPTED not in consumer.render(githubtoken(), issued(), app().server)["metadata"]["annotations"]
    # It is no word of its owner's: a Secret that is not ours any more has to be given again.
    stripped = secret(annotations={ADOPTED: "true"})
    assert "was made by somebody else" in (ownership.conflict(stripped, githubtoken()) or "")


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


# --- Edited in what says whose it is ---------------------------------------------------------------------------------


def retained(role: str | None, **annotations: str) -> dict[str, Any]:
    """A Secret without owner that was published for `ci`, and then relabelled and annotated."""
    body = published(githubtoken(deletionPolicy="Retain"), issued())
    body["metadata"]["labels"] = {ROLE: role} if role else {}
    body["metadata"]["annotations"].update(annotations)
    return body


@pytest.mark.parametrize(
    ("body", "ours"),
    [
        pytest.param(retained("token"), True, id="as it was"),
        pytest.param(retained(None), True, id="without its label, while the annotations speak of its token"),
        pytest.param(retained(None, **{consumer.TOKEN_SHA256: "0"}), False, id="without its label and its hash"),
        pytest.param(retained("app"), False, id="with another role"),
        pytest.param(retained("token", **{NAME: "web"}), False, id="with another's name"),
    ],
)
def test_a_secret_without_owner_is_known_by_label_and_annotations(body: dict[str, Any], *, ours: bool) -> None:
    assert ownership.is_ours(body, githubtoken()) is ours


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            secret(**{**OURS, "annotations": {NAME: "ci", **GIVEN}}),
            "has the type `Opaque`, which must be `kubernetes.io/basic-auth`",
            id="an adopted one is not deleted for another type",
        ),
        pytest.param(
            {**secret(), "metadata": {**secret(**OURS, owner="uid-ci")["metadata"], "deletionTimestamp": "now"}},
            "somebody's finalizer holds it",
            id="one that somebody holds while it is being deleted",
        ),
    ],
)
def test_a_secret_of_ours_whose_type_cannot_be_changed_is_said(body: dict[str, Any], message: str) -> None:
    assert message in (ownership.conflict(body, githubtoken(secret={"formats": ["BasicAuth"]})) or "")
    assert ownership.conflict(body, githubtoken()) is None


@pytest.mark.parametrize(
    ("formats", "asks"),
    [
        pytest.param(["BasicAuth"], True, id="where the formats allow it"),
        pytest.param(["DockerConfigJSON"], False, id="where they do not"),
    ],
)
def test_an_opaque_secret_that_is_handed_over_can_be_taken_as_it_is(formats: list[str], *, asks: bool) -> None:
    said = ownership.conflict(secret(annotations=GIVEN), githubtoken(secret={"formats": formats})) or ""
    assert ("set `spec.secret.type: Opaque`" in said) is asks


# --- Several that want one -------------------------------------------------------------------------------------------


def claimant(name: str, created: str, wants: str = "shared") -> GitHubToken:
    return replace(githubtoken(name, secret={"name": wants}), created=created)


OLD, NEW = "2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"


@pytest.mark.parametrize(
    ("token", "rivals", "first"),
    [
        pytest.param(claimant("b", OLD), [], None, id="alone"),
        pytest.param(claimant("b", OLD), [claimant("a", NEW), claimant("c", NEW)], None, id="the oldest"),
        pytest.param(claimant("b", NEW), [claimant("c", OLD)], "c", id="a younger one"),
        pytest.param(claimant("c", OLD), [claimant("b", OLD), claimant("a", OLD)], "a", id="of one age, by name"),
        pytest.param(claimant("a", OLD), [claimant("b", OLD)], None, id="of one age, the first by name"),
        pytest.param(claimant("b", NEW), [claimant("a", OLD, wants="other")], None, id="another wants another"),
    ],
)
def test_the_oldest_goes_first(token: GitHubToken, rivals: list[GitHubToken], first: str | None) -> None:
    said = ownership.outranked(token, None, rivals)
    assert (first is None) == (said is None)
    assert first is None or f"also wanted by GitHubToken `{first}`" in (said or "")


def test_the_annotated_owner_goes_before_the_oldest() -> None:
    body = secret("shared", labels={ROLE: "token"}, annotations={NAME: "b"})
    assert ownership.outranked(claimant("b", NEW), body, [claimant("a", OLD)]) is None
