"""What bad input gets: a reason, a message that says what to do, one event, no endless retries, no crash.

Each row makes one GitHubToken, `ci` or `alice`, that cannot be served.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds

Arrange = Callable[["World"], None]


def public_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def encrypted_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, protection = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"hush")
    return key.private_bytes(serialization.Encoding.PEM, form, protection).decode()


def another_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def assert_said_once(world: World, name: str, reason: str, advice: str) -> None:
    ready = world.wait_reason(name, reason)
    assert advice in ready.message
    world.settle()
    assert len(world.events(name, reason=reason)) == 1


def no_app(world: World) -> None:
    world.installation_token()


def no_key_secret(world: World) -> None:
    world.github_app(world.register())
    world.installation_token()


def no_key_named(world: World) -> None:
    world.github_app(world.register(), privateKeySecretRef=None, clientSecretSecretRef=None)
    world.installation_token()


def with_key(key: Callable[[], str | None]) -> Arrange:
    def arrange(world: World) -> None:
        app = world.register()
        world.install(app)
        world.app_secret(app, private_key_pem=key())
        world.github_app(app)
        world.installation_token()

    return arrange


def unknown_app_id(world: World) -> None:
    app = world.register()
    world.app_secret(app)
    world.github_app(app, appID=987654321, clientID=None)
    world.installation_token()


def unknown_id(world: World) -> None:
    world.app()
    world.installation_token(id=987654321)


def unknown_owner(world: World) -> None:
    world.app()
    world.installation_token(owner="nobody-at-all")


def unknown_repository(world: World) -> None:
    world.app()
    world.installation_token(repository=f"{world.account}/no-such-repository")


def suspended_installation(world: World) -> None:
    app = world.app(installed=False)
    world.github.suspend(world.install(app))
    world.installation_token()


def suspended_installation_by_id(world: World) -> None:
    installation = world.install(app := world.app(installed=False))
    world.github.suspend(installation)
    assert app.id == installation.app_id
    world.installation_token(id=installation.id)


def permission_not_granted(world: World) -> None:
    world.app()
    world.installation_token(permissions={"administration": "write"})


def repository_not_accessible(world: World) -> None:
    world.app()
    world.installation_token(repositories=["secret-plans"])


def foreign_host(world: World) -> None:
    app = world.register()
    world.app_secret(app)
    world.github_app(app, apiURL="https://github.example.com/api/v3", webURL="https://github.example.com")
    world.installation_token()


INSTALLATION_TOKENS = [
    pytest.param(no_app, "AppNotFound", "create it", 0, id="the App is not there"),
    pytest.param(no_key_secret, "PrivateKeyMissing", "create it", 0, id="the key's Secret is not there"),
    pytest.param(
        with_key(lambda: None),
        "PrivateKeyMissing",
        "put it under `private-key.pem`",
        0,
        id="the Secret has no such key",
    ),
    pytest.param(no_key_named, "PrivateKeyMissing", "set `spec.privateKeySecretRef`", 0, id="the App names no key"),
    pytest.param(
        with_key(lambda: "let me in"),
        "PrivateKeyInvalid",
        "must be the App's unencrypted RSA",
        0,
        id="garbage for a key",
    ),
    pytest.param(with_key(encrypted_key), "PrivateKeyInvalid", "it is encrypted", 0, id="an encrypted key"),
    pytest.param(with_key(public_key), "PrivateKeyInvalid", "it is a public key", 0, id="a public key"),
    pytest.param(
        with_key(another_key), "AuthenticationFailed", "must be a key of this App. Check", 3, id="another App's key"
    ),
    pytest.param(
        unknown_app_id, "AuthenticationFailed", "Check `spec.appID`", 3, id="an App that GitHub does not know"
    ),
    pytest.param(unknown_id, "InstallationNotFound", "install it, or correct", 4, id="an unknown installation id"),
    pytest.param(unknown_owner, "InstallationNotFound", "install it, or correct", 4, id="an unknown owner"),
    pytest.param(unknown_repository, "InstallationNotFound", "install it, or correct", 4, id="an unknown repository"),
    pytest.param(suspended_installation, "InstallationSuspended", "unsuspend", 4, id="a suspended installation"),
    pytest.param(
        suspended_installation_by_id, "InstallationSuspended", "unsuspend", 4, id="a suspended installation by id"
    ),
    pytest.param(
        permission_not_granted, "PermissionsNotGranted", "grant them", 4, id="a permission that is not granted"
    ),
    # The installation is looked for once more, and the repository by the name that it may have had.
    pytest.param(
        repository_not_accessible, "RepositoryNotAccessible", "give the installation access", 7, id="no such repository"
    ),
    pytest.param(foreign_host, "HostNotAllowed", "--allowed-hosts", 0, id="a host that is not allowed"),
]


@pytest.mark.parametrize(("arrange", "reason", "advice", "most_requests"), INSTALLATION_TOKENS)
def test_an_installation_token_that_cannot_be_had_says_why_once(
    world: World, arrange: Arrange, reason: str, advice: str, most_requests: int
) -> None:
    arrange(world)
    assert_said_once(world, "ci", reason, advice)
    assert min(most_requests, 1) <= len(world.requests()) <= most_requests
    assert world.get("Secret", "ci") is None


# --- user tokens -----------------------------------------------------------------------------------------------------


def no_seed(world: World) -> None:
    world.app()
    world.user_token()


def with_seed(text: str) -> Arrange:
    def arrange(world: World) -> None:
        world.app()
        world.user_token(seed=text)

    return arrange


def an_access_token_for_a_seed(world: World) -> None:
    app = world.app()
    access_token = world.github.sign_in(app, "alice").access_token
    world.canaries.append(access_token)
    world.user_token(seed=access_token)


def an_expired_seed(world: World) -> None:
    app = world.app(refresh_token_life=1)
    seed = world.sign_in(app)
    time.sleep(1.5)
    world.user_token(seed=seed)


def a_revoked_seed(world: World) -> None:
    app = world.app()
    seed = world.sign_in(app)
    world.github.revoke_grant(app, "alice")
    world.user_token(seed=seed)


def wait_for_app(world: World) -> None:
    """What becomes known of an App after a failure is a reason to try once more, and requests are counted here."""
    world.wait_ready("acme", kind="GitHubApp")


def wrong_client_id(world: World) -> None:
    app = world.register()
    world.app_secret(app)
    world.github_app(app, clientID=f"Iv23wrong{app.id}", privateKeySecretRef=None)
    wait_for_app(world)
    world.user_token(seed=world.sign_in(app))


def wrong_client_secret(world: World) -> None:
    app = world.register()
    world.app_secret(app, client_secret="0123456789abcdef0123456789abcdef01234567")
    world.github_app(app)
    wait_for_app(world)
    world.user_token(seed=world.sign_in(app))


def no_client_secret_in_secret(world: World) -> None:
    app = world.register()
    world.app_secret(app, client_secret=None)
    world.github_app(app)
    world.user_token(seed=world.sign_in(app))


def no_client_secret_named(world: World) -> None:
    app = world.register()
    world.app_secret(app)
    world.github_app(app, clientSecretSecretRef=None)
    wait_for_app(world)
    world.user_token(seed=world.sign_in(app))


def no_client_id_and_no_key(world: World) -> None:
    app = world.register()
    world.app_secret(app)
    world.github_app(app, clientID=None, privateKeySecretRef=None)
    world.user_token(seed=world.sign_in(app))


def no_client_id_and_another_key(world: World) -> None:
    app = world.register()
    world.app_secret(app, private_key_pem=another_key())
    world.github_app(app, clientID=None)
    world.user_token(seed=world.sign_in(app))


USER_TOKENS = [
    pytest.param(lambda world: world.user_token(), "AppNotFound", "create it", 0, id="no App"),
    pytest.param(no_seed, "CredentialMissing", "create it with a refresh token under", 0, id="no seed's Secret"),
    pytest.param(with_seed(""), "CredentialMissing", "must hold a refresh token of GitHub", 0, id="an empty seed"),
    pytest.param(with_seed("hunter2"), "CredentialMissing", "must hold a refresh token of GitHub", 0, id="a password"),
    pytest.param(
        an_access_token_for_a_seed, "CredentialMissing", "must hold a refresh token of GitHub", 0, id="an access token"
    ),
    pytest.param(an_expired_seed, "ReauthorizationRequired", "ign in again", 1, id="an expired seed"),
    pytest.param(a_revoked_seed, "ReauthorizationRequired", "ign in again", 1, id="a revoked seed"),
    pytest.param(wrong_client_id, "AuthenticationFailed", "check `spec.clientID`", 1, id="a wrong client id"),
    pytest.param(
        wrong_client_secret, "AuthenticationFailed", "`spec.clientSecretSecretRef`", 1, id="a wrong client secret"
    ),
    pytest.param(
        no_client_secret_in_secret,
        "ClientSecretMissing",
        "put it under `client-secret`",
        0,
        id="no client secret there",
    ),
    pytest.param(
        no_client_secret_named,
        "ClientSecretMissing",
        "set `spec.clientSecretSecretRef`",
        1,
        id="no client secret named",
    ),
    pytest.param(no_client_id_and_no_key, "AppNotReady", "set its `spec.clientID`", 0, id="no client id"),
    pytest.param(
        no_client_id_and_another_key, "AuthenticationFailed", "must be a key of this App", 0, id="a client id unlearnt"
    ),
]


@pytest.mark.parametrize(("arrange", "reason", "advice", "refreshes"), USER_TOKENS)
def test_a_user_token_that_cannot_be_had_says_why_once(
    world: World, arrange: Arrange, reason: str, advice: str, refreshes: int
) -> None:
    arrange(world)
    assert_said_once(world, "alice", reason, advice)
    assert len(world.requests("refresh")) == refreshes
    assert world.get("Secret", "alice") is None
