"""What a GitHubToken with `deletionPolicy: Revoke` leaves behind, whatever fails and whenever the process dies."""

from __future__ import annotations

import copy
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.api import Conflict, Forbidden, Terminating
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.github_token import FINALIZER, REFRESH_REQUESTED_AT, parse_token
from githubtoken_operator.domain.objects.origin import ORIGIN
from githubtoken_operator.domain.objects.secrets import ADOPT, ADOPTED, decoded, encoded
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.user import credential, credential_body
from githubtoken_operator.domain.user.credential import Intent
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import RateLimited
from githubtoken_operator.domain.vocabulary.model import Token
from githubtoken_operator.domain.vocabulary.times import format_time
from githubtoken_operator.engine.watched import Ref
from githubtoken_operator.tokens.user.announcements import FOREIGN_INTENT_WAIT
from tests.unit.builders import NAMESPACE, app_body, githubtoken_body, secret, user_body
from tests.unit.fakes import AFTER, API_AWAY, LOST, NOT_SENT, Killed, Moment, Process, World, raising
from tests.unit.keys import pem

TOKEN = "githubtokens/ci"
PATCH = f"PATCH {TOKEN}"
CREDENTIAL = "secrets/ci-credential"


async def installation(policy: str = "Revoke") -> World:
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "the-client-secret"}))
    world.api.put(githubtoken_body(deletionPolicy=policy))
    await world.start().settle()
    return world


async def user(policy: str = "Revoke") -> World:
    world = World()
    world.api.put(app_body(privateKeySecretRef=None))
    world.api.put(secret("acme-app", {"client-secret": "the-client-secret"}))
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("alice").reveal()}))
    world.api.put(user_body(deletionPolicy=policy))
    await world.start().settle()
    return world


BOTH = [pytest.param(installation, id="installation"), pytest.param(user, id="user")]
Begin = Callable[[], Awaitable[World]]


def living(world: World) -> set[str]:
    """What the store holds of tokens: all that must be dead in the end."""
    found = {decoded(world.secret(), "token")}
    if CREDENTIAL in world.api.objects:
        found |= {decoded(world.api.objects[CREDENTIAL], key) for key in ("token", "refresh_token")}
    return {token for token in found if token}


async def until_gone(world: World, process: Process, *, minutes: float = 10) -> None:
    """Runs it whenever it is due, the clock jumping there."""
    end = world.clock.now + timedelta(minutes=minutes)
    for _ in range(100):
        due = await process.run()
        if TOKEN not in world.api.objects or due is None or world.clock.now > end:
            return
        world.clock.now = max(world.clock.now, datetime.fromtimestamp(due.due, UTC))


def requested(world: World, time: str) -> None:
    """Somebody asks for a new token."""
    world.api.edit(TOKEN, lambda body: body["metadata"].update(annotations={REFRESH_REQUESTED_AT: time}))


def revocations(process: Process) -> dict[str, float]:
    return {
        result: process.metrics.registry.get_sample_value("githubtoken_revocations_total", {"result": result}) or 0
        for result in ("success", "failed")
    }


# --- The finalizer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", BOTH)
async def test_the_object_is_held_before_its_first_token_is_obtained(begin: Begin) -> None:
    world = await begin()
    calls = world.faults.calls
    assert calls.index(PATCH) < min(calls.index(call) for call in ("mint", "refresh") if call in calls)
    assert world.api.objects[TOKEN]["metadata"]["finalizers"] == [FINALIZER]


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
async def test_no_other_policy_holds_the_object(policy: str) -> None:
    world = await installation(policy)
    assert "finalizers" not in world.api.objects[TOKEN]["metadata"]
    assert PATCH not in world.faults.calls


async def test_the_policy_may_be_changed_at_any_time() -> None:
    world = await installation("Delete")
    process = world.start()
    for policy, finalizers in (("Revoke", [FINALIZER]), ("Retain", [])):

        def change(body: dict[str, object], policy: str = policy) -> None:
            body["spec"] = {"appRef": {"name": "acme"}, "installation": {"id": 678}, "deletionPolicy": policy}

        world.api.edit(TOKEN, change)
        await process.settle()
        assert world.api.objects[TOKEN]["metadata"]["finalizers"] == finalizers
    assert len(world.github.minted) == 1


