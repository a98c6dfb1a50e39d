"""githubkit works against the simulator as it does against GitHub: App, installation, web and device strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from githubkit import (
    AppAuthStrategy,
    AppInstallationAuthStrategy,
    GitHub,
    OAuthAppAuthStrategy,
    OAuthDeviceAuthStrategy,
    OAuthTokenAuthStrategy,
    UnauthAuthStrategy,
)
from githubkit.cache import MemCacheStrategy
from githubkit.exception import RequestError, RequestFailed

from github_simulator.control_client import sha256

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Scene


@pytest.fixture(params=["combined_scene", "ghes_scene"])
def shown(request: pytest.FixtureRequest) -> Scene:
    """githubkit derives the web host from the API's address, so both must be on one port."""
    scene: Scene = request.getfixturevalue(request.param)
    return scene


def client(shown: Scene, strategy: Any) -> GitHub[Any]:  # noqa: ANN401 - any of githubkit's strategies
    # githubkit's default cache is one per process, by App id; two simulators may give the same id.
    return GitHub(strategy, base_url=shown.simulator.api_url, auto_retry=False, cache_strategy=MemCacheStrategy())


def as_app(shown: Scene) -> AppAuthStrategy:
    return AppAuthStrategy(
        shown.app.id, shown.app.private_key or "", client_id=shown.app.client_id, client_secret=shown.app.client_secret
    )


def test_an_app_sees_itself_and_its_installations(shown: Scene) -> None:
    with client(shown, as_app(shown)) as github:
        assert github.rest.apps.get_authenticated().parsed_data.slug == shown.app.slug
        (installation,) = github.rest.apps.list_installations().parsed_data
        found = github.rest.apps.get_repo_installation(shown.installation.account, "website").parsed_data
    assert installation.id == found.id == shown.installation.id


def test_an_installation_mints_its_token_once_and_uses_it(shown: Scene) -> None:
    strategy = as_app(shown).as_installation(shown.installation.id, repositories=["website"])
    with client(shown, strategy) as github:
        for _ in range(2):
            listed = github.rest.apps.list_repos_accessible_to_installation().parsed_data
            assert [repository.name for repository in listed.repositories] == ["website"]
    assert len(shown.github.ledger().of("mint")) == 1


async def test_an_installation_works_asynchronously_by_client_id(shown: Scene) -> None:
    strategy = AppInstallationAuthStrategy(
        None, shown.app.private_key or "", shown.installation.id, client_id=shown.app.client_id
    )
    async with client(shown, strategy) as github:
        answer = await github.rest.apps.async_list_repos_accessible_to_installation()
    assert answer.parsed_data.total_count == 2


def test_a_permission_that_is_not_granted_is_refused(shown: Scene) -> None:
    strategy = as_app(shown).as_installation(shown.installation.id, permissions={"secrets": "write"})
    with client(shown, strategy) as github, pytest.raises(RequestError, match="422"):
        github.rest.apps.list_repos_accessible_to_installation()


def test_a_client_checks_and_deletes_a_token(shown: Scene) -> None:
    token, client_id = shown.sign_in().access_token, shown.app.client_id
    with client(shown, OAuthAppAuthStrategy(client_id, shown.app.client_secret)) as github:
        checked = github.rest.apps.check_token(client_id, access_token=token).parsed_data
        assert (checked.user.login, checked.app.client_id) == ("alice", client_id)
        assert github.rest.apps.delete_token(client_id, access_token=token).status_code == 204
        with pytest.raises(RequestFailed) as caught:
            github.rest.apps.check_token(client_id, access_token=token)
    assert caught.value.response.status_code == 404


def test_anybody_reports_a_leaked_pair(shown: Scene) -> None:
    pair = shown.sign_in()
    tokens = [pair.access_token, pair.refresh_token or ""]
    with client(shown, UnauthAuthStrategy()) as github:
        assert github.rest.credentials.revoke(credentials=tokens).status_code == 202
    assert [shown.github.token_is_alive(sha256(token)) for token in tokens] == [False, False]


def test_the_web_strategy_exchanges_its_code(shown: Scene) -> None:
    code = shown.github.web_code(shown.app, "alice")
    strategy = OAuthAppAuthStrategy(shown.app.client_id, shown.app.client_secret).as_web_user(code)
    with client(shown, strategy) as github:
        assert github.rest.users.get_authenticated().parsed_data.login == "alice"
    assert (strategy.refresh_token or "").startswith("ghr_")


def test_the_device_strategy_waits_for_the_approval_and_refreshes_without_a_secret(shown: Scene) -> None:
    shown.github.change_app(shown.app, device_interval=0)
    strategy = OAuthDeviceAuthStrategy(
        shown.app.client_id, on_verification=lambda data: shown.github.approve(data["user_code"], "alice")
    )
    github = client(shown, strategy)
    assert github.rest.users.get_authenticated().parsed_data.login == "alice"
    spent, signed_in = strategy.refresh_token, strategy._token_auth
    assert signed_in is not None
    signed_in.refresh(github)
    assert strategy.refresh_token != spent
    assert github.rest.users.get_authenticated().parsed_data.login == "alice"
    assert not shown.github.ledger().double_spends


def test_a_spent_refresh_token_ends_in_an_error(shown: Scene) -> None:
    pair = shown.sign_in()
    winner = shown.refresh(pair.refresh_token).json()
    strategy = OAuthTokenAuthStrategy(shown.app.client_id, shown.app.client_secret, refresh_token=pair.refresh_token)
    with client(shown, strategy) as github, pytest.raises(RequestError, match="bad_refresh_token"):
        github.rest.users.get_authenticated()
    assert shown.github.token_is_alive(sha256(winner["access_token"]))
    assert len(shown.github.ledger().double_spends) == 1
