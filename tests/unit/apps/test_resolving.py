"""What is read of GitHubApps and ClusterGitHubApps, which serves their tokens for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.apps.resolving import REUSE
from githubtoken_operator.domain.objects.secrets import encoded
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import needs_human, ready_of
from githubtoken_operator.domain.vocabulary.errors import TokenError
from githubtoken_operator.engine.cache.watched import Ref
from tests.unit.apps.worlds import ACME, CI, KEY_SECRET, world_with
from tests.unit.builders import NAMESPACE, cluster_app_body, githubtoken_body, namespace_body
from tests.unit.fakes import World, raising, token_ref

# --- Reading ---------------------------------------------------------------------------------------------------------


async def test_an_app_is_read_with_its_secrets() -> None:
    process = world_with().start()
    resolved = await process.apps.resolve(ACME)
    assert resolved.error is resolved.key_error is resolved.client_secret_error is None
    assert resolved.app is not None
    assert resolved.app.private_key is not None
    assert resolved.app.client_secret is not None
    assert resolved.app.client_secret.reveal() == "the-client-secret"
    assert process.watched.reads(ACME) == {ACME, KEY_SECRET}


async def test_what_is_in_one_secret_is_read_in_one_version_of_it() -> None:
    """Else a key of one version and a client secret of the next would leave the App waiting for news that it has."""
    world = world_with()
    before = world.faults.calls.count("GET secrets/acme-app")
    await world.start().apps.resolve(ACME)
    assert world.faults.calls.count("GET secrets/acme-app") == before + 1


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


async def test_of_an_app_that_was_asked_for_and_that_nobody_names_any_more_nothing_is_kept() -> None:
    world = world_with()
    apps = world.start().apps
    for number in range(1000):
        world.clock.advance(REUSE)
        await apps.resolve(Ref(Kind.APP, NAMESPACE, f"missing-{number}"))
    served = [apps.take_served(Ref(Kind.APP, NAMESPACE, f"missing-{number}")) for number in range(1000)]
    assert sum(map(len, served)) < 200


async def test_what_was_handed_out_is_known_as_long_as_somebody_names_the_app() -> None:
    """Or an App that comes later than its tokens would not wake them."""
    world = world_with()
    process = world.start()
    named = Ref(Kind.APP, NAMESPACE, "named")
    process.watched.depends(CI, [named])
    for number in range(1000):
        world.clock.advance(REUSE)
        await process.apps.resolve(Ref(Kind.APP, NAMESPACE, f"missing-{number}") if number else named)
    assert process.apps.take_served(named) == {""}


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
    process = cluster_world().start()
    resolved = await process.apps.resolve_for(OF_CLUSTER, NAMESPACE)
    assert resolved.error is resolved.key_error is None
    assert resolved.key is not None
    assert process.watched.reads(OF_CLUSTER) == {OF_CLUSTER, KEY_SECRET}


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
