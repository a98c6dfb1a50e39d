"""An App whose key is with a service: what it is checked for, its status, and that it keeps no other waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.github.jwt import load_private_key
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.signers import attempts
from githubtoken_operator.adapters.signers.remote_key import RemoteKey
from githubtoken_operator.domain.apps.signers import AWSKey
from githubtoken_operator.domain.vocabulary.conditions import needs_human, ready_of
from githubtoken_operator.domain.vocabulary.errors import SignerDenied, SignerKeyInvalid, SignerUnavailable, TokenError
from githubtoken_operator.engine.cache.watched import Ref
from tests.unit.builders import NAMESPACE, cluster_app_body, githubtoken_body
from tests.unit.fakes import Process, World
from tests.unit.keys import pem
from tests.unit.signers import FakeSigner, private_key

ACME = Ref(Kind.CLUSTER_APP, "", "acme")
KEY = AWSKey("alias/acme")
SIGNER = {"awsKMS": {"keyID": "alias/acme"}}


def world_with(service: FakeSigner | None = None, **spec: Any) -> World:  # noqa: ANN401 - fields of the spec
    world = World()
    world.signers.by_key[KEY] = service or FakeSigner()
    wanted = {"privateKeySecretRef": None, "clientSecretSecretRef": None, "signer": SIGNER} | spec
    world.api.put(cluster_app_body(**wanted))
    return world


def status(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.api.objects["clustergithubapps/acme"]["status"]
    return found


async def key_of(process: Process) -> RemoteKey:
    """The key of the App, after its first run."""
    await process.app_runs.run(ACME)
    key = (await process.apps.resolve(ACME)).key
    assert isinstance(key, RemoteKey)
    return key


async def ended(process: Process) -> None:
    await process.signing.aclose()


async def test_an_app_with_a_signer_is_accepted_by_the_fingerprint_of_its_public_key() -> None:
    world = world_with()
    process = world.start()
    await process.app_runs.run(ACME)

    assert ready_of(status(world)) == ("True", "Accepted")
    assert status(world)["keyFingerprint"] == load_private_key(pem("").encode()).fingerprint
    await ended(process)


async def test_no_secret_is_read_for_it() -> None:
    world = world_with()
    process = world.start()
    await process.app_runs.run(ACME)

    assert [call for call in world.faults.calls if "secrets" in call] == []
    await ended(process)


@pytest.mark.parametrize(
    ("error", "reason", "human"),
    [
        (SignerUnavailable("Vault is sealed"), "SignerUnavailable", False),
        (SignerDenied("permission denied"), "SignerDenied", True),
        (SignerKeyInvalid("it is an EC key"), "SignerKeyInvalid", True),
    ],
)
async def test_why_nothing_is_signed_is_the_apps_reason(error: TokenError, reason: str, human: bool) -> None:  # noqa: FBT001
    world = world_with(FakeSigner(error=error))
    process = world.start()
    again = await process.app_runs.run(ACME)

    assert ready_of(status(world)) == ("False", reason)
    assert (needs_human(status(world)) is not None) == human
    assert again is not None
    assert world.faults.calls.count("get_app") == 0
    await ended(process)


async def test_a_restart_asks_github_nothing_where_the_same_key_signs() -> None:
    world = world_with()
    for _ in range(2):
        process = world.start()
        await process.app_runs.run(ACME)
        await ended(process)

    assert world.faults.calls.count("get_app") == 1


@pytest.mark.parametrize("trouble", ["it is slow", "it is away"])
async def test_neither_is_it_asked_where_the_service_does_not_say_at_first_which_key_it_has(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = FakeSigner()
    world = world_with(signer)
    process = world.start()
    await process.app_runs.run(ACME)
    await ended(process)
    written = status(world)
    process = world.start()
    if trouble == "it is slow":
        monkeypatch.setattr(attempts, "PATIENCE", 0.0)
        signer.hang = asyncio.Event()
    else:
        signer.error = SignerUnavailable("away")
    due = await process.app_runs.run(ACME)
    assert due is not None
    assert status(world)["lastCheckTime"] == written["lastCheckTime"]
    assert world.event_reasons == ["Accepted", *(["SignerUnavailable"] if signer.error else [])]

    if signer.hang is not None:
        signer.hang.set()
        await asyncio.sleep(0.01)
    signer.error = None
    world.clock.advance(timedelta(seconds=10))
    assert await process.app_runs.run(ACME) is None
    assert {**status(world), "conditions": []} == {**written, "conditions": []}
    assert ready_of(status(world)) == ("True", "Accepted")
    assert world.faults.calls.count("get_app") == 1
    await ended(process)


async def test_an_app_that_is_not_used_costs_no_signature_ahead() -> None:
    signer = FakeSigner()
    process = world_with(signer).start()
    await process.app_runs.run(ACME)
    await asyncio.sleep(0)

    assert signer.calls == ["public_key"]
    await ended(process)


async def test_an_app_that_tokens_use_has_its_web_token_before_they_need_it() -> None:
    signer = FakeSigner()
    world = world_with(signer)
    process = world.start()
    token = githubtoken_body(appRef={"kind": "ClusterGitHubApp", "name": "acme"})
    process.watched.deliver(Ref(Kind.TOKEN, NAMESPACE, "ci"), token)
    await process.app_runs.run(ACME)
    for _ in range(10):
        await asyncio.sleep(0)

    assert signer.calls.count("sign") == 2
    await ended(process)


async def test_a_changed_signer_ends_the_former() -> None:
    signer, other = FakeSigner(), FakeSigner({"v1": private_key("another")})
    world = world_with(signer)
    world.signers.by_key[AWSKey("alias/other")] = other
    process = world.start()
    await process.app_runs.run(ACME)
    world.api.edit(
        "clustergithubapps/acme", lambda it: it["spec"].update({"signer": {"awsKMS": {"keyID": "alias/other"}}})
    )
    world.api.edit("clustergithubapps/acme", lambda it: it["metadata"].update({"generation": 2}))
    await process.app_runs.run(ACME)
    await asyncio.sleep(0)

    assert status(world)["keyFingerprint"] == load_private_key(pem("another").encode()).fingerprint
    await ended(process)
    assert signer.closed
    assert other.closed


@pytest.mark.parametrize("change", ["deleted", "no signer"])
async def test_a_signer_that_is_not_named_any_more_is_ended(change: str) -> None:
    signer = FakeSigner()
    world = world_with(signer)
    process = world.start()
    await process.app_runs.run(ACME)
    if change == "deleted":
        world.api.delete("clustergithubapps/acme")
    else:
        world.api.edit("clustergithubapps/acme", lambda it: it["spec"].pop("signer"))
    await process.app_runs.run(ACME)
    for _ in range(5):
        await asyncio.sleep(0)

    assert signer.closed


async def test_a_vault_whose_host_is_not_allowed_is_never_asked() -> None:
    vault = {"vault": {"address": "https://vault:8200", "key": "acme", "auth": {"kubernetes": {"role": "r"}}}}
    world = world_with(signer=vault)
    process = world.start()
    await process.app_runs.run(ACME)

    assert ready_of(status(world)) == ("False", "HostNotAllowed")
    assert "`spec.signer.vault.address`" in status(world)["conditions"][0]["message"]
    assert (await process.apps.resolve(ACME)).key is None


async def test_an_outage_that_is_still_covered_leaves_the_app_ready() -> None:
    signer = FakeSigner()
    world = world_with(signer)
    process = world.start()
    key = await key_of(process)
    await key.bearer("Iv23acme", world.clock())
    signer.error = SignerUnavailable("away")
    world.clock.advance(timedelta(minutes=8))
    await process.app_runs.run(ACME)

    assert ready_of(status(world)) == ("True", "Accepted")
    await ended(process)


async def test_another_key_is_checked_with_github_anew() -> None:
    signer = FakeSigner()
    world = world_with(signer)
    process = world.start()
    key = await key_of(process)
    await key.bearer("Iv23acme", world.clock())
    signer.keys["v2"], signer.signs = private_key("another"), "v2"
    await key.bearer("Iv23acme", world.clock() + timedelta(hours=1), renew=True)
    assert (ACME, 0.0) in process.woken
    await process.app_runs.run(ACME)

    assert world.faults.calls.count("get_app") == 2
    assert status(world)["keyFingerprint"] == load_private_key(pem("another").encode()).fingerprint
    await ended(process)


async def test_an_app_whose_service_hangs_keeps_no_other_waiting() -> None:
    hangs = FakeSigner(hang=asyncio.Event())
    world = world_with(hangs)
    process = world.start()
    source = replace_signer(world)
    started = asyncio.get_running_loop().time()
    await asyncio.gather(process.app_runs.run(ACME), process.app_runs.run(source))

    assert ready_of(world.api.objects["clustergithubapps/other"]["status"]) == ("True", "Accepted")
    assert ready_of(status(world)) == ("Unknown", "Pending")
    assert asyncio.get_running_loop().time() - started < 60
    await ended(process)


def replace_signer(world: World) -> Ref:
    """A second App with a service that answers."""
    other = AWSKey("alias/other")
    world.signers.by_key[replace(other)] = FakeSigner({"v1": private_key("another")})
    body = cluster_app_body(
        "other",
        privateKeySecretRef=None,
        clientSecretSecretRef=None,
        signer={"awsKMS": {"keyID": "alias/other"}},
    )
    world.api.put(body)
    return Ref(Kind.CLUSTER_APP, "", "other")


async def test_when_a_service_signs_again_the_tokens_that_wait_for_it_are_woken() -> None:
    signer = FakeSigner(error=SignerDenied("permission denied"))
    world = world_with(signer)
    process = world.start()
    token = Ref(Kind.TOKEN, NAMESPACE, "ci")
    process.watched.depends(token, [ACME])
    await process.app_runs.run(ACME)
    process.woken.clear()
    signer.error = None
    world.clock.advance(timedelta(seconds=10))
    await process.app_runs.run(ACME)

    assert ready_of(status(world)) == ("True", "Accepted")
    assert (token, 0.0) in process.woken
    await ended(process)


async def test_an_app_that_no_token_uses_is_ready_again_too() -> None:
    signer = FakeSigner()
    world = world_with(signer)
    process = world.start()
    key = await key_of(process)
    signer.error = SignerUnavailable("away")
    with pytest.raises(SignerUnavailable):
        await key.bearer("Iv23acme", world.clock())
    await process.app_runs.run(ACME)
    assert ready_of(status(world)) == ("False", "SignerUnavailable")
    signer.error = None
    # Long after anybody has asked for a JWT.
    world.clock.advance(timedelta(hours=3))
    await process.app_runs.run(ACME)
    for _ in range(20):
        await asyncio.sleep(0)
    await process.app_runs.run(ACME)

    assert ready_of(status(world)) == ("True", "Accepted")
    await ended(process)
