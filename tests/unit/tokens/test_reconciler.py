"""Whole runs for installation tokens, against a cluster and a GitHub in memory: what is written, when, and what not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.api import Conflict, Forbidden, Terminating
from githubtoken_operator.domain.objects.github_token import REFRESH_REQUESTED_AT, parse_token
from githubtoken_operator.domain.objects.secrets import ADOPT, NAME, annotations_of, decoded, encoded
from githubtoken_operator.domain.runs import causes
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import find_condition, needs_human, ready_of
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal, Transient
from githubtoken_operator.domain.vocabulary.times import format_time
from githubtoken_operator.tokens.gathered import app_ref
from githubtoken_operator.tokens.installation.kind import PROBE_DELAYS
from githubtoken_operator.tokens.turn import WORTH_A_WORD
from tests.unit.builders import NAMESPACE, app_body, githubtoken_body, secret
from tests.unit.fakes import (
    AFTER,
    API_AWAY,
    BEFORE,
    LOST,
    NOT_SENT,
    Killed,
    Moment,
    Process,
    World,
    raising,
    token_ref,
)
from tests.unit.keys import pem

APPLY = "PATCH secrets/ci"
DELETE = "DELETE secrets/ci"
STATUS = "PATCH githubtokens/ci/status"
CONFLICT = Conflict(409, "the resourceVersion is not the present one")
FRESH = ("True", "Fresh")


def declared(**spec: Any) -> World:  # noqa: ANN401 - fields of the spec
    """A GitHubToken of an installation's token was just created; its App is all right."""
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "the-client-secret"}))
    world.api.put(githubtoken_body(**spec))
    return world


async def fresh(**spec: Any) -> World:  # noqa: ANN401 - fields of the spec
    """Its token was obtained and published."""
    world = declared(**spec)
    await world.start().settle()
    assert ready_of(world.status()) == FRESH
    return world


def annotate(world: World, value: str) -> None:
    world.api.edit("githubtokens/ci", lambda body: body["metadata"].update(annotations={REFRESH_REQUESTED_AT: value}))


def respec(world: World, **spec: Any) -> None:  # noqa: ANN401 - fields of the spec
    def change(body: dict[str, Any]) -> None:
        body["spec"] |= spec
        body["metadata"]["generation"] += 1

    world.api.edit("githubtokens/ci", change)


def mints(world: World) -> int:
    return world.faults.calls.count("mint")


def assert_published(world: World) -> None:
    assert decoded(world.secret(), "token") == world.github.minted[-1].reveal()
    assert ready_of(world.status()) == FRESH
    assert world.status()["tokenSHA256"] == world.github.minted[-1].sha256_base64


# --- The first token -------------------------------------------------------------------------------------------------


async def test_the_first_token_is_in_the_secret_before_status_speaks_of_it() -> None:
    world = declared()
    await world.start().run()
    calls = world.faults.calls
    assert calls.index("mint") < calls.index("probe") < calls.index(APPLY) < calls.index(STATUS)
    assert_published(world)
    assert world.status()["account"] == "acme"
    assert world.status()["permissions"] == {"metadata": "read"}
    assert world.status()["repositorySelection"] == "all"
    assert world.event_reasons == [reasons.FRESH]


async def test_a_run_says_when_renewal_is_due_and_that_it_matters_until_expiry() -> None:
    world = declared()
    due = await world.start().run()
    assert due is not None
    assert due.deadline == (world.clock.now + timedelta(hours=1)).timestamp()
    assert format_time(world.clock.now) < world.status()["renewalTime"] < world.status()["expirationTime"]
    assert (
        format_time(world.clock.now + timedelta(seconds=due.due - world.clock.now.timestamp()))
        == (world.status()["renewalTime"])
    )


async def test_a_run_that_finds_nothing_to_do_writes_nothing() -> None:
    world = await fresh()
    before, events = copy.deepcopy(world.api.objects), list(world.api.events)
    process = world.start()
    for _ in range(3):
        await process.run()
    assert world.api.objects == before
    assert world.api.events == events


async def test_a_token_that_is_renewed_counts_on() -> None:
    world = await fresh()
    world.clock.advance(timedelta(minutes=45))
    await world.start().settle()
    assert_published(world)
    assert (mints(world), world.status()["revision"]) == (2, 2)
    # Being renewed is no transition, so nothing was said of it.
    assert world.event_reasons == [reasons.FRESH]


