"""When a refresh request has ended, and how."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.shown.refresh_outcome import SUSPENDED, Requested, Verdict, outcome, standing
from githubtoken_operator.commands.terminal.waiting import IDLE_FOR
from githubtoken_operator.domain.objects.specs.github_token import REFRESH_REQUESTED_AT
from tests.unit.builders import NOW
from tests.unit.commands.snapshots import EARLIER, REQUEST, needing_human, ready, snapshot

ASKED = {REFRESH_REQUESTED_AT: REQUEST}
FAILING = "token valid until later; refresh failing: GitHub does not answer"
NO_APP = needing_human("AppNotFound", "there is no GitHubApp `acme`")


def failures(count: int, seconds: int = 0) -> dict[str, Any]:
    return {"failedAttempts": count, "lastFailureTime": f"2026-03-01T12:00:{seconds:02d}Z"}


def asked(*, annotations: dict[str, str] | None = None, **settings: Any) -> Snapshot:  # noqa: ANN401 - of a snapshot
    """The object after the request, which the operator has not acted on."""
    status = {"lastHandledRefreshAt": EARLIER, **settings.pop("status", {})}
    return snapshot(annotations=ASKED if annotations is None else annotations, status=status, **settings)


def handled(**status: Any) -> Snapshot:  # noqa: ANN401 - of any field
    return asked(status={"lastHandledRefreshAt": REQUEST, "revision": 4, **status})


def ended(after: Snapshot | None, before: Snapshot | None = None, waited: float = 1.0) -> Verdict | None:
    return outcome(Requested(before or asked(), after, waited, NOW))


def failed(text: str) -> Verdict:
    return Verdict(succeeded=False, text=text)


def test_a_request_that_nobody_has_acted_on_goes_on() -> None:
    assert ended(asked()) is None


def test_a_request_that_status_echoes_has_succeeded_and_says_what_there_is_now() -> None:
    text = "refreshed, revision 4, expires in 42m (2026-03-01T12:42:00Z)"
    assert ended(handled()) == Verdict(succeeded=True, text=text)


def test_a_token_that_does_not_expire_has_no_expiry_in_the_line() -> None:
    assert ended(handled(expirationTime=None)) == Verdict(succeeded=True, text="refreshed, revision 4")


def test_only_the_first_64_characters_of_a_request_are_echoed() -> None:
    long = "x" * 80
    after = asked(annotations={REFRESH_REQUESTED_AT: long}, status={"lastHandledRefreshAt": long[:64]})
    assert ended(after) is not None


def test_a_later_request_of_somebody_else_is_followed_instead() -> None:
    later = {REFRESH_REQUESTED_AT: "later"}
    assert ended(asked(annotations=later)) is None
    assert ended(asked(annotations=later, status={"lastHandledRefreshAt": "later"})) is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, failures(1), id="the first failure"),
        pytest.param(failures(1, 5), failures(2, 5), id="another one in the same second"),
        pytest.param(failures(1, 5), failures(1, 6), id="the first one again"),
    ],
)
def test_an_attempt_that_fails_after_the_request_ends_it(before: dict[str, Any], after: dict[str, Any]) -> None:
    now_failing = asked(status={**after, "conditions": [ready("Fresh", FAILING)]})
    assert ended(now_failing, asked(status=before)) == failed(f"Fresh: {FAILING}")


def test_a_failure_of_before_the_request_does_not_end_it() -> None:
    old = asked(status=failures(3))
    assert ended(old, old) is None


def test_a_failure_that_needs_a_human_is_told_in_the_words_of_that_condition() -> None:
    after = asked(status={**failures(1), "conditions": needing_human("InstallationSuspended", "unsuspend it")})
    assert ended(after) == failed("InstallationSuspended: unsuspend it")


def test_what_cannot_be_attempted_fails_after_a_while() -> None:
    assert ended(asked(status={"conditions": NO_APP})) is None
    after = ended(asked(status={"conditions": NO_APP}), waited=IDLE_FOR)
    assert after == failed("AppNotFound: there is no GitHubApp `acme`")


def test_a_token_that_was_had_but_could_not_be_stored_has_failed() -> None:
    after = handled(conditions=needing_human("MissingPermission", "the API server refuses to write Secret `ci`"))
    assert ended(after) == failed("MissingPermission: the API server refuses to write Secret `ci`")


@pytest.mark.parametrize(
    ("after", "text"),
    [
        pytest.param(None, "it was deleted meanwhile", id="deleted"),
        pytest.param(asked(uid="another"), "it was deleted meanwhile", id="re-created"),
        pytest.param(asked(suspend=True), SUSPENDED, id="suspended"),
        pytest.param(
            asked(annotations={}), f"somebody removed the annotation {REFRESH_REQUESTED_AT}", id="request removed"
        ),
    ],
)
def test_what_makes_waiting_vain_ends_it(after: Snapshot | None, text: str) -> None:
    assert ended(after) == failed(text)


def test_when_the_time_is_over_it_is_said_what_is_missing() -> None:
    assert standing(asked()) == (
        "the operator has not acted on the request (is it running?); Ready is True, Fresh: token valid until later"
    )