async def test_finalizers_of_others_are_left_alone() -> None:
    world = await installation("Delete")

    def change(body: dict[str, dict[str, object]]) -> None:
        body["metadata"]["finalizers"] = ["example.com/hold"]
        body["spec"]["deletionPolicy"] = "Revoke"

    world.api.edit(TOKEN, change)
    process = world.start()
    await process.settle()
    world.api.delete(TOKEN)
    await process.run()
    assert world.api.objects[TOKEN]["metadata"]["finalizers"] == ["example.com/hold"]
    assert world.github.revoked == living(world)


async def test_without_the_right_to_hold_the_object_nothing_is_obtained() -> None:
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    world.api.put(githubtoken_body(deletionPolicy="Revoke"))
    world.faults.on(PATCH, raising(Forbidden(403, "cannot patch githubtokens")))
    await world.start().run()
    assert world.github.minted == []
    assert ready_of(world.status()) == ("False", reasons.MISSING_PERMISSION)
    assert "deletionPolicy: Revoke" in world.status()["conditions"][0]["message"]


ROLE_GONE = Forbidden(403, "githubtokens.githubtoken.dev is forbidden")


async def of_namespaces(*, allowed: bool) -> tuple[World, Process]:
    """An operator with `--namespaces`, and a GitHubToken that is to be revoked."""
    world = World()
    world.api.allows = allowed
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    world.api.put(githubtoken_body(deletionPolicy="Revoke"))
    return world, world.start(clusterwide=False)


async def test_an_operator_of_some_namespaces_holds_nothing_that_it_could_not_let_go() -> None:
    world, process = await of_namespaces(allowed=False)
    due = await process.run()
    assert world.github.minted == []
    assert "finalizers" not in world.api.objects[TOKEN]["metadata"]
    assert ready_of(world.status()) == ("False", reasons.MISSING_PERMISSION)
    assert "rbac.revocation.enabled" in world.status()["conditions"][0]["message"]
    world.api.allows = True
    assert due is not None
    world.clock.now = datetime.fromtimestamp(due.due, UTC)
    await process.settle()
    assert len(world.github.minted) == 1
    assert world.api.objects[TOKEN]["metadata"]["finalizers"] == [FINALIZER]


async def test_a_finalizer_from_before_the_right_was_lost_is_taken_off() -> None:
    world, process = await of_namespaces(allowed=True)
    await process.settle()
    world.api.allows = False
    await world.start(clusterwide=False).settle()
    assert world.api.objects[TOKEN]["metadata"]["finalizers"] == []
    assert len(world.github.minted) == 1


@pytest.mark.parametrize("policy", ["Revoke", "Delete"])
@pytest.mark.parametrize("begin", BOTH)
async def test_a_role_that_is_gone_is_no_error_of_the_run_and_its_return_ends_the_matter(
    begin: Begin, policy: str
) -> None:
    world = await begin()
    tokens, process = living(world), world.start()
    world.api.delete(TOKEN)
    world.api.edit(TOKEN, lambda body: body["spec"].update(deletionPolicy=policy))
    world.faults.on(PATCH, raising(ROLE_GONE))
    due = await process.run()
    assert due is not None
    assert due.due - world.clock.now.timestamp() == deletion.LONGEST_PAUSE
    assert revocations(process) == {"success": 0, "failed": 0}, "nothing is counted twice"
    world.faults.clear()
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert world.github.revoked == (tokens if policy == "Revoke" else set())
    assert revocations(process) == {"success": 1 if policy == "Revoke" else 0, "failed": 0}


async def test_secrets_that_may_not_be_read_any_more_hold_it_five_minutes_and_no_longer() -> None:
    world = await user()
    process = world.start()
    for call in ("GET secrets/ci", f"GET {CREDENTIAL}"):
        world.faults.on(call, raising(Forbidden(403, "secrets is forbidden")))
    world.api.delete(TOKEN)
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert revocations(process) == {"success": 0, "failed": 1}