async def test_a_token_is_not_published_before_github_accepts_it() -> None:
    world = declared()
    world.github.accepted_after = 3
    process = world.start()
    for delay in PROBE_DELAYS[:3]:
        due = await process.run()
        assert due is not None
        assert (due.due - world.clock.now.timestamp(), due.cause) == (delay, causes.PROBE)
        assert "conditions" not in world.status()
        world.clock.advance(timedelta(seconds=delay))
    await process.run()
    calls = world.faults.calls
    assert mints(world) == 1
    assert calls.count("probe") == 4
    assert calls.index(APPLY) > len(calls) - 1 - calls[::-1].index("probe")
    assert_published(world)


async def looked_at(process: Process) -> None:
    """Runs it whenever it is looked at again whether GitHub accepts the new token, and once more."""
    for delay in PROBE_DELAYS:
        due = await process.run()
        assert due is not None
        assert due.cause == causes.PROBE
        process.world.clock.advance(timedelta(seconds=delay))
    await process.run()


async def test_a_token_that_github_does_not_accept_is_not_published_while_the_one_before_is_valid() -> None:
    world = await fresh()
    before = decoded(world.secret(), "token")
    world.github.accepted_after = 10**6
    annotate(world, "now")
    process = world.start()
    await looked_at(process)
    assert mints(world) == 2
    assert decoded(world.secret(), "token") == before
    assert ready_of(world.status()) == FRESH
    assert "the one before is kept" in world.status()["conditions"][0]["message"]
    world.github.accepted_after = 0
    await process.settle()
    assert_published(world)


async def test_a_token_that_was_left_alone_for_long_before_it_was_accepted_is_minted_anew() -> None:
    world = declared()
    world.github.accepted_after = 1
    process = world.start()
    await process.run()
    world.clock.advance(timedelta(minutes=30))
    await process.run()
    assert mints(world) == 2
    assert_published(world)


async def test_a_token_that_github_does_not_accept_is_better_than_none() -> None:
    world = declared()
    world.github.accepted_after = 10**6
    await looked_at(world.start())
    assert_published(world)
    assert reasons.NOT_VERIFIED in world.event_reasons


async def test_githubs_clock_counts_and_not_ours() -> None:
    world = declared()
    world.github.clock_ahead = timedelta(minutes=10)
    process = world.start()
    due = await process.run()
    assert due is not None
    assert due.deadline == (world.clock.now + timedelta(hours=1)).timestamp()
    await process.run()
    assert mints(world) == 1


# --- Restart and repair ----------------------------------------------------------------------------------------------


async def test_after_a_restart_nothing_that_is_fresh_is_asked_of_github() -> None:
    world = await fresh()
    world.faults.calls.clear()
    await world.start().settle()
    assert all("/" in call for call in world.faults.calls)
    assert not [call for call in world.faults.calls if not call.startswith("GET")]


async def test_a_token_that_is_taken_up_from_its_secret_is_of_the_account_that_the_spec_names() -> None:
    world = await fresh(installation={"owner": "octo-org"})
    world.api.edit("githubtokens/ci", lambda body: body.update(status={"observedGeneration": -1}))
    await world.start().settle()
    assert ready_of(world.status()) == FRESH
    assert world.status()["account"] == "octo-org"
    assert mints(world) == 1


async def test_a_deleted_secret_is_restored_from_memory_without_github() -> None:
    world = declared()
    process = world.start()
    await process.settle()
    before = world.secret()
    world.api.delete("secrets/ci")
    await process.settle()
    assert world.secret()["data"] == before["data"]
    assert world.secret()["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert mints(world) == 1
    assert process.metrics.registry.get_sample_value("githubtoken_secret_repairs_total") == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda body: body["data"].update(encoded({"token": "ghs_other"})), id="another token"),
        pytest.param(lambda body: body["data"].pop("expires_at"), id="a key is gone"),
        pytest.param(lambda body: body["metadata"].update(annotations={}), id="all annotations are gone"),
        pytest.param(lambda body: body["metadata"].update(labels={}), id="the label is gone"),
        pytest.param(lambda body: body["metadata"].pop("ownerReferences"), id="the owner is gone"),
    ],
)
async def test_an_edited_secret_is_restored_without_github(change: Callable[[dict[str, Any]], object]) -> None:
    world = declared()
    process = world.start()
    await process.settle()
    before = world.secret()
    world.api.edit("secrets/ci", change)
    await process.settle()
    after = world.secret()
    assert after["data"] == before["data"]
    for part in ("labels", "annotations", "ownerReferences"):
        assert after["metadata"][part] == before["metadata"][part]
    assert mints(world) == 1


