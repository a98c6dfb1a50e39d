"""GitHubApps: what is read of them serves their tokens for a while, and GitHub is asked about them seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.apps.resolving import REUSE
from githubtoken_operator.apps.runs import RECHECK_MISSING
from githubtoken_operator.domain.lanes.outage import FIRST_PAUSE
from githubtoken_operator.domain.objects.secrets import encoded
from githubtoken_operator.domain.runs.appcheck import CHECK_EVERY
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import needs_human, ready_of
from githubtoken_operator.domain.vocabulary.errors import NotSent, RateLimited, Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import App, AppInfo
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.engine.scheduling.turns import Waits
from tests.unit.builders import (
    NAMESPACE,
    app_body,
    cluster_app_body,
    githubtoken_body,
    namespace_body,
    secret,
    user_body,
)
from tests.unit.fakes import API_AWAY, NOT_SENT, FakeGitHub, Process, World, raising, token_ref
from tests.unit.keys import pem

ACME = Ref(Kind.APP, NAMESPACE, "acme")
CI, OTHER = token_ref("ci"), token_ref("other")
KEY_SECRET = Ref(Kind.SECRET, NAMESPACE, "acme-app")


def world_with(**spec: Any) -> World:  # noqa: ANN401 - fields of the spec
    world = World()
    world.api.put(app_body(**spec))
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": " the-client-secret\n"}))
    return world


def app_status(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.api.objects["githubapps/acme"]["status"]
    return found


def looks(world: World) -> int:
    return world.faults.calls.count("get_app")


# --- Reading ---------------------------------------------------------------------------------------------------------


async def test_an_app_is_read_with_its_secrets() -> None:
    resolved = await world_with().start().apps.resolve(ACME)
    assert resolved.error is resolved.key_error is resolved.client_secret_error is None
    assert resolved.app is not None
    assert resolved.app.private_key is not None
    assert resolved.app.client_secret is not None
    assert resolved.app.client_secret.reveal() == "the-client-secret"
    assert resolved.reads == {ACME, KEY_SECRET}


@pytest.mark.parametrize(
    ("spec", "change", "where", "reason"),
    [
        pytest.param({}, lambda world: world.api.delete("githubapps/acme"), "error", "AppNotFound", id="no App"),
        pytest.param(
            {"caBundle": "bm90IFBFTQ=="}, lambda _: None, "error", "InvalidSpec", id="a CA that is no certificate"
        ),
        pytest.param(
            {"apiURL": "https://evil.example"}, lambda _: None, "error", "HostNotAllowed", id="the API's host"
        ),
        pytest.param(
            {"webURL": "https://evil.example"}, lambda _: None, "error", "HostNotAllowed", id="the web's host"
        ),
        pytest.param(
            {"privateKeySecretRef": None}, lambda _: None, "key_error", "PrivateKeyMissing", id="no key is named"
        ),
        pytest.param(
            {}, lambda world: world.api.delete("secrets/acme-app"), "key_error", "PrivateKeyMissing", id="no Secret"
        ),
        pytest.param(
            {},
            lambda world: world.api.edit("secrets/acme-app", lambda it: it["data"].pop("private-key.pem")),
            "key_error",
            "PrivateKeyMissing",
            id="no such key",
        ),
        pytest.param(
            {},
            lambda world: world.api.edit("secrets/acme-app", lambda it: it["data"].update({"private-key.pem": ""})),
            "key_error",
            "PrivateKeyMissing",
            id="an empty key",
        ),
        pytest.param(
            {},
            lambda world: world.api.edit(
                "secrets/acme-app", lambda it: it["data"].update(encoded({"private-key.pem": "garbage"}))
            ),
            "key_error",
            "PrivateKeyInvalid",
            id="garbage",
        ),
        pytest.param(
            {},
            lambda world: world.api.edit("secrets/acme-app", lambda it: it["data"].pop("client-secret")),
            "client_secret_error",
            "ClientSecretMissing",
            id="no client secret",
        ),
    ],
)
async def test_what_an_app_lacks(
    spec: dict[str, Any], change: Callable[[World], object], where: str, reason: str
) -> None:
    world = world_with(**spec)
    change(world)
    error = getattr(await world.start().apps.resolve(ACME), where)
    assert isinstance(error, TokenError)
    assert error.reason == reason


async def test_what_was_read_serves_for_a_while() -> None:
    world = world_with()
    apps = world.start().apps
    first = await apps.resolve(ACME)
    calls = len(world.faults.calls)
    world.clock.advance(REUSE)
    assert await apps.resolve(ACME) is first
    assert len(world.faults.calls) == calls
    world.clock.advance(timedelta(seconds=1))
    assert await apps.resolve(ACME) is not first


@pytest.mark.parametrize("changed", [ACME, KEY_SECRET], ids=["the App", "its Secret"])
async def test_a_change_that_was_watched_ends_that(changed: Ref) -> None:
    world = world_with()
    apps = world.start().apps
    first = await apps.resolve(ACME)
    apps.forget(Ref(Kind.SECRET, NAMESPACE, "unrelated"))
    assert await apps.resolve(ACME) is first
    apps.forget(changed)
    assert await apps.resolve(ACME) is not first


async def test_the_digest_changes_with_whatever_could_mend_a_failure() -> None:
    async def digest(change: Callable[[World], object], **spec: Any) -> str:  # noqa: ANN401 - fields of the spec
        world = world_with(**spec)
        change(world)
        return (await world.start().apps.resolve(ACME)).digest

    def edit_key(world: World) -> None:
        world.api.edit("secrets/acme-app", lambda it: it["data"].update(encoded({"private-key.pem": "x"})))

    def edit_client_secret(world: World) -> None:
        world.api.edit("secrets/acme-app", lambda it: it["data"].update(encoded({"client-secret": "x"})))

    def edit_spec(world: World) -> None:
        world.api.edit("githubapps/acme", lambda it: it["metadata"].update(generation=2))

    changes: list[Callable[[World], None]] = [lambda _: None, edit_key, edit_client_secret, edit_spec]
    digests = [await digest(change) for change in changes]
    assert len(set(digests)) == len(changes)
    assert await digest(lambda _: None) == digests[0]


# --- Apps of the whole cluster ---------------------------------------------------------------------------------------

OF_CLUSTER = Ref(Kind.CLUSTER_APP, "", "acme")


def cluster_world(labels: Mapping[str, str] | None = None, **spec: Any) -> World:  # noqa: ANN401 - fields of the spec
    """The operator's own namespace is the only one that the fake API server has."""
    world = world_with()
    world.api.delete("githubapps/acme")
    world.api.put(cluster_app_body(**spec))
    world.api.put(namespace_body(labels))
    return world


