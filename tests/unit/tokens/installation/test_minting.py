"""An installation's token: found once, minted, and seen to work before anybody gets it."""

from __future__ import annotations

import pytest

from githubtoken_operator.domain.objects.resources import InstallationSource
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.tokens.installation.minting import PROBE_DELAYS, InstallationTokens
from tests.unit.builders import NOW, app
from tests.unit.fakes import World, raising

BY_OWNER = InstallationSource(owner="acme")


def tokens(world: World, *, verify: bool = True) -> InstallationTokens:
    return InstallationTokens(world.github, verify=verify, monotonic=world.clock.monotonic, sleep=world.clock.sleep)


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


async def test_an_installation_that_is_gone_is_looked_for_again() -> None:
    world = World()
    made = tokens(world)
    await made.obtain(app(), BY_OWNER)
    world.faults.once("mint", raising(Terminal(reasons.INSTALLATION_NOT_FOUND, "not installed")))
    with pytest.raises(Terminal):
        await made.obtain(app(), BY_OWNER)
    await made.obtain(app(), BY_OWNER)
    assert world.faults.calls.count("find_installation") == 2


async def test_a_refusal_of_another_kind_says_nothing_of_where_the_app_is_installed() -> None:
    world = World()
    made = tokens(world)
    await made.obtain(app(), BY_OWNER)
    world.faults.once("mint", raising(Terminal(reasons.PERMISSIONS_NOT_GRANTED, "grant it")))
    with pytest.raises(Terminal):
        await made.obtain(app(), BY_OWNER)
    await made.obtain(app(), BY_OWNER)
    assert world.faults.calls.count("find_installation") == 1


async def test_replicas_that_lag_behind_are_waited_for() -> None:
    world = World()
    world.github.accepted_after = len(PROBE_DELAYS)
    minted, installation, accepted = await tokens(world).obtain(app(), BY_OWNER)
    assert (installation.account, minted.access.token, accepted) == ("acme", world.github.minted[0], True)
    assert (world.clock.now - NOW).total_seconds() == sum(PROBE_DELAYS)


async def test_a_token_that_github_does_not_accept_within_ten_seconds_is_told_apart() -> None:
    world = World()
    world.github.accepted_after = len(PROBE_DELAYS) + 1
    minted, _, accepted = await tokens(world).obtain(app(), BY_OWNER)
    assert (minted.access.token, accepted) == (world.github.minted[0], False)
    assert (world.clock.now - NOW).total_seconds() == 10


async def test_without_verification_nothing_is_probed() -> None:
    world = World()
    _, _, accepted = await tokens(world, verify=False).obtain(app(), BY_OWNER)
    assert accepted
    assert "probe" not in world.faults.calls