async def test_a_token_that_a_stranger_put_into_the_secret_is_replaced_after_a_restart() -> None:
    world = await fresh()
    world.api.edit("secrets/ci", lambda body: body["data"].update(encoded({"token": "ghs_other"})))
    await world.start().settle()
    assert mints(world) == 2
    assert_published(world)


async def test_foreign_keys_and_labels_are_left_alone() -> None:
    world = await fresh()
    world.api.edit("secrets/ci", lambda body: body["data"].update(encoded({"mine": "1"})))
    world.clock.advance(timedelta(minutes=45))
    await world.start().settle()
    assert decoded(world.secret(), "mine") == "1"
    assert_published(world)


async def test_a_label_that_leaves_the_spec_leaves_the_secret() -> None:
    world = await fresh(secret={"labels": {"team": "a", "tier": "b"}})
    respec(world, secret={"labels": {"team": "a"}})
    await world.start().settle()
    assert world.secret()["metadata"]["labels"] == {"team": "a", "githubtoken.dev/role": "token"}
    assert mints(world) == 1


# --- Formats, texts and the Secret's type ----------------------------------------------------------------------------

EVERYTHING = {
    "formats": ["BasicAuth", "GitCredentials", "Netrc", "GHHosts", "Env"],
    "data": {"config.ini": "token = ${token}"},
    "labels": {"team": "a"},
}


@pytest.mark.parametrize("failing", [False, True], ids=["while all is well", "while renewals fail"])
async def test_formats_and_texts_are_rewritten_without_another_token(*, failing: bool) -> None:
    world = await fresh(secret=EVERYTHING)
    if failing:
        world.github.refuses["mint"] = Transient(reasons.GITHUB_UNAVAILABLE, "GitHub does not answer")
        world.clock.advance(timedelta(minutes=45))
    before = world.secret()["data"]
    process = world.start()
    await process.run()
    respec(world, secret={"formats": ["BasicAuth"], "data": {"other.ini": "${token}"}})
    await process.run()
    assert world.secret()["data"].keys() == {
        "token", "type", "created", "expires_in", "expires_at", "username", "password", "other.ini"
    }  # fmt: skip
    assert world.secret()["data"]["other.ini"] == world.secret()["data"]["token"] == before["token"]
    assert world.secret()["metadata"]["labels"] == {"githubtoken.dev/role": "token"}
    assert len(world.github.minted) == 1
    assert process.metrics.registry.get_sample_value("githubtoken_secret_repairs_total") == 0


async def test_a_rotation_replaces_the_token_in_every_key_at_once() -> None:
    world = await fresh(secret=EVERYTHING)
    world.clock.advance(timedelta(minutes=45))
    world.faults.calls.clear()
    await world.start().settle()
    assert_published(world)
    assert world.faults.calls.count(APPLY) == 1
    texts = {key: decoded(world.secret(), key) or "" for key in world.secret()["data"]}
    assert not [key for key, text in texts.items() if world.github.minted[0].reveal() in text]
    assert {"password", ".git-credentials", ".netrc", "hosts.yml", "GH_TOKEN", "config.ini"} <= {
        key for key, text in texts.items() if world.github.minted[1].reveal() in text
    }


async def test_a_secret_with_formats_is_fresh_after_a_restart_and_an_edited_key_is_repaired() -> None:
    world = await fresh(installation={"owner": "acme"}, secret={"formats": ["ArgoCDRepository", "GHHosts"]})
    before = world.secret()["data"]
    world.api.edit("secrets/ci", lambda body: body["data"].update(encoded({"hosts.yml": "", "type": "helm"})))
    await world.start().settle()
    assert world.secret()["data"] == before
    assert mints(world) == 1


async def test_hosts_are_known_after_the_app_went() -> None:
    world = await fresh(secret={"formats": ["GHHosts"]})
    process = world.start()
    await process.settle()
    before = world.secret()["data"]
    world.api.delete("githubapps/acme")
    world.clock.advance(timedelta(minutes=1))
    world.api.delete("secrets/ci")
    await process.run()
    assert world.secret()["data"] == before


async def test_a_secret_is_left_as_it_is_while_nobody_knows_the_hosts() -> None:
    world = await fresh(secret={"formats": ["GHHosts"]})
    world.api.delete("githubapps/acme")
    before = copy.deepcopy(world.secret())
    await world.start().settle()
    assert world.secret() == before


