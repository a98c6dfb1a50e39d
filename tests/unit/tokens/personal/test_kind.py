"""Whole runs for personal tokens, against a cluster and a GitHub in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import decoded
from githubtoken_operator.domain.objects.specs.github_token import REFRESH_REQUESTED_AT
from githubtoken_operator.domain.runs import doubt
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import find_condition, needs_human, ready_of
from githubtoken_operator.domain.vocabulary.errors import OutcomeUnknown, RateLimited
from githubtoken_operator.domain.vocabulary.times import format_time, parse_time
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.engine.scheduling.due_queue import Next
from tests.unit.builders import NAMESPACE, NOW, personal_body, secret
from tests.unit.fakes import BEFORE, NOT_SENT, Process, World, raising, token_ref

FRESH = ("True", "Fresh")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EXPIRES = NOW + 30 * DAY
UNAVAILABLE = OutcomeUnknown("GitHub answered with 502.")


def declared(text: str = "ghp_one", *, expires: datetime | None = EXPIRES, **spec: Any) -> World:  # noqa: ANN401
    """A human's token is in Secret `my-pat`, and a GitHubToken for it was just created."""
    world = World()
    world.github.personal["ghp_one"] = expires
    world.api.put(secret("my-pat", {"token": text}))
    world.api.put(personal_body(**spec))
    return world


async def fresh(**settings: Any) -> tuple[World, Process]:  # noqa: ANN401 - as above
    world = declared(**settings)
    process = world.start()
    await process.run()
    assert ready_of(world.status()) == FRESH
    return world, process


def put(world: World, text: str, *, expires: datetime | None = EXPIRES, alive: bool = True) -> None:
    """A human replaces the token."""
    if alive:
        world.github.personal[text] = expires
    world.api.put(secret("my-pat", {"token": text}))


def checks(world: World) -> int:
    return world.faults.calls.count("check")


# --- Copying ---------------------------------------------------------------------------------------------------------


async def test_a_check_that_a_wrong_clock_noted_counts_for_nothing() -> None:
    world, _ = await fresh()
    world.clock.advance(-5 * HOUR)
    await world.start().run()
    assert checks(world) == 2


async def test_an_accepted_token_is_copied_and_shown() -> None:
    world, _ = await fresh(text=" ghp_one\n")
    copied = {key: decoded(world.secret(), key) for key in world.secret()["data"]}
    assert copied == {
        "token": "ghp_one",
        "type": "bearer",
        "scope": "repo",
        "created": format_time(NOW),
        "expires_at": format_time(EXPIRES),
        "expires_in": str(30 * 86400),
    }
    status = world.status()
    assert (status["kind"], status["account"], status["revision"]) == ("Personal", "alice", 1)
    assert (status["expirationTime"], status["lastCheckTime"]) == (format_time(EXPIRES), format_time(NOW))
    assert "renewalTime" not in status
    assert world.event_reasons == [reasons.FRESH]


async def test_the_humans_secret_is_never_written() -> None:
    world, process = await fresh()
    put(world, "ghp_two")
    await process.run()
    assert not [call for call in world.faults.calls if call.endswith("secrets/my-pat") and not call.startswith("GET")]


async def test_a_change_of_the_humans_secret_wakes_the_token() -> None:
    _, process = await fresh()
    assert token_ref() in process.watched.dependents(Ref(Kind.SECRET, NAMESPACE, "my-pat"))


async def test_another_token_is_passed_on_and_counts_on() -> None:
    world, process = await fresh()
    put(world, "ghp_two", expires=EXPIRES + DAY)
    await process.run()
    assert decoded(world.secret(), "token") == "ghp_two"
    assert (world.status()["revision"], world.status()["expirationTime"]) == (2, format_time(EXPIRES + DAY))


@pytest.mark.parametrize("text", ["hunter2", "ghs_minted", "ghr_refresh", ""])
async def test_what_is_no_personal_token_is_neither_sent_nor_copied(text: str) -> None:
    world = declared(text)
    await world.start().run()
    assert checks(world) == 0
    assert "secrets/ci" not in world.api.objects
    assert ready_of(world.status()) == ("False", reasons.CREDENTIAL_MISSING)
    assert needs_human(world.status()) == reasons.CREDENTIAL_MISSING
    assert "hunter2" not in str(world.api.objects["githubtokens/ci"]) + str(world.api.events)