async def reason_for(world: World, namespace: str) -> str | None:
    error = (await world.start().apps.resolve_for(OF_CLUSTER, namespace)).error
    return error.reason if error else None


async def test_the_secrets_of_a_cluster_app_are_in_the_operators_namespace() -> None:
    resolved = await cluster_world().start().apps.resolve_for(OF_CLUSTER, NAMESPACE)
    assert resolved.error is resolved.key_error is None
    assert resolved.key is not None
    assert resolved.reads == {OF_CLUSTER, KEY_SECRET}


@pytest.mark.parametrize(
    ("allowed", "labels", "namespace", "reason"),
    [
        pytest.param(None, {}, NAMESPACE, None, id="by default the operator's own namespace"),
        pytest.param(None, {}, "other", reasons.APP_NOT_ALLOWED, id="and no other"),
        pytest.param({"from": "All"}, {}, "other", None, id="all"),
        pytest.param({"from": "Selector", "selector": {}}, {}, "gone", None, id="an empty selector"),
        pytest.param(
            {"from": "Selector", "selector": {"matchLabels": {"a": "1"}}}, {"a": "1"}, NAMESPACE, None, id="its labels"
        ),
        pytest.param(
            {"from": "Selector", "selector": {"matchLabels": {"a": "1"}}},
            {"a": "2"},
            NAMESPACE,
            reasons.APP_NOT_ALLOWED,
            id="other labels",
        ),
    ],
)
async def test_a_cluster_app_serves_the_namespaces_that_it_admits(
    allowed: dict[str, Any] | None, labels: dict[str, str], namespace: str, reason: str | None
) -> None:
    assert await reason_for(cluster_world(labels, allowedNamespaces=allowed), namespace) == reason


async def test_a_namespace_that_is_not_admitted_learns_nothing_of_the_app() -> None:
    world = cluster_world(apiURL="https://evil.example")
    assert await reason_for(world, "other") == reasons.APP_NOT_ALLOWED
    assert await reason_for(world, NAMESPACE) == reasons.HOST_NOT_ALLOWED


async def test_a_cluster_app_that_is_not_there_is_not_found() -> None:
    world = cluster_world()
    world.api.delete("clustergithubapps/acme")
    assert await reason_for(world, NAMESPACE) == reasons.APP_NOT_FOUND