async def test_hosts_that_change_rewrite_the_secret_and_mint_nothing() -> None:
    world = await fresh(secret={"formats": ["Env"]})
    world.api.edit("githubapps/acme", lambda body: body["spec"].update(webURL="https://acme.ghe.com"))
    await world.start().settle()
    assert decoded(world.secret(), "GH_HOST") == "acme.ghe.com"
    assert mints(world) == 1


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("BasicAuth", "kubernetes.io/basic-auth"), ("DockerConfigJSON", "kubernetes.io/dockerconfigjson")],
)
async def test_another_type_is_a_delete_and_a_create_with_the_same_token(name: str, wanted: str) -> None:
    world = await fresh()
    before = copy.deepcopy(world.secret())
    respec(world, secret={"formats": [name]})
    world.faults.calls.clear()
    await world.start().run()
    after = world.secret()
    assert after["type"] == wanted
    assert after["data"]["token"] == before["data"]["token"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert [call for call in world.faults.calls if call in (APPLY, DELETE)] == [DELETE, APPLY]
    assert mints(world) == 0


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
@pytest.mark.parametrize("call", [DELETE, APPLY])
async def test_a_change_of_type_survives_faults_without_another_token(call: str, moment: Moment) -> None:
    world = await fresh()
    respec(world, secret={"formats": ["BasicAuth"]})
    world.faults.once(call, raising(API_AWAY), moment=moment)
    await world.start().settle()
    assert world.secret()["type"] == "kubernetes.io/basic-auth"
    assert_published(world)
    assert mints(world) == 1


async def test_a_secret_that_somebody_replaced_meanwhile_is_not_deleted_for_its_type() -> None:
    world = await fresh()
    respec(world, secret={"formats": ["BasicAuth"]})

    def replace_it() -> None:
        world.api.delete("secrets/ci")
        theirs = secret("ci", {"mine": "1"})
        theirs["metadata"]["uid"] = "uid-theirs"
        world.api.put(theirs)

    world.faults.once(DELETE, replace_it)
    process = world.start()
    await process.run()
    await process.run()
    assert world.secret()["data"] == encoded({"mine": "1"})
    assert ready_of(world.status()) == ("False", reasons.SECRET_CONFLICT)


async def test_a_secret_that_would_be_too_large_is_said_and_nothing_is_minted_anew() -> None:
    text = "${expires_at}" * 600
    world = declared(secret={"data": {f"key-{number}": text * 10 for number in range(10)}})
    process = world.start()
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.INVALID_SPEC)
    assert "more than 1 MiB: shorten `spec.secret.data`" in world.status()["conditions"][0]["message"]
    world.clock.advance(timedelta(minutes=2))
    await process.run()
    assert mints(world) == 1
    assert APPLY not in world.faults.calls


# --- Two that want one Secret ----------------------------------------------------------------------------------------


def two_claimants() -> World:
    world = declared(secret={"name": "shared"})
    world.api.put(githubtoken_body("younger", uid="uid-younger", secret={"name": "shared"}))
    for name, created in (("ci", "2026-03-01T11:00:00Z"), ("younger", "2026-03-01T11:00:01Z")):
        world.api.objects[f"githubtokens/{name}"]["metadata"]["creationTimestamp"] = created
    return world


async def test_of_two_that_wait_for_their_app_the_oldest_gets_the_secret() -> None:
    world = two_claimants()
    app = world.api.objects.pop("githubapps/acme")
    process = world.start()
    await process.run("ci")
    await process.run("younger")
    world.api.put(app)
    world.clock.advance(timedelta(minutes=1))
    await process.run("younger")
    await process.run("ci")
    assert annotations_of(world.secret("shared"))[NAME] == "ci"
    assert ready_of(world.status("younger")) == ("False", reasons.SECRET_CONFLICT)
    assert mints(world) == 1


async def test_who_has_the_secret_keeps_it_from_an_older_one_until_it_goes() -> None:
    world = two_claimants()
    process = world.start()
    for name in ("younger", "ci", "younger"):
        await process.run(name)
    assert annotations_of(world.secret("shared"))[NAME] == "younger"
    assert ready_of(world.status("ci")) == ("False", reasons.SECRET_CONFLICT)
    assert mints(world) == 1
    world.api.delete("githubtokens/younger")
    world.api.delete("secrets/shared")
    await process.run("younger")
    await process.settle()
    assert annotations_of(world.secret("shared"))[NAME] == "ci"


# --- Death and faults at every moment --------------------------------------------------------------------------------


async def moments_of_the_first_run() -> list[tuple[str, Moment]]:
    world = declared()
    await world.start().settle()
    return world.faults.reached