async def test_a_secret_that_may_come_without_our_label_is_looked_for() -> None:
    world = declared()
    world.api.delete("secrets/my-pat")
    process = world.start()
    due = await process.run()
    assert due is not None
    assert due.due == (NOW + timedelta(seconds=10)).timestamp()
    put(world, "ghp_one")
    await process.run()
    assert ready_of(world.status()) == FRESH


async def test_a_valid_token_stays_while_the_humans_secret_is_away() -> None:
    world, process = await fresh()
    world.api.delete("secrets/my-pat")
    await process.run()
    assert ready_of(world.status()) == FRESH
    assert "refresh failing: there is no Secret `my-pat`" in world.message
    assert needs_human(world.status()) == reasons.CREDENTIAL_MISSING
    assert decoded(world.secret(), "token") == "ghp_one"


async def test_a_token_is_written_in_the_forms_of_its_own_host() -> None:
    server = {"apiURL": "https://api.acme.ghe.com", "webURL": "https://acme.ghe.com"}
    world, _ = await fresh(
        personal={"secretRef": {"name": "my-pat"}, **server}, secret={"formats": ["Env", "GitCredentials"]}
    )
    assert decoded(world.secret(), "GH_HOST") == "acme.ghe.com"
    assert decoded(world.secret(), ".git-credentials") == "https://x-access-token:ghp_one@acme.ghe.com\n"


async def test_a_deleted_secret_is_restored_without_github() -> None:
    world, process = await fresh()
    world.api.delete("secrets/ci")
    await process.run()
    assert decoded(world.secret(), "token") == "ghp_one"
    assert checks(world) == 1


async def test_a_host_that_is_not_allowed_gets_nothing() -> None:
    world = declared(personal={"secretRef": {"name": "my-pat"}, "apiURL": "https://ghe.example/api/v3"})
    await world.start().run()
    assert checks(world) == 0
    assert ready_of(world.status()) == ("False", reasons.HOST_NOT_ALLOWED)
    assert "`spec.personal.apiURL` must be on a host that `--allowed-hosts` has" in world.message


# --- Checking --------------------------------------------------------------------------------------------------------


async def test_github_is_asked_once_an_hour_and_nothing_is_written_but_that() -> None:
    world, process = await fresh()
    due = await process.run()
    assert due is not None
    assert due.due == (NOW + HOUR).timestamp()
    before = copy.deepcopy(world.secret())
    world.clock.advance(HOUR)
    await process.run()
    assert (checks(world), world.secret()) == (2, before)
    assert world.status()["lastCheckTime"] == format_time(NOW + HOUR)
    assert world.event_reasons == [reasons.FRESH]
    assert process.metrics.registry.get_sample_value("githubtoken_secret_repairs_total") == 0


async def test_a_restart_checks_nothing_that_was_checked_within_the_hour() -> None:
    world, _ = await fresh()
    world.clock.advance(HOUR - timedelta(seconds=1))
    due = await world.start().run()
    assert checks(world) == 1
    assert due is not None
    assert due.due == (NOW + HOUR).timestamp()
    world.clock.advance(timedelta(seconds=1))
    await world.start().run()
    assert checks(world) == 2


async def test_a_refresh_request_checks_now_and_is_echoed() -> None:
    world, process = await fresh()
    world.clock.advance(timedelta(minutes=5))
    world.api.edit("githubtokens/ci", lambda body: body["metadata"].update(annotations={REFRESH_REQUESTED_AT: "now"}))
    await process.run()
    await process.run()
    assert checks(world) == 2
    assert world.status()["lastHandledRefreshAt"] == "now"
    assert world.status()["revision"] == 1


async def test_a_suspended_token_is_left_alone() -> None:
    world, process = await fresh()

    def suspend(body: dict[str, Any]) -> None:
        body["spec"]["suspend"] = True
        body["metadata"]["generation"] += 1

    world.api.edit("githubtokens/ci", suspend)
    world.clock.advance(2 * HOUR)
    put(world, "ghp_two")
    await process.run()
    assert checks(world) == 1
    assert ready_of(world.status()) == FRESH
    assert world.message.startswith("suspended; token valid until")


