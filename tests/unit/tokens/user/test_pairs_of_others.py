"""A pair that is another App's or account's: who has it keeps it, it is not called ready, and nobody is given it.

The credential Secret outlives its GitHubToken, so what is found in it may be of an object that asked for another one.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_in_words, ready_of
from githubtoken_operator.engine.cache.watched import Ref
from tests.unit.builders import NAMESPACE, app_body, secret, user_body
from tests.unit.fakes import World
from tests.unit.keys import pem

APP = "githubapps/acme"
TOKEN = "githubtokens/ci"
OTHER_APP: dict[str, Any] = {"appID": 2, "clientID": "Iv23other"}


async def ready(**user: object) -> World:
    """Alice's token is published."""
    world = World()
    world.api.put(app_body(privateKeySecretRef=None))
    world.api.put(secret("acme-app", {"client-secret": "the-client-secret"}))
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("alice").reveal()}))
    world.api.put(user_body(user={"seedSecretRef": {"name": "alice-seed"}, **user}))
    await world.start().settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    return world


def change(world: World, key: str, **spec: object) -> None:
    def edit(body: dict[str, Any]) -> None:
        body["spec"].update(spec)
        body["metadata"]["generation"] += 1

    world.api.edit(key, edit)


def make_anew(world: World, **spec: Any) -> None:  # noqa: ANN401 - fields of any kind
    """The GitHubToken and its Secret are gone, and there is another of that name."""
    world.api.delete(TOKEN)
    world.api.delete("secrets/ci")
    world.api.put(user_body(uid="uid-second", **spec))


async def test_a_pair_of_the_app_that_was_there_before_is_kept_but_not_called_ready() -> None:
    world = await ready()
    before = copy.deepcopy(world.secret())
    change(world, APP, **OTHER_APP)
    await world.start().settle()
    assert ready_of(world.status()) == ("False", reasons.REAUTHORIZATION_REQUIRED)
    said = ready_in_words(world.status())
    assert "belongs to the App with client id `Iv23acme`" in said
    assert said.endswith("of an earlier spec")
    assert world.secret() == before
    change(world, APP, appID=12345, clientID="Iv23acme")
    await world.start().settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    assert world.faults.calls.count("refresh") == 1


ANEW = [
    pytest.param({"appRef": {"name": "other"}}, reasons.REAUTHORIZATION_REQUIRED, id="another App"),
    pytest.param({"appRef": {"name": "missing"}}, reasons.APP_NOT_FOUND, id="an App that is not there"),
    pytest.param({"user": {"login": "bob"}}, reasons.WRONG_ACCOUNT, id="another account"),
]


@pytest.mark.parametrize(("spec", "reason"), ANEW)
@pytest.mark.parametrize("expires", [True, False], ids=["expires", "does not expire"])
async def test_who_comes_after_another_of_its_name_is_given_no_pair_but_its_own(
    spec: dict[str, Any], reason: str, *, expires: bool
) -> None:
    world = await ready(login="alice")
    if not expires:
        world.api.edit("secrets/ci-credential", _without_expiry)
    world.api.put(app_body("other", privateKeySecretRef=None, **OTHER_APP))
    make_anew(world, **spec)
    await world.start().settle()
    assert ready_of(world.status()) == ("False", reason)
    assert "secrets/ci" not in world.api.objects
    assert "revision" not in world.status()
    assert world.faults.calls.count("refresh") == 1


async def test_an_app_that_is_known_by_its_number_is_told_from_another_by_what_github_said_of_it() -> None:
    world = await ready()
    world.api.put(secret("other-app", {"private-key.pem": pem()}))
    key = {"name": "other-app", "key": "private-key.pem"}
    world.api.put(app_body("other", appID=2, clientID=None, privateKeySecretRef=key))
    make_anew(world, appRef={"name": "other"})
    process = world.start()
    await process.app_runs.run(Ref(Kind.APP, NAMESPACE, "other"))
    await process.settle()
    assert ready_of(world.status()) == ("False", reasons.REAUTHORIZATION_REQUIRED)
    assert "secrets/ci" not in world.api.objects


async def test_who_comes_after_another_for_the_same_takes_its_pair_up() -> None:
    world = await ready(login="alice")
    before = world.secret()["data"]
    make_anew(world, user={"login": "alice"})
    await world.start().settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    assert world.secret()["data"] == before


async def test_while_the_app_is_not_there_the_secret_stays_as_it_is_and_comes_back() -> None:
    world = await ready()
    before = copy.deepcopy(world.secret())
    world.api.delete(APP)
    process = world.start()
    await process.settle()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
    assert world.secret() == before
    world.api.delete("secrets/ci")
    await process.run()
    assert world.secret()["data"] == before["data"]


def _without_expiry(body: dict[str, Any]) -> None:
    for key in ("expires_at", "refresh_expires_at", "refresh_token"):
        body["data"].pop(key)
    body["metadata"]["annotations"].pop("githubtoken.dev/refresh-token-sha256", None)


# --- Handed on -------------------------------------------------------------------------------------------------------


def hand_on(world: World) -> None:
    """Somebody hands what `ci` keeps on to `next`."""
    note = {"githubtoken.dev/adopt": "true"}
    world.api.edit("secrets/ci-credential", lambda body: body["metadata"]["annotations"].update(note))
    world.api.put(user_body("next", uid="uid-next", user={"credentialSecretName": "ci-credential"}))


async def test_a_pair_is_handed_on_when_its_githubtoken_is_gone_and_not_before() -> None:
    world = await ready()
    before = world.secret()["data"]
    hand_on(world)
    process = world.start()
    await process.settle("next")
    assert ready_of(world.status("next")) == ("False", reasons.SECRET_CONFLICT)
    assert "is the credential of GitHubToken `ci`" in ready_in_words(world.status("next"))
    assert "secrets/next" not in world.api.objects
    world.api.delete(TOKEN)
    await process.run("next")
    assert ready_of(world.status("next")) == ("True", reasons.FRESH)
    assert world.secret("next")["data"] == before
    notes = world.api.objects["secrets/ci-credential"]["metadata"]["annotations"]
    assert notes["githubtoken.dev/name"] == "next"
    assert "githubtoken.dev/adopt" not in notes
    assert world.faults.calls.count("refresh") == 1