async def test_whenever_the_process_is_killed_the_next_one_publishes_and_mints_once_more_at_most() -> None:
    for number, (call, _) in enumerate(await moments_of_the_first_run()):
        world = declared()
        world.faults.at(number, raising(Killed()))
        with pytest.raises(Killed):
            await world.start().settle()
        in_the_secret = "secrets/ci" in world.api.objects
        minted = mints(world)
        await world.start().settle()
        assert_published(world)
        assert mints(world) <= 2, call
        if in_the_secret:
            assert mints(world) == minted, "the Secret alone suffices"


@pytest.mark.parametrize(
    ("error", "moment"),
    [
        pytest.param(API_AWAY, BEFORE, id="the API server is away"),
        pytest.param(API_AWAY, AFTER, id="the API server's answer is lost"),
        pytest.param(CONFLICT, BEFORE, id="409"),
    ],
)
async def test_no_fault_of_the_api_server_mints_twice(error: Exception, moment: Moment) -> None:
    for number, (call, reached) in enumerate(await moments_of_the_first_run()):
        if reached != moment or "/" not in call or (error is CONFLICT and call.startswith("GET")):
            continue
        world = declared()
        world.faults.at(number, raising(error))
        await world.start().settle()
        assert_published(world)
        assert mints(world) == 1, call


@pytest.mark.parametrize("call", ["get_app", "find_installation", "mint"])
@pytest.mark.parametrize("error", [NOT_SENT, LOST], ids=["not sent", "lost"])
async def test_a_fault_on_the_way_to_github_is_overcome(call: str, error: Exception) -> None:
    world = declared()
    world.faults.once(call, raising(error))
    await world.start().settle()
    assert_published(world)
    assert not world.status().keys() & {"failedAttempts", "lastFailureTime", "nextAttemptTime"}


# --- Conflicts and rights --------------------------------------------------------------------------------------------


async def test_a_conflict_at_the_apply_comes_back_soon_with_the_token_that_is_held() -> None:
    world = declared()
    process = world.start()
    world.faults.once(APPLY, raising(CONFLICT))
    due = await process.run()
    assert due is not None
    assert due.due - world.clock.now.timestamp() == pytest.approx(0.2)
    await process.run()
    assert_published(world)
    assert mints(world) == 1


async def test_a_secret_that_appeared_meanwhile_is_never_overwritten() -> None:
    world = declared()
    world.faults.once(APPLY, lambda: world.api.put(secret("ci", {"mine": "1"})))
    process = world.start()
    await process.run()
    await process.run()
    assert world.secret()["data"] == encoded({"mine": "1"})
    assert ready_of(world.status()) == ("False", reasons.SECRET_CONFLICT)


async def test_somebody_elses_secret_is_left_alone_until_it_is_given_to_us() -> None:
    """It has not our label, so that it is there is known when the operator's own cannot be made, and from then on."""
    world = declared()
    world.api.put(secret("ci", {"mine": "1"}))
    process = world.start()
    moved = await process.run()
    assert moved is not None
    assert moved.cause == causes.CONFLICT
    due = await process.run()
    assert due is not None
    assert due.due == (world.clock.now + timedelta(seconds=15)).timestamp()
    await world.start().run()
    assert mints(world) == 1
    assert needs_human(world.status()) == reasons.SECRET_CONFLICT
    world.api.edit("secrets/ci", lambda body: body["metadata"].update(annotations={ADOPT: "true"}))
    await process.settle()
    assert_published(world)
    assert decoded(world.secret(), "mine") == "1"
    assert not world.secret()["metadata"]["ownerReferences"]


async def test_a_secret_that_may_not_be_written_is_said_and_nothing_is_minted_anew() -> None:
    world = declared()
    world.faults.on(APPLY, raising(Forbidden(403, "secrets is forbidden: User cannot patch")))
    process = world.start()
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.MISSING_PERMISSION)
    assert needs_human(world.status()) == reasons.MISSING_PERMISSION
    for _ in range(5):
        world.clock.advance(timedelta(minutes=2))
        await process.run()
    assert mints(world) == 1
    assert world.event_reasons == [reasons.MISSING_PERMISSION]
    world.faults.clear()
    world.clock.advance(timedelta(minutes=5))
    await process.settle()
    assert_published(world)
    assert mints(world) == 1


async def test_a_secret_that_may_not_be_read_is_said() -> None:
    world = declared()
    world.faults.on("GET secrets/ci", raising(Forbidden(403, "secrets is forbidden: User cannot get")))
    due = await world.start(watching=False).run()
    assert due is not None
    assert mints(world) == 0
    assert ready_of(world.status()) == ("False", reasons.MISSING_PERMISSION)


