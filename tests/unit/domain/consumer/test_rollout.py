"""When a workload is restarted for a token."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from githubtoken_operator.domain.consumer import rollout
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.rollout import Patch, Postponed
from githubtoken_operator.domain.vocabulary.model import AccessToken, Token
from githubtoken_operator.domain.vocabulary.times import format_time
from tests.unit.builders import NOW

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def issued(revision: int = 2, *, text: str = "ghs_two", created: datetime = NOW - SECOND) -> Issued:
    return Issued(AccessToken(Token(text), "bearer", created), revision, "v1:x")


def workload(
    *, made: datetime = NOW - HOUR, restarted: str | None = None, marks: str | dict[str, str] | None = None
) -> dict[str, Any]:
    notes = {} if marks is None else {rollout.RESTARTED_FOR: marks if isinstance(marks, str) else json.dumps(marks)}
    template = {} if restarted is None else {"metadata": {"annotations": {rollout.RESTARTED_AT: restarted}}}
    return {
        "metadata": {
            "name": "web",
            "resourceVersion": "9",
            "creationTimestamp": format_time(made),
            "annotations": notes,
        },
        "spec": {"template": template},
    }


OLD = {"ci": rollout.mark(issued(1, text="ghs_one"))}
HAS = {"ci": rollout.mark(issued())}


@pytest.mark.parametrize(
    ("present", "token", "renewed", "restarts"),
    [
        pytest.param(workload(marks=OLD), issued(), True, True, id="a new token"),
        pytest.param(workload(marks=OLD), issued(), False, True, id="a new token that a process before us published"),
        pytest.param(workload(marks=HAS), issued(), True, None, id="its pods have it"),
        pytest.param(workload(marks=HAS), issued(text="ghs_x"), True, True, id="the same revision of another life"),
        pytest.param(workload(), issued(1), True, False, id="the first token"),
        pytest.param(workload(), issued(), True, True, id="never restarted before, and older than the token"),
        pytest.param(workload(made=NOW), issued(), True, False, id="made after the token"),
        pytest.param(workload(), issued(), False, False, id="named in the spec after the token came"),
        pytest.param(workload(marks="nonsense"), issued(), True, True, id="somebody spoiled the annotation"),
        pytest.param(workload(marks="[1]"), issued(), True, True, id="somebody spoiled it in JSON"),
    ],
)
def test_a_workload_is_restarted_for_a_token_that_its_pods_may_not_have(
    present: dict[str, Any],
    token: Issued,
    renewed: bool,  # noqa: FBT001
    restarts: bool | None,  # noqa: FBT001
) -> None:
    found = rollout.restart(present, "ci", token, renewed=renewed, now=NOW)
    if restarts is None:
        assert found is None
        return
    assert isinstance(found, Patch)
    assert found.restarts is restarts
    assert found.body["metadata"]["resourceVersion"] == "9"
    assert json.loads(found.body["metadata"]["annotations"][rollout.RESTARTED_FOR])["ci"] == rollout.mark(token)
    assert ("spec" in found.body) is restarts
    if restarts:
        assert found.body["spec"] == {
            "template": {"metadata": {"annotations": {rollout.RESTARTED_AT: format_time(NOW)}}}
        }


@pytest.mark.parametrize(
    ("ago", "later"),
    [(0, True), (1, True), (59, True), (60, False), (3600, False), (-30, True), (-3600, False)],
)
def test_two_restarts_are_a_minute_apart_whoever_asked_for_the_first(ago: int, later: bool) -> None:  # noqa: FBT001
    at = NOW - timedelta(seconds=ago)
    found = rollout.restart(
        workload(marks=OLD | {"other": "3/abc"}, restarted=format_time(at)), "ci", issued(), renewed=True, now=NOW
    )
    assert found == Postponed(at + rollout.REST) if later else isinstance(found, Patch)


def test_a_time_that_cannot_be_read_holds_up_nothing() -> None:
    found = rollout.restart(workload(marks=OLD, restarted="yesterday"), "ci", issued(), renewed=True, now=NOW)
    assert isinstance(found, Patch)


def test_what_others_were_restarted_for_is_kept() -> None:
    found = rollout.restart(workload(marks=OLD | {"other": "3/abc"}), "ci", issued(), renewed=True, now=NOW)
    assert isinstance(found, Patch)
    assert json.loads(found.body["metadata"]["annotations"][rollout.RESTARTED_FOR])["other"] == "3/abc"


def test_a_mark_shows_no_token() -> None:
    assert "ghs_two" not in rollout.mark(issued())
    assert rollout.mark(issued()) != rollout.mark(replace(issued(), revision=3))
