"""How far a sign-in has come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.shown.login_outcome import (
    Code,
    Done,
    Failed,
    Followed,
    LoginProgress,
    Waiting,
    code_of,
    refusal,
    step,
)
from githubtoken_operator.commands.terminal.waiting import IDLE_FOR
from githubtoken_operator.domain.objects.specs.github_token import LOGIN_REQUESTED_AT
from tests.unit.builders import NOW
from tests.unit.commands.snapshots import EARLIER, REQUEST, at, condition, needing_human, ready, snapshot

USER: dict[str, Any] = {"deviceFlow": {}}
EXPIRY = at(timedelta(minutes=14))
FLOW = {"userCode": "ABCD-1234", "verificationURI": "https://github.com/login/device", "expirationTime": EXPIRY}
CODE = Code("ABCD-1234", "https://github.com/login/device", EXPIRY)
AWAITING = needing_human("AwaitingAuthorization", "enter the code ABCD-1234")
MISSING = needing_human("CredentialMissing", "sign in")


def alice(*, annotations: dict[str, str] | None = None, **settings: Any) -> Snapshot:  # noqa: ANN401 - of a snapshot
    """A user's GitHubToken that has no token, after the request, which the operator has not acted on."""
    status = {
        "kind": "User",
        "tokenSHA256": None,
        "expirationTime": None,
        "lastHandledLoginAt": EARLIER,
        "conditions": MISSING,
        **settings.pop("status", {}),
    }
    asked = {LOGIN_REQUESTED_AT: REQUEST} if annotations is None else annotations
    return snapshot("alice", annotations=asked, status=status, **{"user": USER, **settings})


def handled(**status: Any) -> Snapshot:  # noqa: ANN401 - of any field
    return alice(status={"lastHandledLoginAt": REQUEST, **status})


def signed_in(**status: Any) -> Snapshot:  # noqa: ANN401 - of any field
    expires = at(timedelta(hours=8))
    return handled(tokenSHA256="new", account="alice", expirationTime=expires, conditions=[ready()], **status)


def after(
    token: Snapshot | None, before: Snapshot | None = None, *, requested: bool = True, waited: float = 1.0
) -> LoginProgress:
    return step(Followed(before or alice(), token, requested, waited, NOW))


def test_until_the_operator_has_acted_it_is_waited_for() -> None:
    assert after(alice()) == Waiting(
        "waiting for the operator to get a code; Ready is False, CredentialMissing: sign in"
    )


def test_a_code_of_before_the_request_is_not_shown() -> None:
    assert isinstance(after(alice(status={"deviceFlow": FLOW, "conditions": AWAITING})), Waiting)


def test_the_code_is_shown_when_the_request_is_echoed() -> None:
    assert after(handled(deviceFlow=FLOW, conditions=AWAITING)) == CODE


def test_a_code_is_shown_while_an_older_token_is_still_valid() -> None:
    valid = handled(deviceFlow=FLOW, conditions=[ready()], tokenSHA256="new")
    assert after(valid) == CODE


def test_a_code_that_is_followed_without_a_request_is_shown_at_once() -> None:
    shown = alice(annotations={}, status={"deviceFlow": FLOW, "conditions": AWAITING})
    assert after(shown, shown, requested=False) == CODE


def test_between_two_codes_it_is_waited_for() -> None:
    expired = {**FLOW, "expirationTime": at(-timedelta(seconds=1))}
    assert after(handled(deviceFlow=expired, conditions=AWAITING)) == Waiting(
        "the code has expired; waiting for another one"
    )
    assert isinstance(after(handled(conditions=AWAITING)), Waiting)


def test_it_is_done_when_the_code_is_gone_and_there_is_another_token() -> None:
    assert after(signed_in()) == Done(
        "Signed in as alice. The token is in the Secret `alice` of the namespace `team`; "
        "it expires in 8h (2026-03-01T20:00:00Z)."
    )


def test_an_account_and_an_expiry_that_are_not_known_are_left_out() -> None:
    token = signed_in()
    unknown = Snapshot({**token.body, "status": {**token.status, "account": "", "expirationTime": None}})
    assert after(unknown) == Done("Signed in. The token is in the Secret `alice` of the namespace `team`.")