async def test_an_app_that_may_not_be_read_for_a_moment_is_read_again_without_any_event() -> None:
    """So answers an API server that has just started and has not read the roles yet."""
    world = declared()
    world.faults.once("GET githubapps/acme", raising(Forbidden(403, "githubapps is forbidden: User cannot get")))
    process = world.start(watching=False)
    due = await process.run()
    assert due is not None
    assert ready_of(world.status()) == ("False", reasons.MISSING_PERMISSION)
    world.clock.advance(timedelta(seconds=due.due - world.clock.now.timestamp()))
    await process.run()
    assert_published(world)


async def test_in_a_namespace_that_is_being_deleted_nothing_is_repeated() -> None:
    world = declared()
    world.faults.on(APPLY, raising(Terminating(403, "namespace team is being terminated")))
    assert await world.start().run() is None


async def test_an_event_that_cannot_be_written_repeats_nothing() -> None:
    world = declared()
    world.faults.on("POST events", raising(Forbidden(403, "events is forbidden")))
    await world.start().settle()
    assert_published(world)
    assert mints(world) == 1


# --- Requests --------------------------------------------------------------------------------------------------------


async def test_a_refresh_request_is_handled_once() -> None:
    world = await fresh()
    process = world.start()
    annotate(world, "now")
    await process.settle()
    assert (mints(world), world.status()["lastHandledRefreshAt"]) == (2, "now")
    await process.settle()
    await world.start().settle()
    assert mints(world) == 2
    assert_published(world)


async def test_a_refresh_request_is_answered_once_also_where_status_cannot_be_written_at_first() -> None:
    world = await fresh()
    process = world.start()
    annotate(world, "now")
    world.faults.once(STATUS, raising(API_AWAY))
    await process.settle()
    assert (mints(world), world.status()["lastHandledRefreshAt"]) == (2, "now")


async def test_a_refresh_request_skips_our_own_back_off_once() -> None:
    world = declared()
    world.github.refuses["mint"] = Transient(reasons.GITHUB_UNAVAILABLE, "GitHub does not answer")
    process = world.start()
    await process.run()
    await process.run()
    assert mints(world) == 1
    annotate(world, "now")
    await process.run()
    await process.run()
    assert mints(world) == 2


async def test_a_refresh_request_never_undercuts_what_github_stated() -> None:
    world = declared()
    world.github.refuses["mint"] = RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=600)
    process = world.start()
    await process.run()
    annotate(world, "now")
    due = await process.run()
    assert mints(world) == 1
    assert due is not None
    assert due.due >= (world.clock.now + timedelta(seconds=600)).timestamp()


# --- Failures --------------------------------------------------------------------------------------------------------


async def test_a_limit_pauses_that_app_and_no_other() -> None:
    world = declared()
    key = {"name": "other-app", "key": "private-key.pem"}
    world.api.put(app_body("other", appID=2, clientID="Iv23other", privateKeySecretRef=key))
    world.api.put(secret("other-app", {"private-key.pem": pem("other")}))
    world.api.put(githubtoken_body("same", uid="uid-same"))
    world.api.put(githubtoken_body("elsewhere", uid="uid-elsewhere", appRef={"name": "other"}))
    process = world.start()
    world.faults.once("mint", raising(RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=60)))
    await process.run()
    await process.run("same")
    await process.run("elsewhere")
    assert ready_of(world.status("ci")) == ("False", reasons.RATE_LIMITED)
    assert ready_of(world.status("same")) == ("False", reasons.RATE_LIMITED)
    assert ready_of(world.status("elsewhere")) == FRESH
    assert mints(world) == 2


async def test_the_time_of_a_renewal_ends_when_the_secret_holds_its_token() -> None:
    world = declared()
    process = world.start()
    world.faults.once(APPLY, raising(CONFLICT))
    took = {name: f"githubtoken_refresh_duration_seconds_{name}" for name in ("count", "sum")}
    value = process.metrics.registry.get_sample_value
    await process.run()
    assert (mints(world), value(took["count"], {"kind": "Installation"})) == (1, 0)
    world.clock.advance(timedelta(seconds=2))
    await process.run()
    assert (mints(world), value(took["count"], {"kind": "Installation"})) == (1, 1)
    assert value(took["sum"], {"kind": "Installation"}) == 2


