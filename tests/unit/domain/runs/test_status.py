"""Status: what `Ready` means in each situation, and that whatever is written fits the CRD."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.specs.github_token import Failures
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.observed.personal import OfPersonal
from githubtoken_operator.domain.observed.standing import BackingOff, Paused, Standing
from githubtoken_operator.domain.runs import status
from githubtoken_operator.domain.runs.status import Granted, Result
from githubtoken_operator.domain.user.device_flow import Awaiting, Resting
from githubtoken_operator.domain.user.kept_flow import Flow
from githubtoken_operator.domain.vocabulary import conditions, reasons
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, Transient
from githubtoken_operator.domain.vocabulary.model import Token
from githubtoken_operator.domain.vocabulary.times import format_time
from tests.kstatus import CURRENT, IN_PROGRESS, kstatus
from tests.kstatus import FAILED as FAILED_FOR_GOOD
from tests.unit.builders import (
    NOW,
    access_token,
    githubtoken,
    issued,
    observation,
    pair,
    personal_githubtoken,
    settled,
    user_githubtoken,
)
from tests.unit.crd_schema import schema_of, violations

HOUR = timedelta(hours=1)
FLOW = Flow(Token("device-code"), "ABCD-1234", "https://github.com/login/device", NOW, NOW + HOUR, 5, "", "Iv1")
FAILED = Transient(reasons.GITHUB_UNAVAILABLE, "no answer")
FAILING = "token valid until then; refresh failing: x"
FAILED_THEN = "token was valid until then; refresh failing: x"
SUSPENDED = githubtoken(suspend=True)
PAUSED = Paused()
BACKING_OFF = BackingOff()


def result(seen: Observation, error: Standing | None = None, **changes: Any) -> Result:  # noqa: ANN401 - its fields
    """How a run ended that found `seen` and published what it holds."""
    return replace(Result(seen.issued, Granted(), error, Failures()), **changes)


def build(seen: Observation, error: Standing | None = None, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return status.build(seen, result(seen, error, **changes))


def ready(seen: Observation, error: Standing | None = None) -> tuple[str, str, str]:
    found = conditions.find_condition(build(seen, error), "Ready")
    assert found is not None
    return found["status"], found["reason"], found["message"]


def before(state: str, reason: str, message: str = "as before", *, since: datetime = NOW - HOUR) -> dict[str, Any]:
    """A status with this `Ready` condition."""
    condition = {"status": state, "reason": reason, "message": message, "lastTransitionTime": format_time(since)}
    return {"observedGeneration": 1, "conditions": [{"type": "Ready", **condition}]}


def helpless_before(reason: str, message: str) -> dict[str, Any]:
    """The status of a valid token whose renewal needs a human."""
    found = before("True", "Fresh", FAILING)
    found["conditions"].append({**found["conditions"][0], "type": "NeedsHuman", "reason": reason, "message": message})
    return found


def shown_as(new: dict[str, Any]) -> str:
    """What helm and Flux make of an object with this status."""
    return kstatus({"metadata": {"generation": new["observedGeneration"]}, "status": new})


# --- What Ready means ------------------------------------------------------------------------------------------------

EARLIER_SPEC = settled(spec_hash="v1:other")
EXPIRED = settled(now=NOW + HOUR)
WAS_FRESH = settled(githubtoken(status=before("True", "Fresh", FAILING)))
WAS_HELPLESS, WAS_WARNED = (
    settled(githubtoken(status=helpless_before(reason, "as it says")))
    for reason in ("InstallationSuspended", "ExpiresSoon")
)
WAS_FAILING = observation(githubtoken(status=before("False", "InstallationNotFound", "install it")))


VALID = "token valid until 2026-03-01T13:00:00Z"
ENDLESS = "True Fresh: token does not expire"
TO_BE_RESUMED = "False Suspended: suspended: set `spec.suspend` to false to get a token"


def over(seen: Observation) -> Observation:
    return replace(seen, now=NOW + HOUR)


def case(sentence: str, seen: Observation, error: Standing | None, expected: str) -> ParameterSet:
    return pytest.param(seen, error, expected, id=sentence)


@pytest.mark.parametrize(
    ("seen", "error", "expected"),
    [
        case("nothing yet", observation(), None, "Unknown Pending: no token was obtained yet"),
        case("fresh", settled(), None, f"True Fresh: {VALID}"),
        case("without end", settled(issued=issued(access=access_token(life=None))), None, ENDLESS),
        case("valid, while renewal fails", settled(), FAILED, f"True Fresh: {VALID}; refresh failing: no answer"),
        case(
            "valid, but of an earlier spec",
            EARLIER_SPEC,
            FAILED,
            f"False GitHubUnavailable: no answer; {VALID}, of an earlier spec",
        ),
        case(
            "valid, but the present spec cannot be served",
            settled(githubtoken(secret={"data": {"x": "${nonsense}"}})),
            Terminal(reasons.INVALID_SPEC, "mend the text"),
            f"False InvalidSpec: mend the text; {VALID}, of an earlier spec",
        ),
        case(
            "valid, and the App cannot be read",
            settled(spec_hash=None),
            Terminal(reasons.APP_NOT_FOUND, "make it"),
            f"True Fresh: {VALID}; refresh failing: make it",
        ),
        case("expired, failing", EXPIRED, FAILED, "False GitHubUnavailable: no answer"),
        case("expired, nothing attempted", EXPIRED, None, "False Expired: token expired at 2026-03-01T13:00:00Z"),
        case(
            "none, and a human is needed",
            observation(),
            Terminal(reasons.CREDENTIAL_MISSING, "put a seed"),
            "False CredentialMissing: put a seed",
        ),
        case(
            "none, and nothing was decided yet",
            observation(),
            Transient(reasons.PENDING, "another process announced a rotation"),
            "Unknown Pending: another process announced a rotation",
        ),
        case("suspended, valid", settled(SUSPENDED), None, f"True Fresh: suspended; {VALID}"),
        case("suspended, valid, due", settled(SUSPENDED), PAUSED, f"True Fresh: suspended; {VALID}"),
        case("suspended, expired", settled(SUSPENDED, now=NOW + HOUR), PAUSED, TO_BE_RESUMED),
        case("suspended from the start", observation(SUSPENDED), PAUSED, TO_BE_RESUMED),
        case("waiting, as it was", WAS_FRESH, BACKING_OFF, f"True Fresh: {FAILING}"),
        case("waiting, failing as it was", WAS_FAILING, BACKING_OFF, "False InstallationNotFound: install it"),
        case("waiting, expired meanwhile", over(WAS_FRESH), BACKING_OFF, f"False Expired: {FAILED_THEN}"),
        case(
            "waiting, expired meanwhile, and a human is needed",
            over(WAS_HELPLESS),
            BACKING_OFF,
            "False InstallationSuspended: as it says",
        ),
        case(
            "waiting, expired meanwhile, and a human was warned of that",
            over(WAS_WARNED),
            BACKING_OFF,
            f"False Expired: {FAILED_THEN}",
        ),
        case("waiting, nothing is known", observation(), BACKING_OFF, "Unknown Pending: waiting for the next attempt"),
    ],
)
def test_ready_is_true_while_a_valid_token_for_the_present_spec_is_stored(
    seen: Observation, error: Standing | None, expected: str
) -> None:
    state, reason, message = ready(seen, error)
    assert f"{state} {reason}: {message}" == expected


# --- Transition times ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "seen_at", "since"),
    [
        pytest.param(before("True", "Fresh"), NOW, NOW - HOUR, id="it stays True"),
        pytest.param(before("True", "Fresh", "another message"), NOW, NOW - HOUR, id="only the message changes"),
        pytest.param(before("False", "GitHubUnavailable"), NOW, NOW, id="it flips"),
        pytest.param({}, NOW, NOW, id="it is there for the first time"),
    ],
)
def test_the_transition_time_moves_only_when_the_status_flips(
    written: dict[str, Any], seen_at: datetime, since: datetime
) -> None:
    found = conditions.find_condition(build(settled(githubtoken(status=written), now=seen_at)), "Ready")
    assert found is not None
    assert found["lastTransitionTime"] == format_time(since)


def test_another_reason_of_the_same_status_is_no_transition() -> None:
    seen = observation(githubtoken(status=before("False", "RateLimited")))
    found = conditions.find_condition(build(seen, FAILED), "Ready")
    assert found is not None
    assert (found["reason"], found["lastTransitionTime"]) == ("GitHubUnavailable", format_time(NOW - HOUR))


def test_each_condition_says_which_spec_it_is_about() -> None:
    seen = observation(githubtoken(generation=4))
    found = build(seen, Terminal(reasons.SECRET_CONFLICT, "x"))["conditions"]
    assert [(each["type"], each["observedGeneration"]) for each in found] == [
        ("Ready", 4), ("NeedsHuman", 4), ("Stalled", 4),
    ]  # fmt: skip


# --- Who must act, and what has failed -------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", sorted(reasons.HUMAN_NEEDED))
def test_a_valid_token_whose_successor_needs_a_human_is_current(reason: str) -> None:
    new = build(settled(), Terminal(reason, "do this"))
    assert conditions.needs_human(new) == reason
    assert conditions.ready_of(new) == ("True", "Fresh")
    assert shown_as(new) == CURRENT


@pytest.mark.parametrize("reason", sorted(reasons.HUMAN_NEEDED - {reasons.AWAITING_AUTHORIZATION}))
def test_without_a_valid_token_what_needs_a_human_has_failed(reason: str) -> None:
    new = build(observation(), Terminal(reason, "do this"))
    stalled = conditions.find_condition(new, "Stalled")
    assert stalled is not None
    assert (stalled["status"], stalled["reason"], stalled["message"]) == ("True", reason, "do this")
    assert conditions.needs_human(new) == reason
    assert shown_as(new) == FAILED_FOR_GOOD


@pytest.mark.parametrize("seen", [observation(), settled()], ids=["no token", "a valid one"])
def test_a_code_that_is_shown_needs_a_human_who_has_time(seen: Observation) -> None:
    new = build(seen, Awaiting(FLOW, 5.0))
    assert conditions.needs_human(new) == reasons.AWAITING_AUTHORIZATION
    assert conditions.find_condition(new, "Stalled") is None
    assert shown_as(new) == (CURRENT if seen.issued else IN_PROGRESS)


def test_a_personal_token_that_expires_soon_is_current() -> None:
    robot = personal_githubtoken()
    access = access_token(life=6 * 24 * HOUR)
    new = build(settled(robot, issued=issued(robot, access=access), own=OfPersonal()))
    assert conditions.needs_human(new) == reasons.EXPIRES_SOON
    assert shown_as(new) == CURRENT


def test_a_sign_in_that_nobody_made_has_failed_while_no_code_is_shown() -> None:
    resting = Resting(Terminal(reasons.REAUTHORIZATION_REQUIRED, "sign in"), NOW + HOUR)
    assert shown_as(build(observation(), resting)) == FAILED_FOR_GOOD


@pytest.mark.parametrize("reason", [reasons.PENDING, reasons.RATE_LIMITED, reasons.GITHUB_UNAVAILABLE])
def test_what_time_heals_needs_nobody(reason: str) -> None:
    new = build(observation(), Transient(reason, "wait"))
    assert conditions.needs_human(new) is None
    assert shown_as(new) == IN_PROGRESS


def test_it_needs_a_human_also_while_the_next_attempt_is_waited_for_and_no_longer() -> None:
    failed = build(observation(), Terminal(reasons.INSTALLATION_NOT_FOUND, "install it"))
    waiting = build(observation(githubtoken(status=failed)), BACKING_OFF)
    assert conditions.needs_human(waiting) == "InstallationNotFound"
    assert shown_as(waiting) == FAILED_FOR_GOOD
    assert conditions.needs_human(build(settled(githubtoken(status=waiting)))) is None


# --- What is left out ------------------------------------------------------------------------------------------------


def test_after_a_success_nothing_is_left_of_failures() -> None:
    failing = build(
        settled(),
        Terminal(reasons.INSTALLATION_SUSPENDED, "x"),
        failures=Failures(3, NOW, NOW + timedelta(minutes=4), "what it was made with"),
    )
    of_failures = {
        "failedAttempts": 3,
        "lastFailureTime": "2026-03-01T12:00:00Z",
        "lastFailureInputs": "what it was made with",
        "nextAttemptTime": "2026-03-01T12:04:00Z",
    }
    assert failing.items() >= of_failures.items()
    assert len(failing["conditions"]) == 2
    after = build(settled(githubtoken(status=failing)))
    assert not after.keys() & of_failures.keys()
    assert [condition["type"] for condition in after["conditions"]] == ["Ready"]


def test_a_token_that_does_not_expire_has_no_times_of_expiry_and_renewal() -> None:
    new = build(settled(issued=issued(access=access_token(life=None)), due=None))
    assert not new.keys() & {"expirationTime", "renewalTime", "refreshTokenExpirationTime"}
    assert new["issuedTime"] == "2026-03-01T12:00:00Z"


def test_a_suspended_token_is_not_renewed() -> None:
    assert "renewalTime" not in build(settled(SUSPENDED))


def test_a_token_is_named_by_the_hash_of_githubs_audit_log_and_never_shown() -> None:
    held = issued()
    new = build(settled(issued=held))
    assert new["tokenSHA256"] == held.access.token.sha256_base64
    assert held.access.token.reveal() not in str(new)


def test_a_fresh_token_is_shown_whole() -> None:
    token = user_githubtoken("web", status={"lastHandledRefreshAt": "yesterday"}, generation=2)
    seen = settled(token, issued=issued(token, number=5, access=pair()))
    new = build(seen, granted=Granted("alice", {"contents": "read"}, "selected"))
    del new["conditions"], new["tokenSHA256"]
    assert new == {
        "observedGeneration": 2,
        "kind": "User",
        "secretName": "web",
        "account": "alice",
        "permissions": {"contents": "read"},
        "repositorySelection": "selected",
        "lastHandledRefreshAt": "yesterday",
        "revision": 5,
        "issuedTime": "2026-03-01T12:00:00Z",
        "expirationTime": "2026-03-01T20:00:00Z",
        "renewalTime": "2026-03-01T12:39:00Z",
        "refreshTokenExpirationTime": "2026-08-31T12:00:00Z",
    }


def test_what_was_granted_is_remembered_by_status() -> None:
    granted = Granted("acme", {"contents": "read"}, "all")
    assert Granted.of(build(settled(), granted=granted)) == granted


# --- The CRD's bounds ------------------------------------------------------------------------------------------------


SCHEMA = schema_of("githubtoken.dev_githubtokens.yaml")

errors = st.sampled_from([None, Paused(), BackingOff()]) | st.builds(
    lambda kind, reason, message: kind(reason, message),
    st.sampled_from([Terminal, Transient, RateLimited]),
    st.sampled_from(sorted({*reasons.HUMAN_NEEDED, reasons.PENDING, reasons.RATE_LIMITED, reasons.SUSPENDED})),
    st.text(max_size=20) | st.just("x" * 5000),
)
subjects = st.sampled_from(
    [
        observation(),
        observation(user_githubtoken("n" * 240, annotations={"githubtoken.dev/refresh-requested-at": "y" * 900})),
        settled(),
        settled(user_githubtoken(), issued=Issued(pair(), 10**14, "v1:x")),
        settled(issued=issued(access=access_token(life=None)), due=None),
        EARLIER_SPEC,
        EXPIRED,
        WAS_FRESH,
        WAS_FAILING,
        settled(SUSPENDED),
    ]
)
grants = st.sampled_from([Granted(), Granted("a" * 100, {"contents": "write", "metadata": "read"}, "selected")])
failures = st.sampled_from([Failures(), Failures(7, NOW, NOW + HOUR)])


@given(seen=subjects, error=errors, granted=grants, failed=failures)
def test_every_status_fits_the_crd(
    seen: Observation, error: Standing | None, granted: Granted, failed: Failures
) -> None:
    new = build(seen, error, granted=granted, failures=failed)
    assert violations(new, SCHEMA) == []
    # The same run again changes nothing: what was written is what is computed.
    again = replace(seen, token=replace(seen.token, status=new))
    assert build(again, error, granted=granted, failures=failed)["conditions"] == new["conditions"]


def test_the_check_against_the_schema_finds_what_does_not_fit() -> None:
    wrong = {"kind": "Robot", "unheardOf": 1, "secretName": "x" * 254, "conditions": [{"type": "Ready"}]}
    found = violations(wrong, SCHEMA)
    assert len([problem for problem in found if "conditions" in problem]) == 4
    assert {"status.kind: not one of the enum", "status.unheardOf: unknown", "status.secretName: too long"} < set(found)


def test_a_message_is_cut_to_what_the_crd_allows() -> None:
    assert len(ready(observation(), Terminal(reasons.INVALID_SPEC, "x" * 5000))[2]) == conditions.MESSAGE_LIMIT


def test_every_reason_is_documented_in_the_crd() -> None:
    documented = SCHEMA["properties"]["conditions"]["description"]
    told = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
    of_others = {reasons.ACCEPTED, reasons.NOT_CHECKED, *reasons.OF_EVENTS, *reasons.OF_NAMESPACES}
    assert [reason for reason in sorted(told - of_others) if f"`{reason}`" not in documented] == []