@pytest.mark.parametrize("error", [UNAVAILABLE, NOT_SENT], ids=["a bad gateway", "no connection"])
async def test_a_token_stays_ready_while_github_is_away(error: Exception) -> None:
    world, process = await fresh()
    world.clock.advance(HOUR)
    world.github.refuses["check"] = error
    await process.run()
    assert ready_of(world.status()) == FRESH
    assert "refresh failing" in world.message
    assert needs_human(world.status()) is None
    assert world.status()["lastCheckTime"] == format_time(NOW)


async def test_a_limit_holds_up_the_tokens_user_and_nobody_else() -> None:
    world = declared()
    world.api.put(personal_body("other", uid="uid-other"))
    world.faults.once("check", raising(RateLimited(reasons.RATE_LIMITED, "limited", retry_after=300)), moment=BEFORE)
    process = world.start()
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.RATE_LIMITED)
    await process.run("other")
    assert ready_of(world.status("other")) == FRESH
    await process.run()
    assert checks(world) == 2
    world.clock.advance(timedelta(seconds=301))
    await process.run()
    assert ready_of(world.status()) == FRESH


# --- The end of a token ----------------------------------------------------------------------------------------------


async def believed(world: World, process: Process) -> Next | None:
    """Runs until the refusal of a token that worked is believed."""
    due = await process.run()
    for _ in range(doubt.BELIEVED - 1):
        assert ready_of(world.status()) == FRESH
        assert needs_human(world.status()) is None
        assert due is not None
        world.clock.advance(datetime.fromtimestamp(due.due, UTC) - world.clock())
        due = await process.run()
    return due


async def test_a_revoked_token_is_said_and_stays_where_it_is() -> None:
    world, process = await fresh()
    world.clock.advance(HOUR)
    world.github.personal.clear()
    await believed(world, process)
    assert ready_of(world.status()) == ("False", reasons.AUTHENTICATION_FAILED)
    assert needs_human(world.status()) == reasons.AUTHENTICATION_FAILED
    assert decoded(world.secret(), "token") == "ghp_one"
    assert world.event_reasons == [reasons.FRESH, reasons.GITHUB_UNAVAILABLE, reasons.AUTHENTICATION_FAILED]


@pytest.mark.parametrize("restart", [False, True], ids=["the same process", "another process each time"])
async def test_a_revoked_token_does_not_come_to_life_because_github_is_away(*, restart: bool) -> None:
    world, process = await fresh()
    world.clock.advance(HOUR)
    world.github.personal.clear()
    await believed(world, process)
    before = checks(world)
    world.github.refuses["check"] = UNAVAILABLE
    for _ in range(3):
        process = world.start() if restart else process
        world.clock.advance(timedelta(minutes=31))
        await process.run()
        assert ready_of(world.status())[0] == "False"
    assert checks(world) == before + 3


def suspend(world: World) -> None:
    world.api.edit("githubtokens/ci", lambda it: it["spec"].update(suspend=True))
    world.api.edit("githubtokens/ci", lambda it: it["metadata"].update(generation=2))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda world: world.api.delete("secrets/my-pat"), reasons.CREDENTIAL_MISSING, id="no Secret"),
        pytest.param(suspend, reasons.SUSPENDED, id="suspended"),
    ],
)
async def test_a_revoked_token_does_not_come_to_life_by_a_restart_whatever_is_said_since(
    change: Callable[[World], None], reason: str
) -> None:
    world, process = await fresh()
    world.clock.advance(HOUR)
    world.github.personal.clear()
    await believed(world, process)
    change(world)
    for _ in range(3):
        await process.run()
        assert ready_of(world.status()) == ("False", reason)
        process = world.start()


async def test_a_revoked_token_that_a_human_replaces_is_fresh_at_once() -> None:
    world, process = await fresh()
    world.clock.advance(HOUR)
    world.github.personal.clear()
    due = await believed(world, process)
    assert due is not None
    assert due.due == (world.clock() + timedelta(seconds=10)).timestamp()
    put(world, "ghp_two")
    await process.run()
    assert ready_of(world.status()) == FRESH
    assert (decoded(world.secret(), "token"), world.status()["revision"]) == ("ghp_two", 2)
    assert needs_human(world.status()) is None