async def paced(world: World) -> Process:
    """One token of the App is being minted, which takes long, and four others wait."""
    process = world.start()
    token = parse_token(world.api.objects["githubtokens/ci"])
    app = (await process.apps.resolve(app_ref(token))).app
    assert app is not None
    lane = process.kinds["Installation"].lane(token, app)
    assert lane is not None
    for name in "abcde":
        process.lanes.ask(token_ref(name), lane, deadline=0, points=5, now=world.clock.monotonic())
    return process


async def test_a_token_that_waits_for_its_apps_turn_says_so_once_and_makes_no_event() -> None:
    world = declared()
    process = await paced(world)
    await process.run()
    assert "conditions" not in world.status()
    world.clock.advance(timedelta(seconds=WORTH_A_WORD))
    due = await process.run()
    assert due is not None
    assert due.cause == causes.TURN
    condition = find_condition(world.status(), "Ready")
    assert condition is not None
    shown = condition["status"], condition["reason"], condition["message"]
    assert shown == ("Unknown", reasons.PENDING, "waiting for its App's turn, 4 before it")
    about = {"namespace": NAMESPACE, "name": "ci", "condition": "Unknown"}
    assert process.metrics.registry.get_sample_value("githubtoken_ready_status", about) == 1
    writes = world.faults.calls.count(STATUS)
    await process.run()
    assert (world.faults.calls.count(STATUS), world.event_reasons, mints(world)) == (writes, [], 0)


async def test_a_valid_token_that_waits_for_its_apps_turn_stays_as_it_is() -> None:
    world = await fresh()
    world.clock.advance(timedelta(minutes=45))
    process = await paced(world)
    await process.run()
    assert (mints(world), ready_of(world.status())) == (1, FRESH)


async def test_failures_are_counted_and_the_next_attempt_is_waited_for_also_after_a_restart() -> None:
    world = declared()
    world.github.refuses["mint"] = Transient(reasons.GITHUB_UNAVAILABLE, "GitHub does not answer")
    await world.start().run()
    assert world.status()["failedAttempts"] == 1
    assert world.status()["nextAttemptTime"] == format_time(world.clock.now + timedelta(seconds=5))
    successor = world.start()
    due = await successor.run()
    assert due is not None
    assert due.due == (world.clock.now + timedelta(seconds=5)).timestamp()
    assert mints(world) == 1
    world.clock.advance(timedelta(seconds=5))
    await successor.run()
    assert world.status()["failedAttempts"] == 2


async def test_what_stands_is_said_once_and_not_again_after_a_restart() -> None:
    world = declared()
    world.github.refuses["mint"] = Terminal(reasons.INSTALLATION_SUSPENDED, "the installation is suspended")
    for _ in range(3):
        await world.start().run()
        process = world.start()
        for _ in range(3):
            await process.run()
            assert needs_human(world.status()) == reasons.INSTALLATION_SUSPENDED
            world.clock.advance(timedelta(minutes=30))
    assert world.event_reasons == [reasons.INSTALLATION_SUSPENDED]
    del world.github.refuses["mint"]
    await world.start().settle()
    assert world.event_reasons == [reasons.INSTALLATION_SUSPENDED, reasons.FRESH]


async def test_a_valid_token_stays_while_its_renewal_fails() -> None:
    world = await fresh()
    world.github.refuses["mint"] = Terminal(reasons.INSTALLATION_SUSPENDED, "the installation is suspended")
    world.clock.advance(timedelta(minutes=45))
    process = world.start()
    await process.run()
    assert ready_of(world.status()) == FRESH
    assert needs_human(world.status()) == reasons.INSTALLATION_SUSPENDED
    assert "refresh failing: the installation is suspended" in world.status()["conditions"][0]["message"]
    world.clock.advance(timedelta(minutes=15))
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.INSTALLATION_SUSPENDED)


