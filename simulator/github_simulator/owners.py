"""What owners of Apps and accounts do on github.com's pages: create Apps and keys, install, suspend, grant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from github_simulator.errors import ControlError
from github_simulator.tokens import client_secret

if TYPE_CHECKING:
    from github_simulator.model import Account, App, Installation, Repository, Selection
    from github_simulator.simulation import Simulation

APP_SETTINGS: dict[str, type] = {
    "permissions": dict,
    "tokens_expire": bool,
    "device_flow": bool,
    "installation_token_life": float,
    "user_token_life": float,
    "refresh_token_life": float,
    "device_code_life": float,
    "device_interval": int,
    "stale_device_polls": int,
    "user_token_prefix": str,
    "user_token_tail": str,
}
DEFAULT_PERMISSIONS = {"contents": "write", "issues": "write", "metadata": "read"}
_KEY_BITS = 2048


def find_app(simulation: Simulation, name: object) -> App:
    """The App with that id, client id or slug. Raises `ControlError`: 404."""
    for app in simulation.state.apps.values():
        if str(name) in {str(app.id), app.client_id, app.slug}:
            return app
    raise ControlError("`app` must be an App's id, client id or slug", status=404)


def find_installation(simulation: Simulation, number: object) -> Installation:
    """The installation with that id. Raises `ControlError`: 404."""
    installation = simulation.state.installations.get(int(str(number)))
    if installation is None:
        raise ControlError("`installation` must be an installation's id", status=404)
    return installation


def find_user(simulation: Simulation, login: str) -> Account:
    """The user of that name, made where there is none yet."""
    return simulation.state.account(login, now=simulation.clock.now(), type_="User")


def create_app(simulation: Simulation, body: dict[str, Any]) -> dict[str, Any]:
    """A new App; the document has its private key and client secret.

    The body has `slug`, and optionally `id`, `owner`, `kind`, `client_secret`, `key` (False: without a key),
    `private_key` (PEM, instead of a generated one) and the fields of `APP_SETTINGS`.
    """
    slug = body.get("slug")
    if not isinstance(slug, str) or not slug:
        raise ControlError("`slug` must be a non-empty string")
    if any(app.slug == slug for app in simulation.state.apps.values()):
        raise ControlError(f"`slug` must be new; there is an App `{slug}`", status=409)
    number = body.get("id")
    if number is not None and (not isinstance(number, int) or number < 1 or number in simulation.state.apps):
        raise ControlError("`id` must be a new whole number above 0", status=409)
    now = simulation.clock.now()
    owner = simulation.state.account(body.get("owner", "octo-org"), now=now)
    kind = body.get("kind", "github-app")
    app = simulation.state.create_app(slug, owner=owner, now=now, keys={}, kind=kind, number=number)
    app.permissions = dict(DEFAULT_PERMISSIONS)
    change_app(app, {name: value for name, value in body.items() if name in APP_SETTINGS})
    document = app_document(app) | {"client_secret": app.client_secrets[0], "private_key": None, "key_id": None}
    if body.get("key", True) and kind == "github-app":
        document |= add_key(app, body.get("private_key"))
    return document


def change_app(app: App, changes: dict[str, Any]) -> None:
    """Set fields of `APP_SETTINGS`. Raises `ControlError`: A field is none of them."""
    for name, value in changes.items():
        if name not in APP_SETTINGS:
            raise ControlError(f"`{name}` must be one of {', '.join(APP_SETTINGS)}")
        setattr(app, name, APP_SETTINGS[name](value))


def add_key(app: App, given: str | None = None) -> dict[str, Any]:
    """Another key of the App: `key_id` and the private half, `private_key` (PEM, PKCS#1).

    A `given` private key (PEM) is used as it is, which spares a caller with many Apps the time to generate keys.
    """
    key = _loaded(given) if given else rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    # The key's name is random like a client secret, but it is no secret.
    key_id = client_secret()[:12]
    app.keys[key_id] = key.public_key()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return {"key_id": key_id, "private_key": pem.decode()}


def _loaded(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ControlError("`private_key` must be an RSA key")
    return key


def app_document(app: App) -> dict[str, Any]:
    """The App as the control API shows it, without secrets."""
    return {
        "id": app.id,
        "slug": app.slug,
        "owner": app.owner.login,
        "kind": app.kind,
        "client_id": app.client_id,
        "keys": sorted(app.keys),
        **{name: getattr(app, name) for name in APP_SETTINGS},
    }


def install(simulation: Simulation, body: dict[str, Any]) -> Installation:
    """Install an App on an account, which is made with its repositories where it is new.

    The body has `app`, `account`, and optionally `account_type`, `repositories` (names; they make the selection
    `selected` unless `repository_selection` says `all`), `permissions` (default: what the App asks for).
    """
    app, login = find_app(simulation, body.get("app")), body.get("account")
    if not isinstance(login, str) or not login or "/" in login:
        raise ControlError("`account` must be a login")
    now = simulation.clock.now()
    account = simulation.state.account(login, now=now, type_=body.get("account_type", "Organization"))
    names = body.get("repositories")
    selection: Selection = "all" if names is None or body.get("repository_selection") == "all" else "selected"
    permissions = body.get("permissions") or app.permissions
    installation = simulation.state.install(app, account, permissions=permissions, selection=selection, now=now)
    _select(simulation, installation, names or [])
    return installation


def reinstall(simulation: Simulation, installation: Installation) -> Installation:
    """Uninstall the App and install it again on the same account with the same choices: another id, dead tokens."""
    state, now = simulation.state, simulation.clock.now()
    state.uninstall(installation, now=now)
    again = state.install(
        installation.app,
        installation.account,
        permissions=installation.permissions,
        selection=installation.repository_selection,
        now=now,
    )
    again.selected |= installation.selected
    return again


def change_repository(simulation: Simulation, owner: str, name: str, changes: dict[str, Any]) -> Repository:
    """Rename a repository (`name`), transfer it (`owner`, made where it is new), or both.

    Raises `ControlError`: there is no such repository, or one of the new name; a field is neither of the two.
    """
    repository = simulation.state.find_repository(owner, name)
    if repository is None:
        raise ControlError("the path must name a repository as owner/name", status=404)
    if unknown := sorted(set(changes) - {"name", "owner"}):
        raise ControlError(f"`{unknown[0]}` must be `name` or `owner`")
    new_owner = simulation.state.account(changes.get("owner", repository.owner.login), now=simulation.clock.now())
    simulation.state.move_repository(repository, name=changes.get("name", repository.name), owner=new_owner)
    return repository


def rename_account(simulation: Simulation, login: str, new_login: str) -> None:
    """Call a user or an organization otherwise, or where there is none of that login the enterprise of that slug.

    Raises `ControlError`: there is no such account, or one of the new login.
    """
    accounts = simulation.state.accounts
    account = accounts.get(login.lower()) or accounts.get(f"enterprises/{login}".lower())
    if account is None:
        raise ControlError("the path must name an account by its login", status=404)
    simulation.state.rename_account(account, new_login)


def change_installation(simulation: Simulation, installation: Installation, changes: dict[str, Any]) -> None:
    """Change `suspended`, `permissions`, `repositories` or `repository_selection`."""
    now = simulation.clock.now()
    for name, value in changes.items():
        match name:
            case "suspended":
                installation.suspended_at = now if value else None
            case "permissions":
                installation.permissions = dict(value)
            case "repositories":
                installation.selected.clear()
                installation.repository_selection = "selected"
                _select(simulation, installation, value)
            case "repository_selection" if value in {"all", "selected"}:
                installation.repository_selection = value
            case _:
                raise ControlError(
                    f"`{name}` must be `suspended`, `permissions`, `repositories` or `repository_selection`"
                )
    installation.updated_at = now


def installation_document(simulation: Simulation, installation: Installation) -> dict[str, Any]:
    """The installation as the control API shows it; `repositories` are ids by name."""
    reachable = simulation.state.repositories_of(installation)
    return {
        "id": installation.id,
        "app": installation.app.id,
        "account": installation.account.login,
        "account_id": installation.account.id,
        "repository_selection": installation.repository_selection,
        "repositories": {repository.name: repository.id for repository in reachable},
        "permissions": installation.permissions,
        "suspended": installation.suspended_at is not None,
    }


def _select(simulation: Simulation, installation: Installation, names: list[str]) -> None:
    now = simulation.clock.now()
    for name in names:
        repository = simulation.state.repository(installation.account, name, now=now)
        installation.selected.add(repository.id)
