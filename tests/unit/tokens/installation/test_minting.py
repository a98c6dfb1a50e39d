"""An installation's token: found once, minted, and seen to work before anybody gets it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.tokens.installation.minting import REFUSAL_SERVES, InstallationTokens
from tests.unit.builders import app
from tests.unit.fakes import World, raising

BY_OWNER = InstallationSource(owner="acme")


def tokens(world: World, *, verify: bool = True) -> InstallationTokens:
    return InstallationTokens(world.github, verify=verify, monotonic=world.clock.monotonic)


async def test_an_installation_is_looked_for_once() -> None:
    world = World()
    made = tokens(world)
    for _ in range(3):
        await made.obtain(app(), BY_OWNER)
    assert world.faults.calls.count("find_installation") == 1


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(InstallationSource(owner="other"), id="another owner"),
        pytest.param(InstallationSource(repository="acme/website"), id="a repository"),
        pytest.param(InstallationSource(id=1), id="an id"),
    ],
)
async def test_another_selector_is_looked_for_by_itself(source: InstallationSource) -> None:
    world = World()
    made = tokens(world)
    await made.obtain(app(), BY_OWNER)
    await made.obtain(app(), source)
    await made.obtain(app(app_id=2, client_id="Iv23other"), source)
    assert world.faults.calls.count("find_installation") == 3


@pytest.mark.parametrize(
    ("reason", "looks"),
    [
        pytest.param(reasons.INSTALLATION_NOT_FOUND, 2, id="an installation that is gone is looked for again"),
        pytest.param(reasons.PERMISSIONS_NOT_GRANTED, 1, id="another refusal says nothing of where it is installed"),
    ],
)
async def test_what_a_refusal_says_of_the_installation(reason: str, looks: int) -> None:
    world = World()
    made = tokens(world)
    await made.obtain(app(), BY_OWNER)
    world.faults.once("mint", raising(Terminal(reason, "refused")))
    with pytest.raises(Terminal):
        await made.obtain(app(), BY_OWNER)
    await made.obtain(app(), BY_OWNER)
    assert world.faults.calls.count("find_installation") == looks


async def test_a_name_that_means_no_installation_is_asked_for_once_for_all_that_wait() -> None:
    world = World()
    made = tokens(world)
    world.faults.on("find_installation", raising(Terminal(reasons.INSTALLATION_NOT_FOUND, "install it")))
    for _ in range(5):
        with pytest.raises(Terminal, match="install it"):
            await made.obtain(app(), BY_OWNER)
    assert world.faults.calls.count("find_installation") == 1
    world.faults.clear()
    world.clock.advance(timedelta(seconds=REFUSAL_SERVES))
    await made.obtain(app(), BY_OWNER)


async def test_a_new_token_is_looked_at_once_at_a_time() -> None:
    world = World()
    world.github.accepted_after = 2
    made = tokens(world)
    minted, found = await made.obtain(app(), BY_OWNER)
    assert (found.account, minted.access.token) == ("acme", world.github.minted[0])
    assert [await made.is_accepted(app(), BY_OWNER, found, minted) for _ in range(3)] == [False, False, True]
    assert world.faults.calls.count("probe") == 3


async def test_without_verification_nothing_is_probed() -> None:
    world = World()
    made = tokens(world, verify=False)
    minted, found = await made.obtain(app(), BY_OWNER)
    assert await made.is_accepted(app(), BY_OWNER, found, minted)
    assert "probe" not in world.faults.calls