async def test_a_token_of_an_earlier_spec_is_kept_while_the_new_one_cannot_be_had() -> None:
    world = await fresh()
    before = world.secret()["data"]
    world.github.refuses["mint"] = Terminal(reasons.PERMISSIONS_NOT_GRANTED, "grant `contents`")
    respec(world, installation={"id": 678, "permissions": {"contents": "write"}})
    await world.start().run()
    assert world.secret()["data"] == before
    assert ready_of(world.status()) == ("False", reasons.PERMISSIONS_NOT_GRANTED)
    assert "of an earlier spec" in world.status()["conditions"][0]["message"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda world: world.api.delete("githubapps/acme"), reasons.APP_NOT_FOUND, id="no App"),
        pytest.param(lambda world: world.api.delete("secrets/acme-app"), reasons.PRIVATE_KEY_MISSING, id="no key"),
        pytest.param(
            lambda world: world.api.edit(
                "secrets/acme-app", lambda it: it.update(data=encoded({"private-key.pem": "x"}))
            ),
            reasons.PRIVATE_KEY_INVALID,
            id="garbage for a key",
        ),
        pytest.param(
            lambda world: world.api.edit(
                "githubapps/acme", lambda it: it["spec"].update(apiURL="https://evil.example")
            ),
            reasons.HOST_NOT_ALLOWED,
            id="a host that is not allowed",
        ),
        pytest.param(
            lambda world: world.api.edit("githubapps/acme", lambda it: it["spec"].update(caBundle="bm90IFBFTQ==")),
            reasons.APP_NOT_READY,
            id="an App that cannot be served",
        ),
        pytest.param(
            lambda world: world.github.refuses.update(
                get_app=Terminal(reasons.AUTHENTICATION_FAILED, "the key is another App's")
            ),
            reasons.AUTHENTICATION_FAILED,
            id="an App that GitHub refuses",
        ),
        pytest.param(
            lambda world: respec(world, secret={"data": {"x": "${nonsense}"}}),
            reasons.INVALID_SPEC,
            id="a text that cannot be filled",
        ),
    ],
)
async def test_what_a_human_must_mend_is_said_and_nothing_is_minted(
    spoil: Callable[[World], object], reason: str
) -> None:
    world = declared()
    spoil(world)
    process = world.start()
    await process.run()
    await process.run()
    assert mints(world) == 0
    assert ready_of(world.status()) == ("False", reason)
    assert needs_human(world.status()) == reason
    assert world.event_reasons == [reason]


async def test_a_mended_app_is_tried_at_once() -> None:
    world = declared()
    held = world.api.objects["secrets/acme-app"]
    world.api.delete("secrets/acme-app")
    process = world.start()
    await process.run()
    world.api.put(held)
    process.apps.forget(token_ref())
    world.clock.advance(timedelta(seconds=11))
    await process.run()
    assert_published(world)


async def test_a_renew_before_that_cannot_be_followed_is_said_once() -> None:
    world = await fresh(renewBefore="2h")
    await world.start().settle()
    world.clock.advance(timedelta(minutes=45))
    await world.start().settle()
    assert world.event_reasons.count(reasons.RENEW_BEFORE_IGNORED) == 1


# --- Suspension and the end ------------------------------------------------------------------------------------------


async def test_a_suspended_token_is_kept_and_not_renewed() -> None:
    world = await fresh()
    respec(world, suspend=True)
    process = world.start()
    world.clock.advance(timedelta(minutes=50))
    await process.run()
    assert (mints(world), ready_of(world.status())) == (1, FRESH)
    world.clock.advance(timedelta(minutes=10))
    await process.run()
    assert (mints(world), ready_of(world.status())) == (1, ("False", reasons.SUSPENDED))
    respec(world, suspend=False)
    await process.run()
    assert_published(world)


async def test_a_githubtoken_that_is_gone_leaves_no_series() -> None:
    world = await fresh()
    process = world.start()
    await process.run()
    about = {"namespace": "team", "name": "ci"}
    assert process.metrics.registry.get_sample_value("githubtoken_issued_timestamp_seconds", about) is not None
    world.api.delete("githubtokens/ci")
    assert await process.run() is None
    assert process.metrics.registry.get_sample_value("githubtoken_issued_timestamp_seconds", about) is None


async def test_a_githubtoken_that_is_made_anew_starts_anew() -> None:
    world = await fresh()
    process = world.start()
    await process.run()
    world.api.delete("githubtokens/ci")
    world.api.delete("secrets/ci")
    world.api.put(githubtoken_body(uid="uid-second"))
    await process.settle()
    assert mints(world) == 2
    assert world.secret()["metadata"]["ownerReferences"][0]["uid"] == "uid-second"


async def test_no_token_is_shown_anywhere_but_in_the_secret() -> None:
    world = await fresh()
    shown = str([world.status(), world.api.events, world.secret()["metadata"]])
    assert "ghs_" not in shown


@pytest.mark.parametrize("moment", [APPLY, STATUS])
async def test_an_object_that_is_deleted_meanwhile_is_forgotten_without_a_warning(
    moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = declared()
    process = world.start()
    world.faults.once(moment, lambda: world.api.delete("githubtokens/ci"))
    assert await process.run() is not None
    assert await process.run() is None
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