async def test_labels_that_may_not_be_read_admit_nobody() -> None:
    world = cluster_world(allowedNamespaces={"from": "Selector", "selector": {}})
    world.watching = False
    world.faults.once(f"GET namespaces/{NAMESPACE}", raising(Forbidden(403, "not yours")))
    assert await reason_for(world, NAMESPACE) == reasons.MISSING_PERMISSION


async def test_an_operator_of_some_namespaces_reads_nothing_of_the_cluster() -> None:
    world = cluster_world()
    resolved = await world.start(clusterwide=False).apps.resolve_for(OF_CLUSTER, NAMESPACE)
    assert resolved.error is not None
    assert resolved.error.reason == reasons.APP_NOT_ALLOWED
    assert "this operator serves namespaces only" in resolved.error.message
    assert world.faults.calls == []


async def test_a_token_of_a_cluster_app_is_served_and_counted() -> None:
    world = cluster_world()
    world.api.put(githubtoken_body(appRef={"kind": "ClusterGitHubApp", "name": "acme"}))
    process = world.start()
    await process.settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    await process.app_runs.run(OF_CLUSTER)
    found = world.api.objects["clustergithubapps/acme"]["status"]
    assert (ready_of(found), found["tokens"]) == (("True", reasons.ACCEPTED), 1)
    about = world.api.events[-1]
    assert (about["metadata"]["namespace"], "namespace" in about["involvedObject"]) == ("default", False)


async def test_a_namespace_that_is_no_longer_admitted_keeps_its_token_and_gets_no_other() -> None:
    allowed = {"from": "Selector", "selector": {"matchLabels": {"team": "web"}}}
    world = cluster_world({"team": "web"}, allowedNamespaces=allowed)
    world.api.put(githubtoken_body(appRef={"kind": "ClusterGitHubApp", "name": "acme"}))
    process = world.start()
    await process.settle()
    namespace = Ref(Kind.NAMESPACE, "", NAMESPACE)
    assert token_ref() in process.watched.dependents(namespace)
    world.api.put(namespace_body({"team": "api"}))
    await process.run()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    assert needs_human(world.status()) == reasons.APP_NOT_ALLOWED
    world.clock.advance(timedelta(hours=1))
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.APP_NOT_ALLOWED)
    assert len(world.github.minted) == 1
    world.api.put(namespace_body({"team": "web"}))
    await process.settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)


# --- A key that is replaced ------------------------------------------------------------------------------------------


async def test_a_key_that_was_replaced_since_it_was_read_is_no_failure() -> None:
    world = world_with()
    world.api.put(githubtoken_body())
    process = world.start()
    await process.apps.resolve(ACME)

    def replace_key() -> None:
        # GitHub refuses the old key, and the Secret, which nobody watches, has the new one.
        world.api.edit("secrets/acme-app", lambda it: it["data"].update(encoded({"private-key.pem": pem("next")})))
        raise Terminal(reasons.AUTHENTICATION_FAILED, "that key was deleted")

    world.faults.once("get_app", replace_key)
    await process.settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    assert "failedAttempts" not in world.status()
    assert world.event_reasons == [reasons.FRESH]


async def test_a_key_that_is_refused_and_was_not_replaced_is_a_failure() -> None:
    world = world_with()
    world.api.put(githubtoken_body())
    world.github.refuses["mint"] = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
    await world.start().run()
    assert ready_of(world.status()) == ("False", reasons.AUTHENTICATION_FAILED)
    assert world.status()["failedAttempts"] == 1


# --- Limits ----------------------------------------------------------------------------------------------------------


def limit(world: World, **limits: Any) -> None:  # noqa: ANN401 - fields of the spec
    def change(app: dict[str, Any]) -> None:
        wanted = {**app["spec"], **limits}
        app["spec"] = {field: value for field, value in wanted.items() if value is not None}
        app["metadata"]["generation"] += 1

    world.api.edit("githubapps/acme", change)


async def test_a_limit_that_is_tightened_mints_anew_what_exceeds_it() -> None:
    world = world_with(maxPermissions={"contents": "write"})
    world.api.put(githubtoken_body())
    process = world.start()
    await process.settle()
    limit(world, maxPermissions={"contents": "read"})
    process.apps.forget(ACME)
    await process.settle()
    assert [dict(each) for each in world.github.asked] == [{"contents": "write"}, {"contents": "read"}]