async def test_a_new_token_that_github_refuses_leaves_the_living_one_ready() -> None:
    world, process = await fresh()
    put(world, "ghp_mistyped", alive=False)
    await process.run()
    assert ready_of(world.status()) == FRESH
    assert needs_human(world.status()) == reasons.AUTHENTICATION_FAILED
    assert decoded(world.secret(), "token") == "ghp_one"


async def test_a_new_token_that_github_refuses_shows_that_the_old_one_is_dead_too() -> None:
    world, process = await fresh()
    world.github.personal.clear()
    put(world, "ghp_mistyped", alive=False)
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.AUTHENTICATION_FAILED)
    assert decoded(world.secret(), "token") == "ghp_one"


async def test_a_token_of_an_earlier_spec_is_not_shown_to_another_host() -> None:
    world, process = await fresh()
    world.github.personal.clear()

    def move(body: dict[str, Any]) -> None:
        body["spec"]["personal"] |= {"apiURL": "https://api.acme.ghe.com", "webURL": "https://acme.ghe.com"}
        body["metadata"]["generation"] += 1

    world.api.edit("githubtokens/ci", move)
    put(world, "ghp_two", alive=False)
    await process.run()
    assert checks(world) == 2
    assert ready_of(world.status()) == ("False", reasons.AUTHENTICATION_FAILED)


async def test_an_expired_token_is_said_and_github_is_not_asked() -> None:
    world, process = await fresh(expires=NOW + HOUR / 2)
    world.clock.advance(HOUR / 2)
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.EXPIRED)
    assert world.message.startswith(f"the personal token expired at {format_time(NOW + HOUR / 2)}: make another")
    assert needs_human(world.status()) == reasons.EXPIRED
    assert checks(world) == 1
    put(world, "ghp_two")
    await process.run()
    assert ready_of(world.status()) == FRESH


async def test_a_token_that_ends_soon_stalls_and_stays_ready() -> None:
    world, process = await fresh(expires=NOW + 8 * DAY)
    assert needs_human(world.status()) is None
    for hours in range(1, 26):
        world.clock.now = NOW + hours * HOUR
        await process.run()
    assert ready_of(world.status()) == FRESH
    assert needs_human(world.status()) == reasons.EXPIRES_SOON
    assert "make another at GitHub" in (find_condition(world.status(), "NeedsHuman") or {})["message"]
    assert world.event_reasons == [reasons.FRESH, reasons.EXPIRES_SOON]
    await world.start().run()
    assert world.event_reasons == [reasons.FRESH, reasons.EXPIRES_SOON]
    put(world, "ghp_two", expires=NOW + 90 * DAY)
    await process.run()
    assert needs_human(world.status()) is None


async def test_the_announcement_is_made_at_its_very_time() -> None:
    world, _ = await fresh(expires=NOW + 7 * DAY + HOUR / 2)
    due = await world.start().run()
    assert due is not None
    assert due.due == (NOW + HOUR / 2).timestamp()


async def test_a_token_that_does_not_expire_is_checked_all_the_same() -> None:
    world, process = await fresh(expires=None)
    assert world.message == "token does not expire"
    world.clock.advance(HOUR)
    await process.run()
    assert checks(world) == 2
    assert parse_time(world.status()["lastCheckTime"]) == NOW + HOUR


async def test_an_expiry_that_cannot_be_never_ends_a_living_token() -> None:
    world, process = await fresh()
    world.clock.advance(HOUR)
    world.github.personal["ghp_one"] = world.clock()
    await process.run()
    assert ready_of(world.status()) == FRESH


# --- The end ---------------------------------------------------------------------------------------------------------


async def test_a_humans_own_token_is_never_revoked_by_us_whatever_the_object_asks_for() -> None:
    # The API server takes no such object; one may have come by a version of the CRD that did.
    world, process = await fresh(deletionPolicy="Revoke")
    world.api.delete("githubtokens/ci")
    assert await process.run() is None
    assert "githubtokens/ci" not in world.api.objects
    assert (world.event_reasons[-1], world.github.revoked) == (reasons.REVOCATION_FAILED, set())