# --- What nobody has any more ----------------------------------------------------------------------------------------


def moved(world: World, **urls: str) -> None:
    """The App names another GitHub."""
    new = {"apiURL": "https://api.acme.ghe.com", "webURL": "https://acme.ghe.com"} | urls
    world.api.edit("githubapps/acme", lambda body: body["spec"].update(new))


def came_from(world: World, key: str, origin: dict[str, str] | None) -> None:
    """What the Secret says of where its token came from."""

    def change(body: dict[str, Any]) -> None:
        known = json.loads(body["metadata"]["annotations"].pop(ORIGIN))
        if origin is not None:
            body["metadata"]["annotations"][ORIGIN] = json.dumps(known | origin)

    world.api.edit(key, change)


@pytest.mark.parametrize("begin", BOTH)
async def test_what_came_from_the_apps_earlier_host_is_revoked_there_and_shown_to_no_other(begin: Begin) -> None:
    world = await begin()
    tokens = living(world)
    moved(world)
    world.api.delete(TOKEN)
    process = world.start()
    await until_gone(world, process)
    assert world.github.revoked == tokens
    assert all(world.github.shown[token] <= {"api.github.com", "github.com"} for token in tokens)
    assert revocations(process) == {"success": 1, "failed": 0}


@pytest.mark.parametrize("begin", BOTH)
async def test_the_present_host_gets_the_client_secret_and_the_earlier_one_does_not(begin: Begin) -> None:
    world = await begin()
    moved(world)
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    assert all((asked.client_secret, asked.private_key) == (None, None) for asked in world.github.revokers)


@pytest.mark.parametrize("begin", BOTH)
async def test_an_earlier_host_that_is_not_allowed_any_more_is_not_asked_and_that_is_no_success(begin: Begin) -> None:
    world = await begin()
    away = {"apiURL": "https://ghe.gone.example/api/v3", "webURL": "https://ghe.gone.example"}
    for key in (key for key in ("secrets/ci", CREDENTIAL) if key in world.api.objects):
        came_from(world, key, away)
    tokens = living(world)
    world.api.delete(TOKEN)
    process = world.start()
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert not world.github.revoked & tokens
    assert revocations(process) == {"success": 0, "failed": 1}
    assert world.event_reasons[-1] == reasons.REVOCATION_FAILED
    assert "ghe.gone.example" in world.api.events[-1]["message"]
    assert (CREDENTIAL in world.api.objects) == (begin is user), "nothing else could revoke the pair"


async def test_an_earlier_server_of_ones_own_is_asked_where_it_is_still_allowed() -> None:
    world = await installation()
    came_from(world, "secrets/ci", {"apiURL": "https://ghe.old.example/api/v3", "webURL": "https://ghe.old.example"})
    (token,) = living(world)
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    assert world.github.shown[token] == {"api.github.com", "ghe.old.example"}, "the first by the mint"


async def test_a_token_of_an_earlier_version_is_shown_to_no_other_host_than_status_speaks_of() -> None:
    world = await installation()
    came_from(world, "secrets/ci", None)
    moved(world)
    world.api.delete(TOKEN)
    process = world.start()
    await until_gone(world, process)
    assert not world.github.revoked
    assert revocations(process) == {"success": 0, "failed": 1}