async def test_what_exceeds_a_limit_is_refused_before_github_is_asked() -> None:
    world = world_with(maxPermissions={"contents": "read"})
    world.api.put(githubtoken_body(installation={"id": 678, "permissions": {"contents": "write"}}))
    due = await world.start().run()
    assert ready_of(world.status()) == ("False", reasons.POLICY_DENIED)
    assert needs_human(world.status()) == reasons.POLICY_DENIED
    assert (due, looks(world), world.github.minted) == (None, 0, [])


async def test_a_stored_token_that_exceeds_a_new_limit_is_not_ready() -> None:
    world = world_with()
    world.api.put(githubtoken_body(installation={"id": 678, "permissions": {"contents": "write"}}))
    process = world.start()
    await process.settle()
    limit(world, maxPermissions={"contents": "read"})
    process.apps.forget(ACME)
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.POLICY_DENIED)
    limit(world, maxPermissions=None)
    process.apps.forget(ACME)
    await process.settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    assert len(world.github.minted) == 1


async def test_an_installation_of_an_account_that_is_not_allowed_mints_nothing() -> None:
    world = world_with(allowedRepositories=["other/*"])
    world.api.put(githubtoken_body())
    await world.start().run()
    assert ready_of(world.status()) == ("False", reasons.POLICY_DENIED)
    assert world.github.minted == []


async def test_a_user_token_under_a_limit_is_refused_and_nothing_is_spent() -> None:
    world = world_with(maxPermissions={"contents": "read"})
    world.api.put(user_body())
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("alice").reveal()}))
    await world.start().settle()
    assert ready_of(world.status()) == ("False", reasons.POLICY_DENIED)
    assert world.github.spent == set()


# --- Checking --------------------------------------------------------------------------------------------------------


async def test_github_is_asked_once_for_all_tokens_of_an_app() -> None:
    world = world_with()
    checks = world.start().checks
    for _ in range(3):
        await checks.ensure_checked(ACME, asks=CI)
    assert looks(world) == 1


async def test_a_restart_asks_nothing_anew() -> None:
    world = world_with()
    await world.start().app_runs.run(ACME)
    assert ready_of(app_status(world)) == ("True", reasons.ACCEPTED)
    await world.start().app_runs.run(ACME)
    assert looks(world) == 1


async def test_a_refusal_is_raised_for_every_token_until_the_next_look() -> None:
    world = world_with()
    world.github.refuses["get_app"] = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
    checks = world.start().checks
    for _ in range(3):
        with pytest.raises(Terminal, match="another App's key"):
            await checks.ensure_checked(ACME, asks=CI)
    assert looks(world) == 1
    world.clock.advance(timedelta(minutes=1))
    del world.github.refuses["get_app"]
    await checks.ensure_checked(ACME, asks=CI)
    assert looks(world) == 2


async def test_no_answer_is_no_check_and_no_refusal_and_one_looks_again_after_a_while() -> None:
    world = world_with()
    world.github.refuses["get_app"] = NOT_SENT
    checks = world.start().checks
    with pytest.raises(NotSent):
        await checks.ensure_checked(ACME, asks=CI)
    for key in (CI, OTHER):
        with pytest.raises(Waits):
            await checks.ensure_checked(ACME, asks=key)
    assert looks(world) == 1
    world.clock.advance(timedelta(seconds=FIRST_PAUSE + 1))
    del world.github.refuses["get_app"]
    with pytest.raises(Waits):
        await checks.ensure_checked(ACME, asks=CI)
    await checks.ensure_checked(ACME, asks=OTHER)
    assert looks(world) == 2


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda world: world.api.delete("githubapps/acme"), id="it was deleted"),
        pytest.param(lambda world: world.api.put(secret("acme-app", {"private-key.pem": "none"})), id="it has no key"),
        pytest.param(
            lambda world: world.faults.once("GET githubapps/acme", raising(Forbidden(403, "no"))), id="it is not shown"
        ),
    ],
)
async def test_an_app_of_which_nothing_is_to_be_asked_any_more_gives_up_its_turn(end: Callable[[World], None]) -> None:
    world = world_with()
    world.github.refuses["get_app"] = NOT_SENT
    process = world.start(watching=False)
    await process.app_runs.run(ACME)
    assert [key for key, _, _ in process.turns.waiting()] == [ACME]
    end(world)
    process.apps.forget(ACME)
    await process.app_runs.run(ACME)
    assert process.turns.waiting() == []


