"""Nothing is counted or remembered by what somebody merely claims: an appID, a client id, a name, a host's spelling."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.user.credentials.credential import REFRESH_TOKEN_SHA256
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import find_condition, ready_of
from githubtoken_operator.domain.vocabulary.errors import RateLimited, Terminal
from githubtoken_operator.domain.vocabulary.model import App, AppInfo
from githubtoken_operator.engine.cache.watched import Ref
from tests.unit.builders import (
    NAMESPACE,
    app,
    app_body,
    cluster_app_body,
    githubtoken_body,
    namespace_body,
    secret,
    user_githubtoken,
)
from tests.unit.fakes import FakeGitHub, Process, World
from tests.unit.keys import pem

ACME = Ref(Kind.APP, NAMESPACE, "acme")
CLAIM = Terminal(reasons.AUTHENTICATION_FAILED, "GitHub cannot verify the App's JWT")
CLAIM_KEY = {"name": "evil-app", "key": "private-key.pem"}
REQUESTED = "githubtoken.dev/refresh-requested-at"


class SeesKeys(FakeGitHub):
    """A GitHub that accepts Apps by the key of `accepted` only."""

    accepted: str = ""

    async def get_app(self, app: App) -> AppInfo:
        assert app.private_key is not None
        if app.private_key.fingerprint != self.accepted:
            self._begin("get_app")
            raise CLAIM
        return await super().get_app(app)


async def claimed() -> tuple[World, Process]:
    """`good` uses the App; `bad` uses an object that claims the App's ids with another key."""
    world = World()
    world.github = github = SeesKeys(world.faults, world.clock)
    world.api.put(app_body(clientID=None, clientSecretSecretRef=None))
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    world.api.put(app_body("evil", clientID=None, clientSecretSecretRef=None, privateKeySecretRef=CLAIM_KEY))
    world.api.put(secret("evil-app", {"private-key.pem": pem("evil")}))
    world.api.put(githubtoken_body("good", uid="uid-good"))
    world.api.put(githubtoken_body("bad", uid="uid-bad", appRef={"name": "evil"}))
    process = world.start()
    resolved = await process.apps.resolve(ACME)
    assert resolved.key is not None
    github.accepted = resolved.key.fingerprint
    return world, process


def edit_metadata(changes: dict[str, Any], body: dict[str, Any]) -> None:
    body["metadata"].update(changes)


async def test_who_claims_an_app_takes_none_of_its_turns() -> None:
    world, process = await claimed()
    for number in range(200):
        asked = {"annotations": {REQUESTED: str(number)}}
        world.api.edit("githubtokens/bad", partial(edit_metadata, asked))
        await process.run("bad")
    await process.run("good")
    assert ready_of(world.status("good")) == ("True", reasons.FRESH)
    assert ready_of(world.status("bad")) == ("False", reasons.AUTHENTICATION_FAILED)


async def test_a_limit_that_is_told_to_a_claim_pauses_nobody_else() -> None:
    world, process = await claimed()
    world.github.refuses["get_app"] = RateLimited(reasons.RATE_LIMITED, "login attempts exceeded", retry_after=600)
    await process.run("bad")
    del world.github.refuses["get_app"]
    await process.run("good")
    assert ready_of(world.status("bad")) == ("False", reasons.RATE_LIMITED)
    assert ready_of(world.status("good")) == ("True", reasons.FRESH)


async def test_who_claims_an_app_learns_nothing_of_it() -> None:
    world, process = await claimed()
    evil = Ref(Kind.APP, NAMESPACE, "evil")
    good, bad = await process.apps.resolve(ACME), await process.apps.resolve(evil)
    assert good.app is not None
    assert bad.app is not None
    assert await process.checks.client_id(ACME, good.app, asks=ACME) == "Iv23learnt"
    with pytest.raises(Terminal, match="cannot verify"):
        await process.checks.client_id(evil, bad.app, asks=evil)
    assert world.faults.calls.count("get_app") == 2


def test_a_client_id_counts_within_its_namespace() -> None:
    """It is public, so another namespace may write the same one."""
    here = user_githubtoken()
    there = user_githubtoken()
    object.__setattr__(there, "namespace", "other")
    of_cluster = user_githubtoken(appRef={"kind": "ClusterGitHubApp", "name": "acme"})
    user = World().start().kinds["User"]
    lanes = [user.lane(token, app()) for token in (here, there, of_cluster)]
    clients = ["client team/Iv23acme", "client other/Iv23acme", "client /Iv23acme"]
    assert [lane.credential for lane in lanes if lane] == clients


# --- An App that was made anew ---------------------------------------------------------------------------------------


async def test_an_app_that_was_made_anew_inherits_no_check() -> None:
    world = World()
    world.github.refuses["get_app"] = CLAIM
    world.api.put(app_body(appID=999, clientID=None, clientSecretSecretRef=None))
    world.api.put(secret("acme-app", {"private-key.pem": pem()}))
    world.api.put(githubtoken_body())
    process = world.start()
    await process.app_runs.run(ACME)
    await process.run()
    assert ready_of(world.status()) == ("False", reasons.AUTHENTICATION_FAILED)
    del world.github.refuses["get_app"]
    body = app_body(clientID=None, clientSecretSecretRef=None)
    body["metadata"]["uid"] = "uid-second"
    world.api.delete("githubapps/acme")
    world.api.put(body)
    process.apps.forget(ACME)
    await process.app_runs.run(ACME)
    await process.run()
    for status in (world.api.objects["githubapps/acme"]["status"], world.status()):
        assert ready_of(status)[0] == "True"