async def test_superseded_tokens_of_the_earlier_host_are_revoked_there() -> None:
    world = await installation()
    process = world.start()
    await process.settle()
    moved(world)
    process.apps.forget(Ref(Kind.APP, NAMESPACE, "acme"))
    await process.settle()
    first, second = (token.reveal() for token in world.github.minted)
    world.api.delete(TOKEN)
    await until_gone(world, process)
    assert world.github.shown[first] == {"api.github.com"}
    assert world.github.shown[second] == {"api.acme.ghe.com"}
    assert world.github.revoked == {first, second}


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_pair_that_went_before_its_githubtoken_is_never_called_revoked(restarted: bool) -> None:  # noqa: FBT001
    world = await user()
    process = world.start()
    await process.run()
    for key in [key for key in world.api.objects if key.startswith(("secrets/", "githubapps/"))]:
        del world.api.objects[key]
    world.api.delete(TOKEN)
    process = world.start() if restarted else process
    assert await process.run() is None
    assert TOKEN not in world.api.objects
    assert world.github.live
    assert revocations(process) == {"success": 0, "failed": 1}
    event = world.api.events[-1]
    assert event["reason"] == reasons.REVOCATION_FAILED
    assert "ci-credential" in event["message"]
    assert "Settings > Applications" in event["message"]


async def test_the_access_token_is_revoked_where_only_the_refresh_token_is_gone() -> None:
    world = await user()
    access = decoded(world.secret(), "token")
    del world.api.objects[CREDENTIAL]
    world.api.delete(TOKEN)
    process = world.start()
    await process.run()
    assert world.github.revoked == {access}
    assert revocations(process) == {"success": 0, "failed": 1}


async def test_an_installation_token_that_nobody_has_any_more_is_never_called_revoked() -> None:
    world = await installation()
    known = world.status()["tokenSHA256"]
    del world.api.objects["secrets/ci"]
    world.api.delete(TOKEN)
    process = world.start()
    assert await process.run() is None
    assert revocations(process) == {"success": 0, "failed": 1}
    assert known in world.api.events[-1]["message"], "it joins GitHub's audit log"


@pytest.mark.parametrize("begin", BOTH)
async def test_what_is_gone_and_dead_is_no_failure(begin: Begin) -> None:
    world = await begin()
    world.clock.advance(timedelta(days=200))
    for key in [key for key in world.api.objects if key.startswith("secrets/")]:
        del world.api.objects[key]
    world.api.delete(TOKEN)
    process = world.start()
    await process.run()
    assert revocations(process) == {"success": 1, "failed": 0}


async def test_a_crash_after_the_revocation_does_not_make_a_failure_of_it() -> None:
    world = await user()
    world.api.delete(TOKEN)
    world.faults.on(f"DELETE {CREDENTIAL}", raising(Killed()), moment=AFTER)
    with pytest.raises(Killed):
        await world.start().run()
    world.faults.clear()
    process = world.start()
    await process.run()
    assert TOKEN not in world.api.objects
    assert revocations(process) == {"success": 1, "failed": 0}


# --- Deletion --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", BOTH)
async def test_everything_that_was_obtained_is_revoked_and_the_credential_removed(begin: Begin) -> None:
    world = await begin()
    tokens, process = living(world), world.start()
    world.api.delete(TOKEN)
    assert await process.run() is None
    assert TOKEN not in world.api.objects
    assert CREDENTIAL not in world.api.objects
    assert world.github.revoked == tokens
    assert revocations(process) == {"success": 1, "failed": 0}


async def test_the_predecessors_of_an_installation_token_are_revoked_too() -> None:
    world = await installation()
    process = world.start()
    for time in ("one", "two"):
        requested(world, time)
        await process.settle()
    assert len(world.github.minted) == 3
    world.api.delete(TOKEN)
    await process.run()
    assert world.github.revoked == {token.reveal() for token in world.github.minted}


async def test_a_predecessor_that_a_restart_forgot_is_never_called_revoked_while_it_lives() -> None:
    world = await installation()
    process = world.start()
    for time in ("one", "two"):
        requested(world, time)
        await process.settle()
    first, second, third = world.github.minted
    restarted = world.start()
    requested(world, "three")
    await restarted.settle()
    fourth = world.github.minted[-1]
    world.api.delete(TOKEN)
    await until_gone(world, restarted)
    assert world.github.revoked == {third.reveal(), fourth.reveal()}
    assert revocations(restarted) == {"success": 0, "failed": 1}
    message = world.api.events[-1]["message"]
    assert any(each.sha256_base64 in message for each in (first, second))
    assert "a token from before the last renewal is not revoked" in message