async def test_an_app_that_worked_is_used_while_nobody_answers_how_it_is() -> None:
    world = world_with()
    checks = world.start().checks
    await checks.ensure_checked(ACME, asks=CI)
    world.clock.advance(CHECK_EVERY)
    world.github.refuses["get_app"] = NOT_SENT
    await checks.ensure_checked(ACME, asks=CI)
    await checks.ensure_checked(ACME, asks=OTHER)
    assert looks(world) == 2


class Slow(FakeGitHub):
    """A GitHub that answers once the test says so."""

    answers: asyncio.Event

    async def get_app(self, app: App) -> AppInfo:
        await self.answers.wait()
        return await super().get_app(app)


async def test_one_asks_for_all_and_the_others_wait_for_nobody_and_are_woken() -> None:
    world = world_with()
    world.github = github = Slow(world.faults, world.clock)
    github.answers = asyncio.Event()
    process = world.start()
    asking = asyncio.create_task(process.checks.ensure_checked(ACME, asks=CI))
    for _ in range(20):
        await asyncio.sleep(0)
    with pytest.raises(Waits):
        await process.checks.ensure_checked(ACME, asks=OTHER)
    # What is known of the App is read meanwhile, by whoever wants it.
    assert (await process.apps.resolve(ACME)).app is not None
    github.answers.set()
    await asking
    assert OTHER in [key for key, _ in process.woken]
    await process.checks.ensure_checked(ACME, asks=OTHER)
    assert looks(world) == 1


async def test_a_limit_is_waited_for() -> None:
    world = world_with()
    world.github.refuses["get_app"] = RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=60)
    checks = world.start().checks
    with pytest.raises(RateLimited):
        await checks.ensure_checked(ACME, asks=CI)
    world.clock.advance(timedelta(seconds=20))
    with pytest.raises(RateLimited) as caught:
        await checks.ensure_checked(ACME, asks=CI)
    assert caught.value.retry_after == 40
    assert looks(world) == 1


@pytest.mark.parametrize(
    ("spec", "client_id", "asked"),
    [
        pytest.param({}, "Iv23acme", 0, id="the spec has it"),
        pytest.param({"clientID": None}, "Iv23learnt", 1, id="learnt from GitHub, once"),
    ],
)
async def test_a_client_id_is_taken_from_the_spec_or_learnt(spec: dict[str, Any], client_id: str, asked: int) -> None:
    world = world_with(**spec)
    process = world.start()
    resolved = await process.apps.resolve(ACME)
    assert resolved.app is not None
    assert [await process.checks.client_id(ACME, resolved.app, asks=CI) for _ in range(2)] == [client_id] * 2
    assert looks(world) == asked


async def test_the_same_id_on_another_host_is_another_app() -> None:
    world = world_with(clientID=None)
    process = world.start()
    here = (await process.apps.resolve(ACME)).app
    assert here is not None
    await process.checks.client_id(ACME, here, asks=CI)
    await process.checks.client_id(ACME, replace(here, api_url="https://ghe.example/api/v3"), asks=CI)
    assert looks(world) == 2


async def test_one_asks_for_the_client_id_for_all_and_a_refusal_is_remembered() -> None:
    world = world_with(clientID=None)
    world.github = github = Slow(world.faults, world.clock)
    github.answers = asyncio.Event()
    process = world.start()
    app = (await process.apps.resolve(ACME)).app
    assert app is not None
    asking = asyncio.create_task(process.checks.client_id(ACME, app, asks=CI))
    for _ in range(20):
        await asyncio.sleep(0)
    with pytest.raises(Waits):
        await process.checks.client_id(ACME, app, asks=OTHER)
    github.refuses["get_app"] = Terminal(reasons.AUTHENTICATION_FAILED, "no such App")
    github.answers.set()
    for _ in range(3):
        with pytest.raises(Terminal, match="no such App"):
            await (asking if not asking.done() else process.checks.client_id(ACME, app, asks=OTHER))
    assert looks(world) == 1


async def test_without_client_id_and_key_a_user_token_cannot_be_had() -> None:
    world = world_with(clientID=None, privateKeySecretRef=None)
    process = world.start()
    resolved = await process.apps.resolve(ACME)
    assert resolved.app is not None
    with pytest.raises(Terminal, match=r"set its `spec\.clientID`"):
        await process.checks.client_id(ACME, resolved.app, asks=CI)


# --- The App's own run -----------------------------------------------------------------------------------------------


