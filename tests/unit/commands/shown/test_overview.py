"""The page of `githubtoken status`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.commands.survey import SecretLook
from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.cluster.surroundings import Happening, events_json, secret_json
from githubtoken_operator.commands.shown.overview import overview
from githubtoken_operator.commands.terminal.checks import Check, Look
from tests.unit.builders import githubtoken_body
from tests.unit.commands.chain.chains import chain
from tests.unit.commands.snapshots import at, needing_human, snapshot

OURS = {"githubtoken.dev/name": "ci", "githubtoken.dev/revision": "3"}
SECRET = SecretLook("Opaque", ("expires_at", "token"), {}, OURS)
EVENT = Happening(at(-timedelta(minutes=5)), "Warning", "RateLimited", "GitHub asks to wait", 4)
CHAIN = (Check("GitHubToken ci", "ok", "Fresh: token valid"), Check("Pod web", "warning", "is old", "restart it"))
DENIED = Forbidden(403, "secrets is forbidden: User x cannot get it")


def page(
    token: Snapshot | None = None,
    secret: SecretLook | Forbidden | None = SECRET,
    events: tuple[Happening, ...] | Forbidden = (EVENT,),
) -> str:
    return overview(chain(token or snapshot(), secret=Look(secret)), CHAIN, events)


def line(label: str, text: str) -> str:
    """What stands beside a label; empty where the line is left out."""
    found = [rest.strip() for head, _, rest in (row.partition(":  ") for row in text.splitlines()) if head == label]
    assert len(found) <= 1
    return found[0] if found else ""


def test_the_app_is_named_by_its_kind() -> None:
    token = snapshot(appRef={"kind": "ClusterGitHubApp", "name": "acme"})
    assert line("App", page(token)) == "ClusterGitHubApp acme"
    body = githubtoken_body(appRef={"name": "acme"})
    del body["metadata"]["namespace"]
    assert line("App", page(Snapshot(body))) == "ClusterGitHubApp acme"


def test_a_ready_token_is_shown_with_its_secret_times_conditions_and_events() -> None:
    granted = {"account": "acme", "permissions": {"metadata": "read", "contents": "write"}}
    token = snapshot(status={**granted, "issuedTime": at(-timedelta(minutes=18))})
    assert page(token).splitlines() == [
        "Name:         ci",
        "Namespace:    team",
        "Kind:         Installation",
        "App:          GitHubApp acme",
        "Account:      acme",
        "Permissions:  contents: write, metadata: read",
        "Secret:       ci (Opaque, revision 3)",
        "Keys:         expires_at, token",
        "Revision:     3",
        "Issued:       18m ago (2026-03-01T11:42:00Z)",
        "Expires:      in 42m (2026-03-01T12:42:00Z)",
        "Renews:       in 22m (2026-03-01T12:22:00Z)",
        "Conditions:",
        "  TYPE    STATUS   SINCE   REASON   MESSAGE",
        "  Ready   True     42m     Fresh    token valid until later",
        "Chain:",
        "  STATE     CHECK            MESSAGE",
        "  ok        GitHubToken ci   Fresh: token valid",
        "  warning   Pod web          is old: restart it",
        "Events:",
        "  LAST SEEN   TYPE      REASON        MESSAGE",
        "  5m          Warning   RateLimited   GitHub asks to wait (4 times)",
    ]


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        (None, "ci (is not there)"),
        (SecretLook("Opaque", (), {}, {}), "ci (Opaque, not written by the operator)"),
        (DENIED, "ci (not readable for you: secrets is forbidden: User x cannot get it)"),
    ],
)
def test_a_secret_that_is_not_as_it_should_be_is_told_in_its_place(
    secret: SecretLook | Forbidden | None, says: str
) -> None:
    assert line("Secret", page(secret=secret)) == says


def test_events_that_may_not_be_read_are_told_in_their_place() -> None:
    assert page(events=DENIED).endswith("Events:\n  not readable for you: secrets is forbidden: User x cannot get it")


def test_failures_and_the_next_attempt_are_shown() -> None:
    failing = {
        "failedAttempts": 2,
        "lastFailureTime": at(-timedelta(seconds=9)),
        "nextAttemptTime": at(timedelta(seconds=51)),
        "conditions": needing_human("AuthenticationFailed", "GitHub refuses the key: replace it"),
    }
    text = page(snapshot(status=failing))
    assert line("Failed attempts", text) == "2, the last one 9s ago (2026-03-01T11:59:51Z)"
    assert line("Next attempt", text) == "in 51s (2026-03-01T12:00:51Z)"
    assert "  NeedsHuman   True     42m     AuthenticationFailed   GitHub refuses the key: replace it" in text


def test_a_device_code_is_shown_with_where_to_enter_it() -> None:
    flow = {
        "userCode": "ABCD-1234",
        "verificationURI": "https://github.com/login/device",
        "expirationTime": at(timedelta(minutes=14)),
    }
    assert line("Sign in", page(snapshot(status={"deviceFlow": flow}))) == (
        "enter the code ABCD-1234 at https://github.com/login/device; it expires in 14m (2026-03-01T12:14:00Z)"
    )


def test_a_spec_that_the_operator_has_not_seen_is_told() -> None:
    assert "is it running?" in line("Note", page(Snapshot(githubtoken_body())))
    assert line("Note", page()) == ""


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ({"personal": {"secretRef": {"name": "my-pat", "key": "token"}}}, "token of Secret my-pat"),
        ({"user": {"seedSecretRef": {"name": "seed", "key": "refresh_token"}}}, "refresh_token of Secret seed"),
        ({"user": {"deviceFlow": {}}}, ""),
        ({"installation": {"id": 678}}, ""),
    ],
)
def test_a_token_that_comes_from_a_secret_says_from_which(spec: dict[str, Any], source: str) -> None:
    assert line("Source", page(snapshot(**spec))) == source


def test_a_suspended_token_says_how_to_go_on() -> None:
    assert line("Suspended", page(snapshot(suspend=True))) == "yes: set `spec.suspend` to false to renew it"


@pytest.mark.parametrize(
    ("event", "time", "count"),
    [
        ({"lastTimestamp": "2026-03-01T11:00:00Z", "count": 7}, "2026-03-01T11:00:00Z", 7),
        ({"series": {"lastObservedTime": "2026-03-01T11:01:00Z", "count": 3}}, "2026-03-01T11:01:00Z", 3),
        ({"eventTime": "2026-03-01T11:02:00Z"}, "2026-03-01T11:02:00Z", 1),
        ({}, "2026-03-01T10:00:00Z", 1),
    ],
)
def test_an_event_has_a_time_and_a_count_whichever_api_made_it(event: dict[str, Any], time: str, count: int) -> None:
    found = Happening.of({"metadata": {"creationTimestamp": "2026-03-01T10:00:00Z"}, **event})
    assert (found.time, found.count) == (time, count)


def test_for_programs_the_refusals_stand_where_the_facts_would() -> None:
    denied = {"error": DENIED.message}
    assert (secret_json(DENIED), events_json(DENIED)) == (denied, denied)
    assert (secret_json(None), events_json(())) == ({"exists": False}, [])