async def test_a_predecessor_that_a_restart_forgot_is_no_failure_once_its_time_is_over() -> None:
    world = await installation()
    process = world.start()
    requested(world, "one")
    await process.settle()
    world.clock.advance(timedelta(minutes=61))
    restarted = world.start()
    await restarted.settle()
    world.api.delete(TOKEN)
    await until_gone(world, restarted)
    assert revocations(restarted) == {"success": 1, "failed": 0}


async def test_a_restart_writes_no_secret_anew_for_its_predecessors() -> None:
    world = await installation()
    process = world.start()
    requested(world, "one")
    await process.settle()
    before = copy.deepcopy(world.secret())
    await world.start().settle()
    assert world.secret() == before


async def test_a_predecessor_whose_time_is_over_is_not_asked_about() -> None:
    world = await installation()
    process = world.start()
    await process.settle()
    world.clock.now += timedelta(minutes=59)
    await process.settle()
    world.clock.now += timedelta(minutes=2)
    world.api.delete(TOKEN)
    await process.run()
    assert world.github.revoked == {world.github.minted[-1].reveal()}


async def test_a_token_that_was_never_published_is_revoked_too() -> None:
    world = await installation()
    process = world.start()
    await process.settle()
    world.github.accepted_after = 99
    requested(world, "now")
    await process.run()
    assert len(world.github.minted) == 2
    world.api.delete(TOKEN)
    await process.run()
    assert world.github.revoked == {token.reveal() for token in world.github.minted}


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
async def test_other_policies_revoke_nothing_and_keep_the_credential(policy: str) -> None:
    world = await user(policy)
    world.api.delete(TOKEN)
    assert await world.start().run() is None
    assert CREDENTIAL in world.api.objects
    assert world.github.revoked == set()


async def test_a_policy_changed_during_the_deletion_counts() -> None:
    world = await user()
    world.faults.on("revoke", raising(NOT_SENT))
    world.api.delete(TOKEN)
    process = world.start()
    await process.run()
    world.api.edit(TOKEN, lambda body: body["spec"].update(deletionPolicy="Delete"))
    await process.run()
    assert TOKEN not in world.api.objects
    assert CREDENTIAL in world.api.objects


@pytest.mark.parametrize("begin", BOTH)
async def test_whenever_the_process_dies_the_next_one_revokes_all_of_it(begin: Begin) -> None:
    world = await begin()
    first = len(world.faults.reached)
    world.api.delete(TOKEN)
    await world.start().run()
    for number in range(len(world.faults.reached) - first):
        world = await begin()
        tokens = living(world)
        world.api.delete(TOKEN)
        world.faults.at(number, raising(Killed()))
        with pytest.raises(Killed):
            await world.start().run()
        await until_gone(world, world.start())
        assert world.github.revoked == tokens
        assert {TOKEN, CREDENTIAL} & world.api.objects.keys() == set()


@pytest.mark.parametrize("fault", [API_AWAY, Conflict(409, "the resourceVersion is not the present one")])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("begin", BOTH)
async def test_no_fault_of_the_api_server_keeps_a_token_alive(begin: Begin, fault: Exception, moment: Moment) -> None:
    world = await begin()
    first = len(world.faults.reached)
    world.api.delete(TOKEN)
    await world.start().run()
    moments = world.faults.reached[first:]
    for number, (call, reached) in enumerate(moments):
        if reached != moment or "/" not in call or (isinstance(fault, Conflict) and (moment == AFTER or "GET" in call)):
            continue
        world = await begin()
        tokens, process = living(world), world.start()
        world.api.delete(TOKEN)
        world.faults.at(number, raising(fault))
        await until_gone(world, process)
        assert world.github.revoked == tokens, call
        assert {TOKEN, CREDENTIAL} & world.api.objects.keys() == set()


async def test_a_newer_sign_in_during_the_deletion_is_revoked_too() -> None:
    world = await user()
    newer = world.github.sign_in("again")

    def sign_in() -> None:
        world.api.edit(CREDENTIAL, lambda body: body["data"].update(encoded({"refresh_token": newer.reveal()})))

    world.faults.once("revoke", sign_in, moment=AFTER)
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    assert newer.reveal() in world.github.revoked
    assert CREDENTIAL not in world.api.objects