async def test_an_accepted_app_says_so_once() -> None:
    world = world_with()
    process = world.start()
    assert await process.app_runs.run(ACME) is None
    written = app_status(world)
    assert (written["slug"], written["owner"], written["tokens"]) == ("acme", "acme", 0)
    calls = world.faults.calls.count("PATCH githubapps/acme/status")
    await process.app_runs.run(ACME)
    assert world.faults.calls.count("PATCH githubapps/acme/status") == calls
    assert world.event_reasons == [reasons.ACCEPTED]


async def test_an_app_without_key_is_not_checked() -> None:
    world = world_with(privateKeySecretRef=None)
    await world.start().app_runs.run(ACME)
    assert ready_of(app_status(world)) == ("True", reasons.NOT_CHECKED)
    assert looks(world) == 0


async def used_by_a_token() -> tuple[World, Process]:
    """The App has been looked at since its token is ready."""
    world = world_with()
    world.api.put(githubtoken_body())
    process = world.start()
    await process.settle()
    await process.app_runs.run(ACME)
    return world, process


async def test_an_app_counts_the_tokens_that_use_it() -> None:
    world, _ = await used_by_a_token()
    assert app_status(world)["tokens"] == 1


async def test_a_change_of_an_app_wakes_its_tokens_and_nothing_else_does() -> None:
    world, process = await used_by_a_token()
    process.woken.clear()
    await process.app_runs.run(ACME)
    assert woken(process) == []
    world.api.edit("secrets/acme-app", lambda it: it["data"].update(encoded({"client-secret": "new"})))
    await process.app_runs.run(ACME)
    assert woken(process) == [token_ref()]


async def test_an_app_that_comes_wakes_those_that_found_none() -> None:
    world = World()
    world.api.put(githubtoken_body())
    process = world.start(watching=False)
    await process.settle()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    process.apps.forget(ACME)
    await process.app_runs.run(ACME)
    assert woken(process) == [token_ref()]


async def test_the_first_run_of_an_app_wakes_no_token_that_has_read_the_same() -> None:
    world = world_with()
    world.api.put(githubtoken_body())
    process = world.start()
    await process.settle()
    await process.app_runs.run(ACME)
    assert woken(process) == []


def woken(process: Process) -> list[Ref]:
    return [ref for ref, _ in process.woken if ref.kind is Kind.TOKEN]


async def test_an_app_whose_key_is_missing_is_looked_at_again_soon() -> None:
    world = world_with()
    world.api.delete("secrets/acme-app")
    due = await world.start().app_runs.run(ACME)
    assert due is not None
    assert due.due == (world.clock.now + RECHECK_MISSING).timestamp()
    assert ready_of(app_status(world)) == ("False", reasons.PRIVATE_KEY_MISSING)


async def test_an_app_that_may_not_be_read_is_read_again_soon_and_then_wakes_its_tokens() -> None:
    world = world_with()
    world.api.put(githubtoken_body())
    process = world.start(watching=False)
    await process.settle()
    await process.app_runs.run(ACME)
    process.apps.forget(ACME)
    world.faults.once("GET githubapps/acme", raising(Forbidden(403, "githubapps is forbidden")))
    due = await process.app_runs.run(ACME)
    assert due is not None
    assert due.due == (world.clock.now + RECHECK_MISSING).timestamp()
    process.woken.clear()
    assert await process.app_runs.run(ACME) is None
    assert woken(process) == [token_ref()]
    assert ready_of(app_status(world))[0] == "True"


async def test_an_app_that_is_gone_is_forgotten() -> None:
    world = world_with()
    app_runs = world.start().app_runs
    await app_runs.run(ACME)
    world.api.delete("githubapps/acme")
    assert await app_runs.run(ACME) is None


@pytest.mark.parametrize("call", ["GET githubapps/acme", "PATCH githubapps/acme/status", "POST events"])
async def test_while_the_api_server_is_away_an_app_comes_back(call: str) -> None:
    world = world_with()
    app_runs = world.start(watching=False).app_runs
    world.faults.once(call, raising(API_AWAY))
    due = await app_runs.run(ACME)
    assert due is not None
    await app_runs.run(ACME)
    assert ready_of(app_status(world)) == ("True", reasons.ACCEPTED)


async def test_a_refused_app_says_why_and_is_looked_at_again() -> None:
    world = world_with()
    world.github.refuses["get_app"] = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
    due = await world.start().app_runs.run(ACME)
    assert due is not None
    assert due.due == (world.clock.now + timedelta(minutes=1)).timestamp()
    assert ready_of(app_status(world)) == ("False", reasons.AUTHENTICATION_FAILED)
    assert world.event_reasons == [reasons.AUTHENTICATION_FAILED]
