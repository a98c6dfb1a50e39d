"""An App is checked when its spec or key changes and after an hour, never because of a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.domain.objects.specs.github_app import GitHubApp
from githubtoken_operator.domain.runs import appcheck, doubt
from githubtoken_operator.domain.runs.appcheck import CHECK_EVERY, WORKED_LATELY, AppCheck
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import conditions, find_condition
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import AppInfo
from githubtoken_operator.domain.vocabulary.times import format_time
from tests.unit.builders import NOW, githubapp
from tests.unit.crd_schema import schema_of, violations

KEY = "SHA256:abc"
INFO = AppInfo("acme-bot", "acme", "Iv23acme", {"contents": "write"})
REFUSAL = Terminal(reasons.AUTHENTICATION_FAILED, "the key must be a key of this App")
APP = githubapp()
ACCEPTED = appcheck.accepted(APP, KEY, NOW, INFO)
REFUSED = appcheck.refused(APP, KEY, NOW, REFUSAL, None)
SCHEMA = schema_of("githubtoken.dev_githubapps.yaml")


def status(check: AppCheck | None, *, source: GitHubApp = APP, error: Terminal | None = None) -> dict[str, Any]:
    return appcheck.build_status(source, check=check, error=error, tokens=2, now=NOW)


def restarted(check: AppCheck, *, source: GitHubApp = APP) -> AppCheck | None:
    """What the next process knows of a check."""
    return appcheck.remembered(replace(source, status=status(check)))


@pytest.mark.parametrize(
    ("check", "source", "key", "later", "due"),
    [
        pytest.param(ACCEPTED, APP, KEY, timedelta(0), False, id="just accepted"),
        pytest.param(ACCEPTED, APP, KEY, CHECK_EVERY - timedelta(seconds=1), False, id="within the hour"),
        pytest.param(ACCEPTED, APP, KEY, CHECK_EVERY, True, id="after an hour"),
        pytest.param(ACCEPTED, APP, KEY, -timedelta(minutes=4), False, id="by a clock a little ahead"),
        pytest.param(ACCEPTED, APP, KEY, -timedelta(hours=3), True, id="accepted by a clock that was wrong"),
        pytest.param(REFUSED, APP, KEY, -timedelta(hours=3), True, id="refused by a clock that was wrong"),
        pytest.param(ACCEPTED, APP, "SHA256:other", timedelta(0), True, id="another key"),
        pytest.param(ACCEPTED, githubapp(generation=2), KEY, timedelta(0), True, id="another spec"),
        pytest.param(ACCEPTED, replace(APP, uid="uid-new"), KEY, timedelta(0), True, id="made anew"),
        pytest.param(REFUSED, replace(APP, uid="uid-new"), KEY, timedelta(0), True, id="refused, and made anew"),
        pytest.param(REFUSED, APP, KEY, timedelta(seconds=59), False, id="just refused"),
        pytest.param(REFUSED, APP, KEY, timedelta(minutes=1), True, id="refused a minute ago"),
        pytest.param(REFUSED, APP, "SHA256:other", timedelta(0), True, id="refused with another key"),
    ],
)
def test_when_github_is_asked_again(
    check: AppCheck, source: GitHubApp, key: str, later: timedelta, *, due: bool
) -> None:
    assert check.is_due(source, key, NOW + later) is due


def test_a_refusal_that_stands_is_looked_at_more_and_more_seldom() -> None:
    check, waits = None, []
    for _ in range(7):
        check = appcheck.refused(APP, KEY, NOW, REFUSAL, check)
        waits.append(check.next_look - NOW)
    assert waits == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16, 30, 30)]


def test_an_app_that_worked_is_looked_at_every_minute_while_its_tokens_may_live() -> None:
    check, now = ACCEPTED, NOW + CHECK_EVERY
    while now < NOW + WORKED_LATELY:
        check = appcheck.refused(APP, KEY, now, REFUSAL, check)
        assert check.next_look - now <= timedelta(minutes=1)
        now = check.next_look
    assert appcheck.refused(APP, KEY, now, REFUSAL, check).next_look - now == timedelta(minutes=30)


def test_an_app_that_worked_is_ready_until_its_refusal_is_believed() -> None:
    check, said = ACCEPTED, []
    for _ in range(doubt.BELIEVED):
        check = appcheck.refused(APP, KEY, NOW + CHECK_EVERY, REFUSAL, check)
        said.append(find_condition(status(check), "Ready") or {})
    assert [ready["status"] for ready in said] == ["True"] * (doubt.BELIEVED - 1) + ["False"]
    assert all(REFUSAL.message in ready["message"] for ready in said)
    assert status(check)["slug"] == "acme-bot"


def test_another_key_is_not_the_one_that_worked() -> None:
    check = appcheck.refused(APP, "SHA256:other", NOW, REFUSAL, ACCEPTED)
    assert not check.doubtful
    assert check.next_look == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("check", [ACCEPTED, REFUSED], ids=["accepted", "refused"])
def test_a_restart_asks_nothing_anew(check: AppCheck) -> None:
    known = restarted(check)
    assert known is not None
    assert not known.is_due(APP, KEY, NOW)
    assert known.is_due(APP, "SHA256:other", NOW)
    assert (known.error is None) is (check.error is None)
    assert known.slug == check.slug


EARLIER = format_time(NOW - CHECK_EVERY)


def refusals(number: int) -> AppCheck:
    """An App that worked, and was refused so often when it was looked at again."""
    check = ACCEPTED
    for count in range(number):
        check = appcheck.refused(APP, KEY, NOW + CHECK_EVERY + timedelta(minutes=count), REFUSAL, check)
    return check


@pytest.mark.parametrize("number", [1, doubt.BELIEVED - 1])
def test_of_a_refusal_that_is_not_believed_a_restart_asks_again_and_not_an_hour_later(number: int) -> None:
    check = refusals(number)
    known = restarted(check)
    assert known is not None
    assert known.is_due(APP, KEY, check.at)
    assert "GitHub refuses what it accepted before" in str(status(appcheck.refused(APP, KEY, NOW, REFUSAL, known)))


def test_an_app_that_worked_is_looked_at_every_minute_also_after_a_restart() -> None:
    check = refusals(doubt.BELIEVED)
    before = replace(APP, status=status(refusals(doubt.BELIEVED - 1)))
    after = appcheck.build_status(before, check=check, error=None, tokens=2, now=check.at)
    known = appcheck.remembered(replace(APP, status=after))
    assert known is not None
    assert (known.doubtful, known.error is None) == (False, False)
    assert known.next_look == check.at + timedelta(minutes=1)
    assert replace(known, at=check.at + WORKED_LATELY).next_look == known.at + WORKED_LATELY + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("then", "state", "human", "mended"),
    [
        pytest.param("", "True", reasons.AUTHENTICATION_FAILED, True, id="it was not ready then"),
        pytest.param(EARLIER, "True", reasons.AUTHENTICATION_FAILED, True, id="it was refused in between"),
        pytest.param("", "True", reasons.SIGNER_DENIED, True, id="it signs again"),
        pytest.param("", "True", None, True, id="no human was called"),
        pytest.param(format_time(NOW), "True", reasons.AUTHENTICATION_FAILED, False, id="it is as ready as then"),
        pytest.param(EARLIER, "False", reasons.AUTHENTICATION_FAILED, False, id="it is refused since"),
        pytest.param("", "True", reasons.INSTALLATION_SUSPENDED, False, id="that was not why"),
    ],
)
def test_whether_an_app_is_mended_since_an_attempt_failed(
    then: str, state: str, human: str | None, *, mended: bool
) -> None:
    app = {"conditions": conditions({}, (state, "", ""), None, generation=1, now=NOW)}
    needed = (human, "") if human is not None else None
    token = {"conditions": conditions({}, ("False", "", ""), needed, generation=1, now=NOW)}
    assert appcheck.mended_since(then, app, token) is mended
    assert not appcheck.mended_since(then, {}, token)


def test_an_app_that_was_never_checked_is_not_remembered_so() -> None:
    assert appcheck.remembered(APP) is None
    assert appcheck.remembered(replace(APP, status=status(None))) is None


@pytest.mark.parametrize(
    ("check", "source", "error", "ready"),
    [
        pytest.param(ACCEPTED, APP, None, ("True", "Accepted", f"GitHub accepts the key {KEY}"), id="accepted"),
        pytest.param(REFUSED, APP, None, ("False", "AuthenticationFailed", REFUSAL.message), id="refused"),
        pytest.param(None, APP, None, ("Unknown", "Pending", "GitHub has not answered yet"), id="no answer yet"),
        pytest.param(
            None,
            githubapp(privateKeySecretRef=None),
            None,
            ("True", "NotChecked", "no private key: only user tokens can be served"),
            id="nothing to check with",
        ),
        pytest.param(
            ACCEPTED,
            APP,
            Terminal(reasons.PRIVATE_KEY_MISSING, "there is no Secret"),
            ("False", "PrivateKeyMissing", "there is no Secret"),
            id="what it lacks comes first",
        ),
    ],
)
def test_what_is_said_of_an_app(
    check: AppCheck | None, source: GitHubApp, error: Terminal | None, ready: tuple[str, str, str]
) -> None:
    new = status(check, source=source, error=error)
    condition = find_condition(new, "Ready")
    assert condition is not None
    assert (condition["status"], condition["reason"], condition["message"]) == ready
    assert violations(new, SCHEMA) == []


def test_an_accepted_app_is_shown_whole() -> None:
    new = status(ACCEPTED)
    del new["conditions"]
    assert new == {
        "observedGeneration": 1,
        "tokens": 2,
        "slug": "acme-bot",
        "owner": "acme",
        "permissions": {"contents": "write"},
        "keyFingerprint": KEY,
        "lastCheckTime": "2026-03-01T12:00:00Z",
    }