async def test_a_token_whose_secret_was_deleted_is_revoked_from_memory() -> None:
    world = await installation()
    process = world.start()
    await process.run()
    world.api.delete("secrets/ci")
    world.api.delete(TOKEN)
    await process.run()
    assert world.github.revoked == {world.github.minted[-1].reveal()}


async def test_what_has_expired_needs_no_github() -> None:
    world = await installation()
    world.github.refuses["revoke"] = NOT_SENT
    world.clock.advance(timedelta(hours=2))
    world.api.delete(TOKEN)
    assert await world.start().run() is None
    assert TOKEN not in world.api.objects


async def test_a_secret_of_somebody_else_is_not_read_out() -> None:
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    world.api.put(secret("ci", {"token": "ghs_strangers"}))
    world.api.put(githubtoken_body(deletionPolicy="Revoke"))
    world.api.edit(TOKEN, lambda body: body["metadata"].update(finalizers=[FINALIZER]))
    world.api.delete(TOKEN)
    await world.start().run()
    assert TOKEN not in world.api.objects
    assert world.github.revoked == set()


@pytest.mark.parametrize("annotation", [ADOPT, ADOPTED])
async def test_an_adopted_credential_secret_is_given_back_to_its_maker_without_the_pair(annotation: str) -> None:
    world = await user()

    def adopted(body: dict[str, Any]) -> None:
        body["metadata"]["annotations"].update({annotation: "true", "example.com/team": "a"})
        body["data"].update(encoded({"theirs": "precious"}))

    world.api.edit(CREDENTIAL, adopted)
    tokens = living(world)
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    assert world.github.revoked == tokens
    left = world.api.objects[CREDENTIAL]
    assert left["data"] == encoded({"theirs": "precious"})
    assert (left["metadata"]["labels"], left["metadata"]["annotations"]) == ({}, {"example.com/team": "a"})


# --- The right pair, by the right App --------------------------------------------------------------------------------


async def test_the_client_secret_serves_pairs_of_its_own_client_id_only() -> None:
    world = await user()
    world.api.edit("githubapps/acme", lambda body: body["spec"].update(clientID="Iv23another"))
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    (revoker,) = world.github.revokers
    assert (revoker.client_id, revoker.client_secret) == ("Iv23acme", None)


async def test_an_app_that_tells_no_client_id_revokes_by_the_one_of_the_pair() -> None:
    world = await user()
    world.api.edit("githubapps/acme", lambda body: body["spec"].pop("clientID"))
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    (revoker,) = world.github.revokers
    assert (revoker.client_id, revoker.client_secret is None) == ("Iv23acme", False)


async def test_the_outcome_of_another_process_is_waited_for() -> None:
    world = await user()
    stored = world.api.objects[CREDENTIAL]
    current = credential.read(stored).current or ""
    intent = Intent(current, "another-pod", 1, format_time(world.clock.now))
    world.api.put(
        credential_body.with_intent(
            stored, intent, parse_token(world.api.objects[TOKEN]), credential.read(stored).client_id or ""
        )
    )
    world.api.delete(TOKEN)
    process, begun = world.start(), world.clock.now
    await process.run()
    assert world.github.revoked == set()
    await until_gone(world, process)
    assert world.clock.now - begun >= FOREIGN_INTENT_WAIT
    assert TOKEN not in world.api.objects
    assert current in {Token(token).sha256 for token in world.github.revoked}