async def test_a_check_of_an_earlier_spec_is_not_shown_for_the_present_one() -> None:
    """GitHub does not answer after the edit; the next process must not take the old check for one of the new ids."""
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "x"}))
    process = world.start()
    await process.app_runs.run(ACME)
    world.api.edit("githubapps/acme", lambda it: (it["spec"].update(appID=2), it["metadata"].update(generation=2)))
    world.github.refuses["get_app"] = RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=60)
    await process.app_runs.run(ACME)
    assert ready_of(world.api.objects["githubapps/acme"]["status"]) == ("Unknown", reasons.PENDING)


async def test_a_restart_writes_no_status_of_an_app_and_counts_its_tokens_at_once() -> None:
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "x"}))
    for number in range(3):
        world.api.put(githubtoken_body(f"t{number}", uid=f"uid-{number}"))
    process = world.start()
    process.listed()
    await process.app_runs.run(ACME)
    assert world.api.objects["githubapps/acme"]["status"]["tokens"] == 3
    writes = world.faults.calls.count("PATCH githubapps/acme/status")
    process = world.start()
    process.listed()
    await process.app_runs.run(ACME)
    assert world.faults.calls.count("PATCH githubapps/acme/status") == writes


# --- An App that may not be used -------------------------------------------------------------------------------------

OF_CLUSTER = Ref(Kind.CLUSTER_APP, "", "acme")
ELSEWHERE: dict[str, Any] = {"from": "Selector", "selector": {"matchLabels": {"team": "other"}}}


def pair_of_a_tenant() -> dict[str, Any]:
    """A credential Secret that its tenant filled by itself, with the annotations that the operator writes."""
    refresh = "ghr_tenantsown00001"
    data = {"refresh_token": refresh, "token": "ghu_tenantsown00001", "created": "2026-03-01T11:00:00Z"}
    notes = {"githubtoken.dev/name": "ci", REFRESH_TOKEN_SHA256: hashlib.sha256(refresh.encode()).hexdigest()}
    return secret("ci-credential", data, labels={"githubtoken.dev/role": "credential"}, annotations=notes)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"allowedNamespaces": ELSEWHERE}, id="the namespace is not admitted"),
        pytest.param(
            {"allowedNamespaces": {"from": "All"}, "apiURL": "https://evil.example"}, id="its host is not allowed"
        ),
    ],
)
async def test_an_app_that_may_not_be_used_is_used_for_nothing(spec: dict[str, Any]) -> None:
    world = World()
    world.api.put(cluster_app_body("acme", **spec))
    world.api.put(namespace_body({"team": "mine"}))
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "the-clusters"}))
    world.api.put(pair_of_a_tenant())
    user: dict[str, Any] = {"user": {"deviceFlow": {}}, "deletionPolicy": "Revoke"}
    world.api.put(githubtoken_body(appRef={"kind": "ClusterGitHubApp", "name": "acme"}, **user))
    process = world.start()
    for _ in range(3):
        await process.run()
    world.api.delete("githubtokens/ci")
    await process.run()
    asked = {"get_app", "get_login", "device_code", "device_poll", "refresh", "revoke"}
    assert not asked & set(world.faults.calls)


async def test_what_is_not_admitted_is_handed_out_to_nobody() -> None:
    world = World()
    world.api.put(cluster_app_body("acme", allowedNamespaces=ELSEWHERE))
    world.api.put(namespace_body({"team": "mine"}))
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "the-clusters"}))
    resolved = await world.start().apps.resolve_for(OF_CLUSTER, NAMESPACE)
    assert (resolved.app, resolved.source, resolved.body, resolved.key) == (None, None, None, None)


# --- What is said while a limit lasts --------------------------------------------------------------------------------


async def test_a_limit_is_told_by_its_end_and_looks_write_no_status() -> None:
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "x"}))
    for name in ("first", "second"):
        world.api.put(githubtoken_body(name, uid=f"uid-{name}"))
    process = world.start()
    world.github.refuses["mint"] = RateLimited(reasons.RATE_LIMITED, "slow down", retry_after=60)
    await process.run("first")
    await process.run("second")
    ready = find_condition(world.status("second"), "Ready")
    assert ready is not None
    assert "until 2026-03-01T12:01:00Z" in ready["message"]
    writes = len([call for call in world.faults.calls if call.startswith("PATCH")])
    for _ in range(5):
        world.clock.advance(timedelta(seconds=7))
        await process.run("second")
    assert len([call for call in world.faults.calls if call.startswith("PATCH")]) == writes


# --- What is not kept ------------------------------------------------------------------------------------------------


async def test_what_is_gone_leaves_nothing_behind() -> None:
    world = World()
    process = world.start()
    for number in range(300):
        ref = Ref(Kind.APP, NAMESPACE, f"app{number}")
        world.api.put(app_body(ref.name, clientID=None))
        world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "x"}))
        await process.app_runs.run(ref)
        resolved = await process.apps.resolve(ref)
        assert resolved.app is not None
        await process.checks.client_id(ref, resolved.app, asks=ref)
        world.api.delete(f"githubapps/{ref.name}")
        process.apps.forget(ref)
        await process.app_runs.run(ref)
        world.clock.advance(timedelta(minutes=1))
    parts = (process.apps, process.checks, process.app_runs)
    kept = (name for part in parts for name, it in vars(part).items() if hasattr(it, "__len__") and len(it) > 100)
    assert list(kept) == []
