from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from github_simulator import installations
from github_simulator.errors import ApiError
from github_simulator.state import revoke

if TYPE_CHECKING:
    from github_simulator.model import AccessToken, Installation, Repository
    from tests.unit.simulator.conftest import World


def mint(world: World, installation: Installation, **body: object) -> tuple[str, AccessToken, list[Repository] | None]:
    return installations.mint(world.state, installation, body, now=world.now, stateless=False)


def refusal(world: World, installation: Installation, **body: object) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        mint(world, installation, **body)
    return caught.value.status, caught.value.message


def test_a_token_lives_for_an_hour_and_has_all_permissions(world: World) -> None:
    _, token, repositories = mint(world, world.install(world.app()))
    assert token.expires_at == world.now + 3600
    assert token.permissions == {"contents": "write", "metadata": "read"}
    assert repositories is None


def test_a_new_token_leaves_the_earlier_ones_alive(world: World) -> None:
    installation = world.install(world.app())
    values = [mint(world, installation)[0] for _ in range(3)]
    assert all(world.is_live(value) for value in values)


@pytest.mark.parametrize(("stateless", "dots"), [(True, 2), (False, 0)])
def test_both_formats_are_minted(world: World, *, stateless: bool, dots: int) -> None:
    installation = world.install(world.app())
    value, _, _ = installations.mint(world.state, installation, {}, now=world.now, stateless=stateless)
    assert value.count(".") == dots


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        pytest.param({}, {"contents": "write", "metadata": "read"}, id="none-named"),
        pytest.param({"contents": "read"}, {"contents": "read", "metadata": "read"}, id="lower-level"),
        pytest.param({"contents": "write"}, {"contents": "write", "metadata": "read"}, id="same-level"),
        pytest.param({"metadata": "read"}, {"metadata": "read"}, id="metadata-alone"),
    ],
)
def test_permissions_can_be_narrowed(world: World, requested: dict[str, str], granted: dict[str, str]) -> None:
    _, token, _ = mint(world, world.install(world.app()), permissions=requested)
    assert token.permissions == granted


@pytest.mark.parametrize(
    "requested",
    [
        pytest.param({"contents": "admin"}, id="higher-level"),
        pytest.param({"issues": "read"}, id="not-granted"),
        pytest.param({"contents": "own"}, id="unknown-level"),
    ],
)
def test_permissions_beyond_the_grant_are_refused(world: World, requested: dict[str, str]) -> None:
    assert refusal(world, world.install(world.app()), permissions=requested) == (
        422,
        "The permissions requested are not granted to this installation.",
    )


def test_repositories_can_be_narrowed_by_name_and_by_id(world: World) -> None:
    installation = world.install(world.app(), repositories=("website", "api"))
    by_name = mint(world, installation, repositories=["WebSite"])[2]
    assert by_name is not None
    assert [repository.full_name for repository in by_name] == ["acme/website"]
    by_id = mint(world, installation, repository_ids=[by_name[0].id])
    assert by_id[2] == by_name
    assert by_id[1].repository_ids == frozenset({by_name[0].id})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"repositories": ["website", "nothing"]}, id="unknown-name"),
        pytest.param({"repositories": ["acme/website"]}, id="name-with-owner"),
        pytest.param({"repositories": ["../website"]}, id="path"),
        pytest.param({"repositories": ["secret"]}, id="not-selected"),
        pytest.param({"repository_ids": [1]}, id="unknown-id"),
        pytest.param({"repository_ids": ["website"]}, id="id-no-number"),
    ],
)
def test_repositories_beyond_reach_are_refused(world: World, body: dict[str, Any]) -> None:
    installation = world.install(world.app())
    world.state.repository(installation.account, "secret", now=world.now)
    status, message = refusal(world, installation, **body)
    assert status == 422
    assert message.startswith("There is at least one repository that does not exist or is not accessible")


def test_an_installation_on_everything_reaches_new_repositories(world: World) -> None:
    installation = world.install(world.app(), repositories=None)
    world.state.repository(installation.account, "brand-new", now=world.now)
    assert mint(world, installation, repositories=["brand-new"])[2] is not None


def test_more_than_five_hundred_repositories_are_too_many(world: World) -> None:
    status, message = refusal(world, world.install(world.app()), repositories=["website"] * 501)
    assert (status, message.startswith("Too many repositories")) == (422, True)


@pytest.mark.parametrize("body", [{"permissions": ["contents"]}, {"repositories": "website"}])
def test_a_body_of_another_shape_is_refused(world: World, body: dict[str, Any]) -> None:
    assert refusal(world, world.install(world.app()), **body)[0] == 422


def test_a_suspended_installation_gives_nothing(world: World) -> None:
    installation = world.install(world.app())
    installation.suspended_at = world.now
    assert refusal(world, installation) == (403, "This installation has been suspended")


def test_another_apps_installation_is_not_found(world: World) -> None:
    installation, other = world.install(world.app()), world.app("other")
    with pytest.raises(ApiError) as caught:
        installations.find(world.state, other, installation.id)
    assert (caught.value.status, caught.value.message) == (404, "Not Found")


def test_uninstalling_kills_the_tokens(world: World) -> None:
    installation = world.install(world.app())
    value, _, _ = mint(world, installation)
    world.state.uninstall(installation, now=world.now)
    assert not world.is_live(value)
    with pytest.raises(ApiError):
        installations.find(world.state, installation.app, installation.id)


def test_a_revoked_token_keeps_the_time_of_its_death(world: World) -> None:
    _, token, _ = mint(world, world.install(world.app()))
    revoke(token, world.now)
    revoke(token, world.now + 5)
    assert token.revoked_at == world.now
