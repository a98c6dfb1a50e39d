"""What is published: a Secret that is restored, rewritten and left alone, without another token."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Forbidden, HookAway
from githubtoken_operator.domain.objects.secrets import ADOPT, decoded, encoded
from githubtoken_operator.domain.runs.due import causes
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import needs_human, ready_of
from githubtoken_operator.domain.vocabulary.errors import Transient
from tests.unit.builders import secret
from tests.unit.fakes import AFTER, API_AWAY, BEFORE, Moment, raising
from tests.unit.tokens.installed import APPLY, CONFLICT, DELETE, assert_published, declared, fresh, mints, respec

# --- Restart and repair ----------------------------------------------------------------------------------------------


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
    assert "more than 1 MiB: shorten `spec.secret.data`" in world.message
    world.clock.advance(timedelta(minutes=2))
    await process.run()
    assert mints(world) == 1
    assert APPLY not in world.faults.calls


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


async def test_a_webhook_that_is_away_is_said_and_nothing_is_minted_anew() -> None:
    world = declared()
    world.faults.on(APPLY, raising(HookAway(500, 'failed calling webhook "secrets.policy.example": refused')))
    process = world.start()
    for _ in range(5):
        due = await process.run()
        assert due is not None
        world.clock.advance(timedelta(seconds=due.due - world.clock.now.timestamp()))
    assert mints(world) == 1
    assert ready_of(world.status()) == ("Unknown", reasons.PENDING)
    assert "secrets.policy.example" in world.status()["conditions"][0]["message"]
    assert needs_human(world.status()) is None
    world.faults.clear()
    await process.settle()
    assert_published(world)
    assert mints(world) == 1
    assert world.event_reasons == [reasons.PENDING, reasons.FRESH]


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