def test_the_token_of_before_is_not_taken_for_a_sign_in() -> None:
    before = alice(status={"tokenSHA256": "old", "conditions": [ready()]})
    assert isinstance(after(handled(tokenSHA256="old", conditions=[ready()]), before), Waiting)


@pytest.mark.parametrize("reason", ["WrongAccount", "AuthenticationFailed", "ReauthorizationRequired"])
def test_an_end_that_needs_a_human_is_told_in_the_operators_words(reason: str) -> None:
    assert after(handled(conditions=needing_human(reason, "do this"))) == Failed(f"{reason}: do this")


def test_an_end_is_told_also_while_an_older_token_is_still_valid() -> None:
    conditions = [ready(), condition("NeedsHuman", "True", "AuthenticationFailed", "access was denied")]
    before = alice(status={"tokenSHA256": "old"})
    ended = after(handled(tokenSHA256="old", conditions=conditions), before)
    assert ended == Failed("AuthenticationFailed: access was denied")


def test_a_request_that_failed_before_it_was_echoed_is_told() -> None:
    failed = {"failedAttempts": 1, "lastFailureTime": at(timedelta(0))}
    refused = alice(status={**failed, "conditions": needing_human("AuthenticationFailed", "enable the device flow")})
    assert after(refused) == Failed("AuthenticationFailed: enable the device flow")
    assert isinstance(after(refused, refused), Waiting)


def test_where_no_code_can_be_had_it_is_told_after_a_while() -> None:
    no_app = alice(status={"conditions": needing_human("AppNotFound", "there is no App")})
    assert isinstance(after(no_app, no_app), Waiting)
    assert after(no_app, no_app, waited=IDLE_FOR) == Failed("AppNotFound: there is no App")


def test_that_nobody_has_signed_in_yet_does_not_end_it() -> None:
    assert isinstance(after(alice(), waited=IDLE_FOR), Waiting)


def test_what_time_heals_is_waited_for() -> None:
    away = handled(conditions=[ready("GitHubUnavailable", "GitHub does not answer")])
    assert after(away) == Waiting("Ready is False, GitHubUnavailable: GitHub does not answer")


def clusterwide(token: Snapshot) -> Snapshot:
    meta = {key: value for key, value in token.body["metadata"].items() if key != "namespace"}
    return Snapshot({**token.body, "metadata": meta})


def test_of_a_clustergithubtoken_it_is_said_how_many_namespaces_have_it() -> None:
    token = clusterwide(signed_in(namespaces={"summary": "199/200"}))
    assert after(token, clusterwide(alice())) == Done(
        "Signed in as alice. The token is in the Secret `alice` of 199/200 namespaces; "
        "it expires in 8h (2026-03-01T20:00:00Z)."
    )
    assert "`kubectl patch cght alice --type" in (refusal(clusterwide(alice(user={}))) or "")
    assert after(None, clusterwide(alice())) == Failed("the ClusterGitHubToken was deleted meanwhile")


@pytest.mark.parametrize("token", [None, alice(uid="another")], ids=["deleted", "re-created"])
def test_an_object_that_is_gone_ends_it(token: Snapshot | None) -> None:
    assert after(token) == Failed("the GitHubToken was deleted meanwhile")


@pytest.mark.parametrize(
    ("token", "says"),
    [
        pytest.param(snapshot("ci"), "`ci` is not a user's token", id="an installation's token"),
        pytest.param(
            alice(user={}), "`alice` has no device flow: set `spec.user.deviceFlow` to `{}`", id="no device flow"
        ),
        pytest.param(alice(suspend=True), "`alice` is suspended: set `spec.suspend` to false first", id="suspended"),
    ],
)
def test_where_nobody_can_sign_in_it_is_said_what_to_set(token: Snapshot, says: str) -> None:
    assert (refusal(token) or "").startswith(says)
    assert after(token, token) == Failed(refusal(token) or "")


def test_where_somebody_can_sign_in_nothing_is_said() -> None:
    assert refusal(alice()) is None


@pytest.mark.parametrize(
    ("flow", "code"),
    [
        (FLOW, CODE),
        ({**FLOW, "expirationTime": at(timedelta(0))}, None),
        ({**FLOW, "userCode": ""}, None),
        ({}, None),
    ],
)
def test_a_code_that_has_expired_or_is_not_there_is_none(flow: dict[str, str], code: Code | None) -> None:
    assert code_of(alice(status={"deviceFlow": flow}), NOW) == code
