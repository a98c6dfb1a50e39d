"""API objects become values; what this version does not serve is refused by the field's name, never ignored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.domain.objects.specs.github_token import (
    ECHO_LIMIT,
    REFRESH_REQUESTED_AT,
    Failures,
    parse_token,
)
from githubtoken_operator.domain.objects.specs.sources import KeyRef, UserSource
from githubtoken_operator.domain.vocabulary import reasons
from tests.unit.builders import NOW, githubtoken, githubtoken_body, user_githubtoken

DEFAULTS = [
    pytest.param({"appRef": {"kind": "GitHubApp", "name": "acme"}}, id="appRef.kind"),
    pytest.param({"appRef": {"kind": "ClusterGitHubApp", "name": "acme"}}, id="appRef.kind of a cluster's App"),
    pytest.param({"secret": {}}, id="an empty secret"),
    pytest.param({"secret": {"type": "Opaque"}}, id="secret.type"),
    pytest.param({"secret": {"formats": []}}, id="no formats"),
    pytest.param({"secret": {"data": {}}}, id="no data"),
    pytest.param({"deletionPolicy": "Delete"}, id="deletionPolicy"),
    pytest.param({"deletionPolicy": "Retain"}, id="deletionPolicy Retain"),
    pytest.param({"deletionPolicy": "Revoke"}, id="deletionPolicy Revoke"),
    pytest.param({"restartTargets": []}, id="no restartTargets"),
    pytest.param({"restartTargets": [{"kind": "Deployment", "name": "web"}]}, id="restartTargets"),
    pytest.param({"propagation": "Kubelet"}, id="propagation"),
    pytest.param({"propagation": "Immediate"}, id="propagation Immediate"),
    pytest.param({"suspend": False}, id="suspend"),
    pytest.param({"user": {}}, id="an empty user"),
]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        pytest.param({"secret": {"type": "kubernetes.io/basic-auth"}}, "`spec.secret.type`", id="a type alone"),
        pytest.param({"secret": {"formats": ["Yaml"]}}, "`spec.secret.formats`", id="an unknown format"),
        pytest.param({"secret": {"data": {"x": "${nonsense}"}}}, "use `${token}`", id="an unknown property"),
        pytest.param({"secret": {"data": {"token": ""}}}, "the key `token`", id="a key of ours"),
        pytest.param({"secret": {"formats": ["ArgoCDRepository"]}}, "ArgoCDRepository needs", id="a bare number"),
        pytest.param({"user": {}, "secret": {"formats": ["ArgoCDRepository"]}}, "ArgoCDRepository needs", id="a user"),
    ],
)
def test_a_secret_that_cannot_be_written_is_refused_with_a_word_of_what_can(spec: dict[str, Any], says: str) -> None:
    refused = githubtoken(**spec).invalid
    assert refused is not None
    assert refused.reason == reasons.INVALID_SPEC
    assert says in refused.message


@pytest.mark.parametrize(
    ("secret", "wanted"),
    [
        pytest.param({}, "Opaque", id="nothing said"),
        pytest.param({"formats": ["BasicAuth"]}, "kubernetes.io/basic-auth", id="what the formats need"),
        pytest.param({"formats": ["BasicAuth"], "type": "Opaque"}, "Opaque", id="the type as the spec says"),
    ],
)
def test_the_type_of_the_secret_is_the_specs_or_that_of_the_formats(secret: dict[str, Any], wanted: str) -> None:
    assert githubtoken(secret=secret).secret.type == wanted


@pytest.mark.parametrize("spec", DEFAULTS)
def test_a_default_that_is_written_out_is_served(spec: dict[str, Any]) -> None:
    assert githubtoken(**spec).invalid is None


def test_names_that_are_not_given_follow_the_objects_name() -> None:
    token = user_githubtoken("web")
    assert token.secret.name == "web"
    assert token.user == UserSource(credential="web-credential", seed=KeyRef("alice-seed", "refresh_token"))


def test_names_that_are_given_are_taken() -> None:
    token = githubtoken(
        secret={"name": "ci-token", "labels": {"team": "a"}, "annotations": {"note": "b"}},
        user={"credentialSecretName": "kept", "seedSecretRef": {"name": "seed", "key": "token"}},
    )
    assert (token.secret.name, token.secret.labels, token.secret.annotations) == (
        "ci-token",
        {"team": "a"},
        {"note": "b"},
    )
    assert token.user == UserSource(credential="kept", seed=KeyRef("seed", "token"))


def test_durations_and_flags_are_read() -> None:
    token = githubtoken(renewBefore="1h30m", suspend=True, deletionPolicy="Retain")
    assert token.renew_before == timedelta(minutes=90)
    assert token.suspend
    assert token.retain


def test_what_is_not_set_is_off() -> None:
    token = githubtoken()
    assert (token.renew_before, token.renew_before_percentage) == (None, None)
    assert not token.suspend
    assert not token.retain
    assert not token.deleting
    assert token.failures == Failures()


def test_failures_are_read_from_status_so_that_a_restart_goes_on_waiting() -> None:
    token = githubtoken(
        status={
            "failedAttempts": 3,
            "lastFailureTime": "2026-03-01T12:00:00Z",
            "nextAttemptTime": "2026-03-01T12:00:20Z",
            "lastFailureInputs": "what it was made with",
        }
    )
    assert token.failures == Failures(3, NOW, NOW + timedelta(seconds=20), "what it was made with")


@pytest.mark.parametrize(
    ("requested", "handled", "pending"),
    [
        pytest.param(None, None, False, id="nobody asked"),
        pytest.param("1", None, True, id="asked for the first time"),
        pytest.param("1", "1", False, id="handled"),
        pytest.param("2", "1", True, id="asked again"),
        pytest.param("", None, False, id="an empty value asks for nothing"),
        pytest.param("x" * 100, "x" * ECHO_LIMIT, False, id="only the first 64 characters count"),
    ],
)
def test_a_refresh_request_is_pending_until_its_value_is_echoed(
    *, requested: str | None, handled: str | None, pending: bool
) -> None:
    token = githubtoken(
        annotations={} if requested is None else {REFRESH_REQUESTED_AT: requested},
        status={} if handled is None else {"lastHandledRefreshAt": handled},
    )
    assert token.refresh_pending is pending


def test_a_status_about_an_earlier_spec_does_not_count_as_seen() -> None:
    assert githubtoken(generation=2, status={"observedGeneration": 2}).seen
    assert not githubtoken(generation=2, status={"observedGeneration": 1}).seen
    assert not githubtoken().seen


def test_an_object_without_status_is_read() -> None:
    body = githubtoken_body()
    del body["status"]
    assert not parse_token(body).seen
