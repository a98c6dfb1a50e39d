"""Two GitHubTokens that want one Secret: whose it is."""

from __future__ import annotations

from datetime import timedelta

from githubtoken_operator.domain.objects.secrets import NAME, annotations_of
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from tests.unit.builders import githubtoken_body
from tests.unit.fakes import World
from tests.unit.tokens.installed import declared, mints


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
