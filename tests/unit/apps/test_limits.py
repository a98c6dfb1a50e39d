"""What an App's owner allows, and an object asks for nevertheless."""

from __future__ import annotations

from typing import Any

from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import needs_human, ready_of
from tests.unit.apps.worlds import ACME, looks, world_with
from tests.unit.builders import githubtoken_body, secret, user_body
from tests.unit.fakes import World


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
