"""What bad input gets: a reason, a message that says what to do, one event, no endless retries, no crash.

Each row makes one GitHubToken, `ci` or `alice`, that cannot be served.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization

from tests.integration.operator.stage.belongings import pem

if TYPE_CHECKING:
    from github_simulator.control_client import App
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds

Arrange = Callable[["World"], None]
Key = str | Callable[[], str] | None
"""What is under a key of a Secret, made when it is needed; nothing where that is None."""


def public_key() -> str:
    key = serialization.load_pem_private_key(pem().encode(), None).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def encrypted_key() -> str:
    return pem(password=b"hush", form=serialization.PrivateFormat.PKCS8)


def assert_said_once(world: World, name: str, reason: str, advice: str) -> None:
    ready = world.wait_reason(name, reason)
    assert advice in ready.message
    world.settle()
    assert len(world.events(name, reason=reason)) == 1


def wanted(**source: Any) -> Arrange:  # noqa: ANN401 - fields of any kind
    """A token of an App with which all is well, for what `source` says."""

    def arrange(world: World) -> None:
        world.app()
        world.installation_token(**source)

    return arrange


def of_an_app(secret: Mapping[str, Key] | None, **spec: Any) -> Arrange:  # noqa: ANN401 - fields of any kind
    """A token of an App with these fields, and of its Secret these keys; without a Secret where that is None."""

    def arrange(world: World) -> None:
        make_app(world, secret, **spec)
        world.installation_token()

    return arrange


def make_app(world: World, secret: Mapping[str, Key] | None, **spec: Any) -> App:  # noqa: ANN401 - as above
    app = world.register()
    world.install(app)
    if secret is not None:
        keys: dict[str, Any] = {key: value() if callable(value) else value for key, value in secret.items()}
        world.app_secret(app, **keys)
    world.github_app(app, **spec)
    return app


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


NAMES_NO_SECRET = {"privateKeySecretRef": None, "clientSecretSecretRef": None}
ELSEWHERE = {"apiURL": "https://github.example.com/api/v3", "webURL": "https://github.example.com"}
INSTALLATION_TOKENS = [
    pytest.param(lambda world: world.installation_token(), "AppNotFound", "create it", 0, id="the App is not there"),
    pytest.param(of_an_app(None), "PrivateKeyMissing", "create it", 0, id="the key's Secret is not there"),
    pytest.param(
        of_an_app({"private_key_pem": None}),
        "PrivateKeyMissing",
        "put it under `private-key.pem`",
        0,
        id="the Secret has no such key",
    ),
    pytest.param(
        of_an_app(None, **NAMES_NO_SECRET),
        "PrivateKeyMissing",
        "set `spec.privateKeySecretRef`",
        0,
        id="the App names no key",
    ),
    pytest.param(
        of_an_app({"private_key_pem": "let me in"}),
        "PrivateKeyInvalid",
        "must be the App's unencrypted RSA",
        0,
        id="garbage for a key",
    ),
    pytest.param(
        of_an_app({"private_key_pem": encrypted_key}), "PrivateKeyInvalid", "it is encrypted", 0, id="an encrypted key"
    ),
    pytest.param(
        of_an_app({"private_key_pem": public_key}), "PrivateKeyInvalid", "it is a public key", 0, id="a public key"
    ),
    pytest.param(
        of_an_app({"private_key_pem": pem}),
        "AuthenticationFailed",
        "must be a key of this App. Check",
        3,
        id="another App's key",
    ),
    pytest.param(
        of_an_app({}, appID=987654321, clientID=None),
        "AuthenticationFailed",
        "Check `spec.appID`",
        3,
        id="an App that GitHub does not know",
    ),
    pytest.param(
        wanted(id=987654321), "InstallationNotFound", "install it, or correct", 4, id="an unknown installation id"
    ),
    pytest.param(
        wanted(owner="nobody-at-all"), "InstallationNotFound", "install it, or correct", 4, id="an unknown owner"
    ),
    pytest.param(unknown_repository, "InstallationNotFound", "install it, or correct", 4, id="an unknown repository"),
    pytest.param(suspended_installation, "InstallationSuspended", "unsuspend", 4, id="a suspended installation"),
    pytest.param(
        suspended_installation_by_id, "InstallationSuspended", "unsuspend", 4, id="a suspended installation by id"
    ),
    pytest.param(
        wanted(permissions={"administration": "write"}),
        "PermissionsNotGranted",
        "grant them",
        4,
        id="a permission that is not granted",
    ),
    # The installation is looked for once more, and the repository by the name that it may have had.
    pytest.param(
        wanted(repositories=["secret-plans"]),
        "RepositoryNotAccessible",
        "give the installation access",
        7,
        id="no such repository",
    ),
    pytest.param(of_an_app({}, **ELSEWHERE), "HostNotAllowed", "--allowed-hosts", 0, id="a host that is not allowed"),
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


def with_seed(text: str | None) -> Arrange:
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


def of_a_user(secret: Mapping[str, Key], *, known: bool = True, **spec: Any) -> Arrange:  # noqa: ANN401 - as above
    """A user's token of an App with these fields, and these keys in its Secret; `known`: first the App is looked at.

    What becomes known of an App after a failure is a reason to try once more, and requests are counted here.
    """

    def arrange(world: World) -> None:
        app = make_app(world, secret, **spec)
        if known:
            world.wait_ready("acme", kind="GitHubApp")
        world.user_token(seed=world.sign_in(app))

    return arrange


USER_TOKENS = [
    pytest.param(lambda world: world.user_token(), "AppNotFound", "create it", 0, id="no App"),
    pytest.param(
        with_seed(None), "CredentialMissing", "create it with a refresh token under", 0, id="no seed's Secret"
    ),
    pytest.param(with_seed(""), "CredentialMissing", "must hold a refresh token of GitHub", 0, id="an empty seed"),
    pytest.param(with_seed("hunter2"), "CredentialMissing", "must hold a refresh token of GitHub", 0, id="a password"),
    pytest.param(
        an_access_token_for_a_seed, "CredentialMissing", "must hold a refresh token of GitHub", 0, id="an access token"
    ),
    pytest.param(an_expired_seed, "ReauthorizationRequired", "ign in again", 1, id="an expired seed"),
    pytest.param(a_revoked_seed, "ReauthorizationRequired", "ign in again", 1, id="a revoked seed"),
    pytest.param(
        of_a_user({}, clientID="Iv23wrong", privateKeySecretRef=None),
        "AuthenticationFailed",
        "check `spec.clientID`",
        1,
        id="a wrong client id",
    ),
    pytest.param(
        of_a_user({"client_secret": "0123456789abcdef0123456789abcdef01234567"}),
        "AuthenticationFailed",
        "`spec.clientSecretSecretRef`",
        1,
        id="a wrong client secret",
    ),
    pytest.param(
        of_a_user({"client_secret": None}, known=False),
        "ClientSecretMissing",
        "put it under `client-secret`",
        0,
        id="no client secret there",
    ),
    pytest.param(
        of_a_user({}, clientSecretSecretRef=None),
        "ClientSecretMissing",
        "set `spec.clientSecretSecretRef`",
        1,
        id="no client secret named",
    ),
    pytest.param(
        of_a_user({}, known=False, clientID=None, privateKeySecretRef=None),
        "AppNotReady",
        "set its `spec.clientID`",
        0,
        id="no client id",
    ),
    pytest.param(
        of_a_user({"private_key_pem": pem}, known=False, clientID=None),
        "AuthenticationFailed",
        "must be a key of this App",
        0,
        id="a client id unlearnt",
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
