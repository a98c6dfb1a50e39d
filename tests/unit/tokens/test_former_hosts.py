"""What was had from one GitHub is shown to no other, whatever the URLs of the App say by now."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.domain.objects.origin import ORIGIN
from githubtoken_operator.domain.objects.secrets import decoded
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from tests.unit.builders import app_body, personal_body, secret, user_body
from tests.unit.fakes import NOT_SENT, Process, World, raising
from tests.unit.tokens.user.storing.test_kept_answers import a_later_version, answering, new_prefix

CREDENTIAL = "secrets/ci-credential"
TOKEN = "githubtokens/ci"
GITHUB = {"api.github.com", "github.com"}
ELSEWHERE = {"apiURL": "https://api.acme.ghe.com", "webURL": "https://acme.ghe.com"}
DEVICE: dict[str, object] = {"user": {"deviceFlow": {}}}


def world_of_a_user(**spec: Any) -> World:  # noqa: ANN401 - fields of the spec
    world = World()
    world.api.put(app_body(privateKeySecretRef=None))
    world.api.put(secret("acme-app", {"client-secret": "the-client-secret"}))
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("alice").reveal()}))
    world.api.put(user_body(**spec))
    return world


async def running(**spec: Any) -> tuple[World, Process]:  # noqa: ANN401 - as above
    world = world_of_a_user(**spec)
    process = world.start()
    await process.settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    return world, process


def named(world: World, **urls: str) -> Process:
    """The App names another GitHub, which a new process reads."""
    world.api.edit("githubapps/acme", lambda body: body["spec"].update(urls or ELSEWHERE))
    return world.start()


def said_of(world: World, key: str) -> Any:  # noqa: ANN401 - JSON
    text = world.api.objects[key]["metadata"]["annotations"].get(ORIGIN)
    return json.loads(text) if text else None


def forget(world: World, key: str) -> None:
    """A human says that it is the same server by another name."""
    world.api.edit(key, lambda body: body["metadata"]["annotations"].pop(ORIGIN, None))


def refresh_token(world: World) -> str:
    return decoded(world.api.objects[CREDENTIAL], "refresh_token") or ""


async def test_a_stored_refresh_token_is_not_shown_to_another_host() -> None:
    world, _ = await running()
    mine, published = refresh_token(world), decoded(world.secret(), "token")
    process = named(world)
    world.clock.advance(timedelta(hours=6))
    await process.settle()
    assert mine not in world.github.shown
    assert ready_of(world.status()) == ("False", reasons.REAUTHORIZATION_REQUIRED)
    assert "`github.com`" in world.message
    assert "`acme.ghe.com`" in world.message
    assert decoded(world.secret(), "token") == published, "it still lives where it came from"


async def test_the_way_back_needs_no_human() -> None:
    world, _ = await running()
    await named(world).settle()
    await named(world, apiURL="https://api.github.com", webURL="https://github.com").settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    world.clock.advance(timedelta(hours=6))
    await world.start().settle()
    assert ready_of(world.status()) == ("True", "Fresh")


async def test_a_new_seed_is_handed_over_anew() -> None:
    world, _ = await running()
    await named(world).settle()
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("moved").reveal()}))
    await world.start().settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    assert world.github.shown["ghr_moved"] == {"acme.ghe.com"}
    assert said_of(world, CREDENTIAL)["webURL"] == "https://acme.ghe.com"


async def test_a_server_that_was_renamed_is_the_same_where_a_human_says_so() -> None:
    world, _ = await running()
    process = named(world)
    await process.settle()
    forget(world, CREDENTIAL)
    await process.settle()
    world.clock.advance(timedelta(hours=6))
    await process.settle()
    assert ready_of(world.status()) == ("True", "Fresh")


async def test_a_pair_of_an_earlier_version_goes_to_the_host_that_the_app_names() -> None:
    world, _ = await running()
    forget(world, CREDENTIAL)
    process = named(world)
    world.clock.advance(timedelta(hours=6))
    await process.settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    assert said_of(world, CREDENTIAL)["apiURL"] == "https://api.acme.ghe.com"


async def test_a_host_that_was_mistaken_costs_no_sign_in_where_nothing_reached_it() -> None:
    world = world_of_a_user()
    wrong = named(world, webURL="https://gihtub.ghe.com")
    world.faults.on("refresh", raising(NOT_SENT))
    await wrong.settle()
    world.faults.clear()
    await named(world, webURL="https://github.com").settle()
    assert ready_of(world.status()) == ("True", "Fresh")


async def test_an_api_that_moved_gets_a_pair_of_its_own_and_never_sees_the_one_before() -> None:
    world, _ = await running(secret={"formats": ["Netrc"]})
    before = decoded(world.secret(), "token") or ""
    await named(world, apiURL="https://api.acme.ghe.com").settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    assert decoded(world.secret(), "token") != before
    assert world.github.shown.get(before, set()) <= GITHUB
    assert said_of(world, "secrets/ci") == {"apiURL": "https://api.acme.ghe.com", "webURL": "https://github.com"}


async def test_a_device_code_is_polled_where_it_came_from_and_nowhere_else() -> None:
    world = world_of_a_user(**DEVICE)
    await world.start().run()
    process = named(world)
    for _ in range(5):
        await process.run()
        world.clock.advance(timedelta(seconds=10))
    assert world.status()["deviceFlow"]["userCode"] == "WDJB-0001", "another code, of the other host"
    assert world.github.shown.get("devicecodeWDJB-0000", set()) <= {"github.com"}
    world.github.enter()
    await process.settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    assert said_of(world, CREDENTIAL)["webURL"] == "https://acme.ghe.com"


async def test_an_answer_that_is_saved_late_is_of_the_host_that_gave_it(tmp_path: Path) -> None:
    world, _ = await running()
    world.journal_folder = tmp_path
    process = world.start()
    world.clock.advance(timedelta(hours=6))
    calls = iter(range(10))

    def refuse() -> None:
        if next(calls) > 0:
            raise Forbidden(403, "no")

    world.faults.on(f"PUT {CREDENTIAL}", refuse)
    await process.run()
    world.faults.clear()
    process = named(world)
    await process.recover()
    await process.save_due()
    assert said_of(world, CREDENTIAL)["webURL"] == "https://github.com"
    await process.settle()
    assert refresh_token(world) not in world.github.shown


async def test_an_answer_that_was_kept_is_of_the_host_that_gave_it() -> None:
    world, _ = await running()
    answering(world, new_prefix)
    world.clock.advance(timedelta(hours=6))
    await world.start().settle()
    assert ready_of(world.status()) == ("False", reasons.ANSWER_NOT_UNDERSTOOD)
    process = named(world)
    with a_later_version():
        await process.settle()
        world.clock.advance(timedelta(hours=6))
        await process.settle()
        assert said_of(world, CREDENTIAL)["webURL"] == "https://github.com"
        assert ready_of(world.status()) == ("False", reasons.REAUTHORIZATION_REQUIRED)
    assert refresh_token(world) not in world.github.shown


async def test_the_forms_of_a_token_name_the_host_that_takes_it() -> None:
    world, _ = await running(secret={"formats": ["GitCredentials", "Netrc", "Env", "DockerConfigJSON"]})
    before = world.secret()["data"]
    await named(world).settle()
    assert ready_of(world.status()) == ("False", reasons.REAUTHORIZATION_REQUIRED)
    assert world.secret()["data"] == before, "git would show the token to the other host"


async def test_a_personal_token_that_the_other_host_refuses_keeps_the_names_of_its_own() -> None:
    world = World()
    world.github.personal["ghp_one"] = None
    world.api.put(secret("my-pat", {"token": "ghp_one"}))
    world.api.put(personal_body(secret={"formats": ["Netrc"]}))
    await world.start().settle()
    world.api.put(secret("my-pat", {"token": "ghp_two"}))
    world.api.edit(TOKEN, lambda body: body["spec"]["personal"].update(ELSEWHERE))
    await world.start().settle()
    assert world.github.shown["ghp_one"] == {"api.github.com"}
    assert "acme.ghe.com" not in (decoded(world.secret(), ".netrc") or "")


@pytest.mark.parametrize("formats", [[], ["Netrc"]])
async def test_an_upgrade_writes_no_secret_anew(formats: list[str]) -> None:
    world, _ = await running(secret={"formats": formats})
    for key in (CREDENTIAL, "secrets/ci"):
        forget(world, key)
    world.faults.calls.clear()
    await world.start().settle()
    assert not [call for call in world.faults.calls if not call.startswith("GET")]
