"""The device flow: a human is asked to sign in, and the sign-in is never lost, whatever happens meanwhile.

The operator's whole run is exercised against a cluster and a GitHub in memory, as in `test_rotation`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from githubtoken_operator.domain.objects.secrets import NAME, ROLE, annotations_of, decoded, labels_of
from githubtoken_operator.domain.objects.specs.github_token import LOGIN_REQUESTED_AT
from githubtoken_operator.domain.user.credentials import credential
from githubtoken_operator.domain.user.device_flow import REQUESTS_PER_HOUR, REST
from githubtoken_operator.domain.user.kept_flow import DEVICE_CODE, FLOW
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import Terminal, Transient
from tests.unit.builders import app_body, secret, user_body
from tests.unit.fakes import AFTER, API_AWAY, BEFORE, LOST, NOT_SENT, Killed, Moment, Process, World, raising
from tests.unit.tokens.user.test_rotation import rehearse

CREDENTIAL = "secrets/ci-credential"
TOKEN = "githubtokens/ci"
DEVICE: dict[str, object] = {"deviceFlow": {}}
SLOW_DOWN = {"error": "slow_down", "interval": 12}
UNKNOWN_CODE = {"error": "incorrect_device_code"}


def nobody_signed_in(**user: object) -> World:
    """An App without any key, and a GitHubToken that allows the device flow."""
    world = World()
    world.api.put(app_body(privateKeySecretRef=None, clientSecretSecretRef=None))
    world.api.put(user_body(user={**DEVICE, **user}))
    return world


async def shown(**user: object) -> tuple[World, Process]:
    """A code is shown, and nobody has entered it yet."""
    world = nobody_signed_in(**user)
    process = world.start()
    await process.run()
    assert ready_of(world.status()) == ("False", "AwaitingAuthorization")
    return world, process


async def signed_in(**user: object) -> tuple[World, Process]:
    """Alice entered the code."""
    world, process = await shown(**user)
    world.github.enter()
    await process.settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    return world, process


async def wait(world: World, process: Process, span: timedelta) -> None:
    """Runs the object whenever it is due, for so long."""
    clock = world.clock
    end = clock.now + span
    while True:
        due = await process.run()
        if due is None or datetime.fromtimestamp(due.due, UTC) > end:
            clock.now = end
            return
        clock.now = max(clock.now, datetime.fromtimestamp(due.due, UTC))


def stored(world: World) -> credential.Credential:
    return credential.read(world.api.objects[CREDENTIAL])


def request_login(world: World, value: str = "now") -> None:
    world.api.edit(
        TOKEN, lambda body: body["metadata"].setdefault("annotations", {}).update({LOGIN_REQUESTED_AT: value})
    )


def refuse_the_refresh_token(world: World) -> None:
    """The grant dies at GitHub, and renewal is due."""
    world.github.live.clear()
    world.clock.advance(timedelta(hours=6))


def assert_signed_in(world: World) -> None:
    assert ready_of(world.status()) == ("True", "Fresh")
    assert decoded(world.api.objects[CREDENTIAL], "refresh_token") in world.github.live
    assert decoded(world.secret(), "token") == world.github.access
    assert DEVICE_CODE not in world.api.objects[CREDENTIAL]["data"]
    assert FLOW not in annotations_of(world.api.objects[CREDENTIAL])
    assert "deviceFlow" not in world.status()


# --- From the code to the token --------------------------------------------------------------------------------------


async def test_a_code_is_shown_in_status_in_one_event_and_in_the_message() -> None:
    world, _ = await shown()
    status = world.status()
    assert status["deviceFlow"] == {
        "userCode": "WDJB-0000",
        "verificationURI": "https://github.com/login/device",
        "expirationTime": "2026-03-01T12:15:00Z",
    }
    assert "enter the code WDJB-0000" in world.message
    assert world.event_reasons == ["AwaitingAuthorization"]
    assert all(part in world.api.events[0]["message"] for part in ("WDJB-0000", "github.com/login/device", "12:15:00"))
    assert [condition["type"] for condition in status["conditions"]] == ["Ready", "NeedsHuman"]


async def test_the_secret_half_of_a_code_is_in_the_credential_secret_only() -> None:
    world, _ = await shown()
    kept = world.api.objects[CREDENTIAL]
    assert decoded(kept, DEVICE_CODE) == "devicecodeWDJB-0000"
    assert labels_of(kept)[ROLE] == "credential"
    assert annotations_of(kept)[NAME] == "ci"
    assert "devicecode" not in str([kept["metadata"], world.api.objects[TOKEN], world.api.events])


async def test_a_code_that_is_entered_becomes_a_token() -> None:
    world, _ = await signed_in()
    assert_signed_in(world)
    assert world.status()["account"] == "alice"
    assert world.status()["revision"] == 1
    assert world.event_reasons == ["AwaitingAuthorization", "Fresh"]


async def test_such_a_token_is_rotated_without_a_client_secret() -> None:
    world, process = await signed_in()
    world.clock.advance(timedelta(hours=6))
    await process.settle()
    assert_signed_in(world)
    assert world.status()["revision"] == 2
    assert world.github.spent_twice + world.github.replayed == []


async def test_a_token_that_does_not_expire_is_kept_and_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world, process = await shown()
    forever = {"access_token": "gho_forever", "token_type": "bearer"}
    monkeypatch.setattr(world.github, "_poll", lambda _code: forever)
    world.github.enter()
    await process.settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    assert decoded(world.secret(), "token") == "gho_forever"
    calls = len(world.faults.calls)
    await process.run()
    assert not {"device_code", "device_poll", "refresh"} & set(world.faults.calls[calls:])


# --- Polling ---------------------------------------------------------------------------------------------------------


async def test_polls_keep_the_interval_for_two_minutes_and_get_rarer_then() -> None:
    world, process = await shown()
    await wait(world, process, timedelta(minutes=14))
    pauses = [later - sooner for sooner, later in zip(world.github.polls, world.github.polls[1:], strict=False)]
    assert {pause for at, pause in zip(world.github.polls, pauses, strict=False) if at < 114} == {6.0}
    assert pauses == sorted(pauses)
    assert pauses[-1] == 60.0


async def test_a_raised_interval_is_obeyed_also_after_a_restart() -> None:
    world, process = await shown()
    world.github.codes["WDJB-0000"].errors = [SLOW_DOWN]
    await wait(world, process, timedelta(seconds=40))
    await wait(world, world.start(), timedelta(seconds=40))
    pauses = [later - sooner for sooner, later in zip(world.github.polls, world.github.polls[1:], strict=False)]
    assert min(pauses) >= 12


async def test_a_code_that_github_does_not_know_yet_is_polled_some_more() -> None:
    world, process = await shown()
    world.github.codes["WDJB-0000"].errors = [UNKNOWN_CODE] * 3
    world.github.enter()
    await process.settle()
    assert_signed_in(world)
    assert len(world.github.codes) == 1


async def test_after_a_restart_a_code_that_github_does_not_know_is_replaced_at_once() -> None:
    """The answer with the pair may have died with the process before."""
    world, _ = await shown()
    world.github.codes["WDJB-0000"].errors = [UNKNOWN_CODE] * 3
    after = world.start()
    await wait(world, after, timedelta(seconds=8))
    assert len(world.github.codes) == 2


async def test_after_a_lost_answer_a_code_that_github_does_not_know_is_replaced_at_once() -> None:
    world, process = await shown()
    world.faults.once("device_poll", raising(LOST))
    world.github.codes["WDJB-0000"].errors = [UNKNOWN_CODE] * 3
    await wait(world, process, timedelta(seconds=14))
    assert len(world.github.codes) == 2


async def test_an_answer_after_a_restart_makes_up_for_what_was_not_heard() -> None:
    world, _ = await shown()
    after = world.start()
    await wait(world, after, timedelta(seconds=8))
    world.github.codes["WDJB-0000"].errors = [UNKNOWN_CODE] * 3
    world.github.enter()
    await after.settle()
    assert_signed_in(world)
    assert len(world.github.codes) == 1


@pytest.mark.parametrize("error", [NOT_SENT, LOST, Transient(reasons.RATE_LIMITED, "slow down", retry_after=30)])
async def test_a_poll_that_fails_is_made_again_and_the_code_stays_in_sight(error: Transient) -> None:
    world, process = await shown()
    world.faults.once("device_poll", raising(error))
    await wait(world, process, timedelta(seconds=10))
    assert ready_of(world.status()) == ("False", "AwaitingAuthorization")
    world.github.enter()
    await process.settle()
    assert_signed_in(world)


@pytest.mark.parametrize("error", [NOT_SENT, LOST])
async def test_a_poll_that_nobody_answers_is_no_answer_to_the_others_of_its_client(error: Transient) -> None:
    world, process = await shown()
    lane = await process.lane()
    assert not process.lanes.is_out(lane)
    world.faults.once("device_poll", raising(error))
    await wait(world, process, timedelta(seconds=6))
    assert process.lanes.is_out(lane)
    await wait(world, process, timedelta(minutes=1))
    assert not process.lanes.is_out(lane)


async def test_forgotten_objects_leave_most_of_the_apps_budget_to_refreshes() -> None:
    world = World()
    world.api.put(app_body(privateKeySecretRef=None, clientSecretSecretRef=None))
    names = [f"user{number}" for number in range(40)]
    for name in names:
        world.api.put(user_body(name, uid=f"uid-{name}", user=DEVICE))
    process, clock = world.start(), world.clock
    due = dict.fromkeys(names, clock.now)
    end = clock.now + timedelta(hours=1)
    while clock.now < end:
        name = min(due, key=lambda each: due[each])
        clock.now = max(clock.now, due[name])
        following = await process.run(name)
        due[name] = datetime.fromtimestamp(following.due, UTC) if following else end
    asked = [call for call in world.faults.calls if call.startswith("device_")]
    assert len(asked) <= REQUESTS_PER_HOUR + REQUESTS_PER_HOUR / 60 + 1
    assert len(world.github.codes) >= len(names)


# --- Codes that come to nothing --------------------------------------------------------------------------------------


async def test_a_code_that_expired_is_followed_by_another_without_another_event() -> None:
    world, process = await shown()
    await wait(world, process, timedelta(minutes=16))
    assert list(world.github.codes) == ["WDJB-0000", "WDJB-0001"]
    assert world.status()["deviceFlow"]["userCode"] == "WDJB-0001"
    assert world.event_reasons == ["AwaitingAuthorization"]


async def test_after_three_codes_that_nobody_entered_there_is_peace_for_six_hours() -> None:
    world, process = await shown()
    await wait(world, process, timedelta(hours=2))
    assert len(world.github.codes) == 3
    assert ready_of(world.status()) == ("False", "CredentialMissing")
    assert LOGIN_REQUESTED_AT in world.message
    assert "deviceFlow" not in world.status()
    await wait(world, process, REST)
    assert len(world.github.codes) == 4
    assert world.event_reasons == ["AwaitingAuthorization"]


async def test_a_request_brings_a_new_code_and_is_echoed() -> None:
    world, process = await shown()
    await wait(world, process, timedelta(hours=2))
    request_login(world)
    await process.run()
    assert world.status()["deviceFlow"]["userCode"] == "WDJB-0003"
    assert world.status()["lastHandledLoginAt"] == "now"
    await process.run()
    assert len(world.github.codes) == 4


async def test_a_restart_goes_on_with_the_same_code_and_answers_no_request_twice() -> None:
    world, _ = await shown()
    request_login(world)
    await world.start().run()
    world.api.edit(TOKEN, lambda body: body["status"].pop("lastHandledLoginAt"))
    restarted = world.start()
    await restarted.run()
    assert list(world.github.codes) == ["WDJB-0000", "WDJB-0001"]
    assert world.status()["deviceFlow"]["userCode"] == "WDJB-0001"
    world.github.enter()
    await restarted.settle()
    assert_signed_in(world)


async def test_a_human_who_says_no_is_asked_again_only_on_request_or_after_six_hours() -> None:
    world, process = await shown()
    world.github.deny()
    await wait(world, process, timedelta(hours=1))
    assert ready_of(world.status()) == ("False", "ReauthorizationRequired")
    assert "access_denied" in world.message
    assert LOGIN_REQUESTED_AT in world.message
    assert len(world.github.codes) == 1
    assert world.event_reasons == ["AwaitingAuthorization", "ReauthorizationRequired"]
    request_login(world)
    await process.run()
    assert len(world.github.codes) == 2


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        pytest.param(timedelta(0), reasons.APP_NOT_READY, id="the flow is switched off"),
        pytest.param(timedelta(0), reasons.AUTHENTICATION_FAILED, id="a wrong client id"),
        pytest.param(timedelta(minutes=1), reasons.AUTHENTICATION_FAILED, id="a client id that became wrong"),
    ],
)
async def test_what_is_wrong_with_the_app_is_told_and_not_asked_all_the_time(before: timedelta, reason: str) -> None:
    world = nobody_signed_in()
    process = world.start()
    if before:
        await wait(world, process, before)
    calls = len(world.faults.calls)
    for call in ("device_code", "device_poll"):
        world.faults.on(call, raising(Terminal(reason, "mend the App")))
    await wait(world, process, timedelta(hours=1))
    assert ready_of(world.status()) == ("False", reason)
    assert world.message == "mend the App"
    assert sum(call.startswith("device_") for call in world.faults.calls[calls:]) < 10
    world.faults.clear()
    request_login(world)
    await process.run()
    world.github.enter()
    await process.settle()
    assert_signed_in(world)


async def test_nobody_is_asked_to_sign_in_while_suspended() -> None:
    world = nobody_signed_in()
    world.api.edit(TOKEN, lambda body: body["spec"].update(suspend=True))
    await world.start().settle()
    assert ready_of(world.status()) == ("False", "Suspended")
    assert world.github.codes == {}


# --- Whose sign-in ---------------------------------------------------------------------------------------------------


async def test_the_right_account_is_let_in_whatever_the_case_of_its_letters() -> None:
    world, _ = await signed_in(login="ALICE")
    assert stored(world).account == "alice"


async def test_the_wrong_accounts_pair_is_revoked_and_never_stored() -> None:
    world, process = await shown(login="alice")
    world.github.enter("bob")
    await wait(world, process, timedelta(hours=1))
    assert ready_of(world.status()) == ("False", "WrongAccount")
    assert "`bob` signed in" in world.message
    assert world.github.revoked == {"ghu_pair1", "ghr_pair1"}
    assert "secrets/ci" not in world.api.objects
    assert stored(world).refresh_token is None
    assert len(world.github.codes) == 1
    request_login(world)
    await process.run()
    world.github.enter()
    await process.settle()
    assert_signed_in(world)


async def test_the_wrong_accounts_seed_is_revoked_and_never_published() -> None:
    world = nobody_signed_in(login="alice", seedSecretRef={"name": "alice-seed"}, deviceFlow=None)
    world.api.edit(TOKEN, lambda body: body["spec"]["user"].pop("deviceFlow"))
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("bob", account="bob").reveal()}))
    process = world.start()
    await process.settle()
    assert ready_of(world.status()) == ("False", "WrongAccount")
    assert world.github.revoked == {"ghu_pair1", "ghr_pair1"}
    assert "secrets/ci" not in world.api.objects
    assert "token" not in world.api.objects[CREDENTIAL]["data"]
    requests = world.faults.calls.count("refresh")
    await world.start().settle()
    assert world.faults.calls.count("refresh") == requests
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("alice").reveal()}))
    await process.settle()
    assert_signed_in(world)


async def test_who_signed_in_is_asked_until_github_says_it_before_anything_is_published() -> None:
    world, process = await shown(login="alice")
    world.faults.on("get_login", raising(NOT_SENT))
    world.github.enter()
    await wait(world, process, timedelta(seconds=30))
    assert ready_of(world.status()) == ("False", "GitHubUnavailable")
    assert "secrets/ci" not in world.api.objects
    world.faults.clear()
    await process.settle()
    assert_signed_in(world)


async def test_a_login_that_is_written_into_the_spec_later_revokes_nothing() -> None:
    world, process = await signed_in()
    world.api.edit(CREDENTIAL, lambda body: body["metadata"]["annotations"].pop(credential.ACCOUNT))
    world.api.edit(TOKEN, lambda body: body["spec"]["user"].update(login="bob"))
    await process.settle()
    assert world.github.revoked == set()
    assert ready_of(world.status())[0] == "False"
    world.api.edit(TOKEN, lambda body: body["spec"]["user"].update(login="alice"))
    await wait(world, process, timedelta(minutes=20))
    assert ready_of(world.status()) == ("True", "Fresh")


# --- When a human must sign in again ---------------------------------------------------------------------------------


async def test_a_dead_refresh_token_leads_to_a_code_by_itself_with_one_event() -> None:
    world, process = await signed_in()
    refuse_the_refresh_token(world)
    before = len(world.api.events)
    await process.run()
    assert ready_of(world.status()) == ("False", "AwaitingAuthorization")
    assert world.event_reasons[before:] == ["AwaitingAuthorization"]
    world.github.enter()
    await process.settle()
    assert_signed_in(world)
    assert world.github.spent_twice == []


async def test_without_the_device_flow_a_dead_refresh_token_is_told_and_its_token_no_longer_counts() -> None:
    world, process = await signed_in()
    world.api.edit(TOKEN, lambda body: body["spec"]["user"].pop("deviceFlow"))
    refuse_the_refresh_token(world)
    before = len(world.api.events)
    await process.run()
    assert ready_of(world.status()) == ("False", "ReauthorizationRequired")
    assert world.event_reasons[before:] == ["ReauthorizationRequired"]


async def test_a_sign_in_on_request_leaves_the_living_token_in_place_until_it_is_done() -> None:
    world, process = await signed_in()
    request_login(world)
    await process.run()
    assert ready_of(world.status()) == ("True", "Fresh")
    assert world.status()["deviceFlow"]["userCode"] == "WDJB-0001"
    world.clock.advance(timedelta(minutes=1))
    world.github.deny()
    await wait(world, process, timedelta(minutes=5))
    assert ready_of(world.status()) == ("True", "Fresh")
    assert "deviceFlow" not in world.status()


async def test_a_renewal_while_a_code_is_shown_does_not_cost_the_sign_in() -> None:
    world, process = await signed_in()
    world.clock.advance(timedelta(hours=1))
    request_login(world)
    await process.run()
    world.api.edit(
        TOKEN, lambda body: body["metadata"]["annotations"].update({"githubtoken.dev/refresh-requested-at": "x"})
    )
    await process.run()
    assert world.status()["revision"] == 2
    world.github.enter()
    await process.settle()
    assert world.status()["revision"] == 3
    assert_signed_in(world)


async def test_a_seed_that_comes_while_a_code_is_shown_wins() -> None:
    world, process = await shown(seedSecretRef={"name": "alice-seed"})
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("seed").reveal()}))
    await process.settle()
    assert_signed_in(world)
    world.github.enter()
    polls = len(world.github.polls)
    await wait(world, process, timedelta(minutes=10))
    assert len(world.github.polls) == polls
    assert_signed_in(world)


# --- Death and faults at every moment --------------------------------------------------------------------------------


async def entered() -> World:
    """A code was shown and entered; the next poll brings the pair."""
    world, _ = await shown(login="alice")
    world.github.enter()
    world.clock.advance(timedelta(seconds=10))
    return world


async def test_whenever_the_process_is_killed_the_next_one_signs_the_human_in_or_shows_a_code(tmp_path: Path) -> None:
    moments = await rehearse(entered)
    answered = moments.index(("device_poll", AFTER))
    for number in range(len(moments)):
        world = await entered()
        world.journal_folder = tmp_path / str(number)
        world.faults.at(number, raising(Killed()))
        with pytest.raises(Killed):
            await world.start().settle()
        process = world.start()
        await process.recover()
        # Where the answer was on the wire the code is used up, and another one is shown and entered.
        await wait(world, process, timedelta(minutes=2))
        assert len(world.github.codes) == (2 if number == answered else 1), moments[number]
        world.github.enter()
        await process.settle()
        assert_signed_in(world)


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
async def test_no_fault_of_the_api_server_costs_a_sign_in(moment: Moment) -> None:
    for number, (call, reached) in enumerate(await rehearse(entered)):
        if reached != moment or " " not in call:
            continue
        world = await entered()
        world.faults.at(number, raising(API_AWAY))
        await world.start().settle()
        assert_signed_in(world)


async def test_a_credential_that_is_deleted_while_its_code_is_entered_is_made_again() -> None:
    world = await entered()
    world.faults.once("device_poll", lambda: world.api.delete(CREDENTIAL), moment=AFTER)
    await world.start().settle()
    assert_signed_in(world)
    assert annotations_of(world.api.objects[CREDENTIAL])[credential.CLIENT_ID] == "Iv23acme"


async def test_nothing_is_polled_once_the_lease_is_lost() -> None:
    world = await entered()
    process = world.start()
    process.leadership.lost = True
    polls = len(world.github.polls)
    await wait(world, process, timedelta(minutes=1))
    assert len(world.github.polls) == polls
