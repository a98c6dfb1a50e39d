"""PyGithub works against the simulator as it does against GitHub: both of its ways to a token, and its errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from github import Auth, BadCredentialsException, Github, GithubException, GithubIntegration, UnknownObjectException

from github_simulator.control_client import sha256
from tests.integration.simulator.clients.signing import signed_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_simulator.control_client import App
    from tests.integration.simulator.conftest import Scene

# PyGithub paces itself and retries by default; neither is under test.
IMPATIENT: dict[str, Any] = {"seconds_between_requests": None, "seconds_between_writes": None, "retry": None}


@pytest.fixture(params=["combined_scene", "ghes_scene"])
def shown(request: pytest.FixtureRequest) -> Scene:
    """PyGithub derives the web host from the API's address, so both must be on one port."""
    scene: Scene = request.getfixturevalue(request.param)
    return scene


@pytest.fixture
def integration(shown: Scene) -> Iterator[GithubIntegration]:
    auth = Auth.AppAuth(shown.app.id, shown.app.private_key or "")
    with GithubIntegration(auth=auth, base_url=shown.simulator.api_url, **IMPATIENT) as integration:
        yield integration


@pytest.fixture
def anonymous(shown: Scene) -> Iterator[Github]:
    with Github(base_url=shown.simulator.api_url, **IMPATIENT) as github:
        yield github


def test_an_app_sees_itself_and_its_installations(shown: Scene, integration: GithubIntegration) -> None:
    account, number = shown.installation.account, shown.installation.id
    assert (integration.get_app().slug, integration.get_app().id) == (shown.app.slug, shown.app.id)
    assert [installation.id for installation in integration.get_installations()] == [number]
    found = [
        integration.get_app_installation(number),
        integration.get_org_installation(account),
        integration.get_user_installation(account),
        integration.get_repo_installation(account, "website"),
    ]
    assert [installation.id for installation in found] == [number] * 4
    assert found[0].suspended_at is None


class SignedElsewhere(Auth.AppAuth):
    """An App whose JWT somebody else has signed."""

    def __init__(self, app: App, jwt: str) -> None:
        super().__init__(app.id, sign_func=lambda _: "")
        self._jwt = jwt

    def create_jwt(self, expiration: int | None = None) -> str:  # noqa: ARG002 - PyGithub's
        return self._jwt


async def test_a_jwt_that_a_service_signed_is_accepted(shown: Scene) -> None:
    auth = SignedElsewhere(shown.app, await signed_elsewhere(shown.app))
    with GithubIntegration(auth=auth, base_url=shown.simulator.api_url, **IMPATIENT) as integration:
        assert integration.get_app().slug == shown.app.slug
        token = integration.get_access_token(shown.installation.id)
    assert shown.github.token_is_alive(sha256(token.token))


def test_an_installation_token_is_minted_and_used(shown: Scene, integration: GithubIntegration) -> None:
    token = integration.get_access_token(shown.installation.id, permissions={"contents": "read"})
    assert token.permissions == {"contents": "read", "metadata": "read"}
    assert timedelta(minutes=58) < token.expires_at - datetime.now(UTC) < timedelta(minutes=61)
    assert shown.github.token_is_alive(sha256(token.token))
    with integration.get_github_for_installation(shown.installation.id) as github:
        assert github.get_repo(f"{shown.installation.account}/website").name == "website"


def test_what_is_not_there_or_not_granted_raises(shown: Scene, integration: GithubIntegration) -> None:
    with pytest.raises(UnknownObjectException):
        integration.get_org_installation("nobody")
    with pytest.raises(UnknownObjectException):
        integration.get_access_token(1)
    with pytest.raises(GithubException) as caught:
        integration.get_access_token(shown.installation.id, permissions={"secrets": "write"})
    assert caught.value.status == 422
    shown.github.suspend(shown.installation)
    with pytest.raises(GithubException, match="suspended"):
        integration.get_access_token(shown.installation.id)


def test_a_user_token_is_refreshed_once(shown: Scene, anonymous: Github) -> None:
    application = anonymous.get_oauth_application(shown.app.client_id, shown.app.client_secret)
    pair = shown.sign_in()
    token = application.refresh_access_token(pair.refresh_token or "")
    assert (token.type, token.expires_in, token.refresh_expires_in) == ("bearer", 28800, 15897600)
    assert token.refresh_token != pair.refresh_token
    with pytest.raises(GithubException) as caught:
        application.refresh_access_token(pair.refresh_token or "")
    assert (caught.value.status, caught.value.data["error"]) == (200, "bad_refresh_token")
    assert shown.github.token_is_alive(sha256(token.token))


def test_a_code_of_the_web_flow_is_exchanged_once(shown: Scene, anonymous: Github) -> None:
    application = anonymous.get_oauth_application(shown.app.client_id, shown.app.client_secret)
    code = shown.github.web_code(shown.app, "alice")
    assert application.get_access_token(code).refresh_token
    with pytest.raises(BadCredentialsException):
        application.get_access_token(code)


def test_app_user_auth_refreshes_an_expired_token_on_its_way(shown: Scene, anonymous: Github) -> None:
    pair = shown.sign_in()
    auth = Auth.AppUserAuth(
        client_id=shown.app.client_id,
        client_secret=shown.app.client_secret,
        token=pair.access_token,
        token_type="bearer",
        expires_at=datetime.now(UTC) - timedelta(seconds=1),
        refresh_token=pair.refresh_token,
        refresh_expires_at=datetime.now(UTC) + timedelta(days=1),
        requester=anonymous.requester,
    )
    with Github(auth=auth, base_url=shown.simulator.api_url, **IMPATIENT) as github:
        assert github.get_user().login == "alice"
    assert auth.refresh_token != pair.refresh_token
    assert not shown.github.token_is_alive(sha256(pair.access_token))
    assert not shown.github.ledger().double_spends