# --- GitHub or the App is away ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", BOTH)
@pytest.mark.parametrize("fault", [NOT_SENT, LOST])
async def test_an_unreachable_github_holds_the_object_five_minutes_and_no_longer(
    begin: Begin, fault: Exception
) -> None:
    world = await begin()
    world.faults.on("revoke", raising(fault))
    world.api.delete(TOKEN)
    deleted, process = world.clock.now, world.start()
    due = await process.run()
    assert due is not None
    assert TOKEN in world.api.objects
    assert world.event_reasons[-1] == reasons.REVOCATION_DELAYED
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert timedelta(0) <= world.clock.now - deleted - deletion.LONGEST_HOLD < timedelta(seconds=5)
    assert world.event_reasons[-2:] == [reasons.REVOCATION_DELAYED, reasons.REVOCATION_FAILED]
    assert revocations(process) == {"success": 0, "failed": 1}
    assert (CREDENTIAL in world.api.objects) is (begin is user), "nothing else could revoke the pair any more"


async def test_a_restart_does_not_begin_the_five_minutes_anew() -> None:
    world = await installation()
    world.faults.on("revoke", raising(NOT_SENT))
    world.api.delete(TOKEN)
    await world.start().run()
    world.clock.advance(deletion.LONGEST_HOLD)
    assert await world.start().run() is None
    assert TOKEN not in world.api.objects


async def test_a_github_that_comes_back_in_time_revokes() -> None:
    world = await user()
    tokens, process = living(world), world.start()
    world.faults.on("revoke", raising(NOT_SENT))
    world.api.delete(TOKEN)
    await process.run()
    world.faults.clear()
    world.clock.advance(timedelta(minutes=2))
    await process.run()
    assert world.github.revoked == tokens
    assert revocations(process) == {"success": 1, "failed": 0}


async def test_a_limit_that_github_states_is_waited_for() -> None:
    world = await installation()
    world.github.refuses["revoke"] = RateLimited(reasons.RATE_LIMITED, "wait", retry_after=100.0)
    world.api.delete(TOKEN)
    due = await world.start().run()
    assert due is not None
    assert due.due == world.clock.now.timestamp() + 100


@pytest.mark.parametrize("begin", BOTH)
async def test_an_app_that_is_gone_is_used_as_it_was(begin: Begin) -> None:
    world = await begin()
    tokens, process = living(world), world.start()
    await process.run()
    world.api.delete("githubapps/acme")
    world.clock.advance(timedelta(minutes=1))
    world.api.delete(TOKEN)
    await process.run()
    assert TOKEN not in world.api.objects
    assert world.github.revoked == tokens


@pytest.mark.parametrize("begin", BOTH)
async def test_an_app_that_nobody_remembers_does_not_hold_it_for_longer(begin: Begin) -> None:
    world = await begin()
    world.api.delete("githubapps/acme")
    world.api.delete(TOKEN)
    deleted, process = world.clock.now, world.start()
    await until_gone(world, process)
    assert TOKEN not in world.api.objects
    assert world.clock.now - deleted < deletion.LONGEST_HOLD + timedelta(seconds=5)
    assert world.github.revoked == set()
    assert "AppNotFound" not in world.api.events[-1]["message"]
    assert "no GitHubApp `acme`" in world.api.events[-1]["message"]


async def test_what_never_had_a_token_goes_at_once_also_without_app() -> None:
    world = World()
    world.api.put(githubtoken_body(deletionPolicy="Revoke"))
    process = world.start()
    await process.run()
    assert world.api.objects[TOKEN]["metadata"]["finalizers"] == [FINALIZER]
    world.api.delete(TOKEN)
    assert await process.run() is None
    assert TOKEN not in world.api.objects


async def test_a_namespace_that_goes_does_not_hang_on_its_events() -> None:
    world = await installation()
    world.faults.on("revoke", raising(NOT_SENT))
    world.faults.on("POST events", raising(Terminating(403, "the namespace is being terminated")))
    world.api.delete(TOKEN)
    process = world.start()
    assert await process.run() is not None
    await until_gone(world, process)
    assert TOKEN not in world.api.objects


async def test_a_credential_that_may_not_be_deleted_does_not_hold_it_for_longer() -> None:
    world = await user()
    world.faults.on(f"DELETE {CREDENTIAL}", raising(Forbidden(403, "cannot delete secrets")))
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    assert TOKEN not in world.api.objects
    assert world.event_reasons[-1] == reasons.REVOCATION_FAILED
