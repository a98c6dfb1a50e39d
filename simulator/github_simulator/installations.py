"""How an installation token comes to be: `POST /app/installations/{id}/access_tokens`.

Source: docs.github.com, "Create an installation access token for an app". A new token never invalidates an earlier one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from github_simulator import tokens
from github_simulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from github_simulator.model import AccessToken, App, Installation, Repository
    from github_simulator.state import State

MAX_REPOSITORIES = 500
MINT_DOCUMENTATION = "https://docs.github.com/rest/reference/apps#create-an-installation-access-token-for-an-app"
SUSPENDED = "This installation has been suspended"
NOT_GRANTED = "The permissions requested are not granted to this installation."
NOT_ACCESSIBLE = "There is at least one repository that does not exist or is not accessible to the parent installation."
TOO_MANY_REPOSITORIES = "Too many repositories for installation"
_BEYOND_REPOSITORIES = ("enterprise_", "organization_", "members")
_LEVELS = {"read": 1, "write": 2, "admin": 3}


def find(state: State, app: App, installation_id: int) -> Installation:
    """The App's installation with that id. Raises `ApiError`: 404, also for another App's installation."""
    installation = state.installations.get(installation_id)
    if installation is None or installation.app is not app:
        raise ApiError(404, "Not Found")
    return installation


def mint(
    state: State, installation: Installation, body: dict[str, Any], *, now: float, stateless: bool
) -> tuple[str, AccessToken, list[Repository] | None]:
    """A new token for the installation, narrowed as the body asks.

    The body may have `repositories` (names without owner), `repository_ids` and `permissions`; `stateless` asks for the
    long format.

    Returns:
        The token's value, its record, and the repositories it was narrowed to (None: not narrowed).

    Raises `ApiError`: 403 for a suspended installation, 422 for what is not granted.
    """
    if installation.suspended_at is not None:
        raise ApiError(403, SUSPENDED)
    permissions = granted_permissions(installation, body.get("permissions"))
    repositories = _narrowed_repositories(state, installation, body)
    app = installation.app
    value = tokens.stateless(app.id) if stateless else tokens.classic("ghs")
    token = state.keep_access_token(
        value,
        app=app,
        now=now,
        life=app.installation_token_life,
        installation=installation,
        permissions=permissions,
        repository_ids=None if repositories is None else [repository.id for repository in repositories],
        narrowed=repositories is not None or bool(body.get("permissions")),
    )
    return value, token, repositories


def granted_permissions(installation: Installation, requested: object) -> dict[str, str]:
    """The permissions of a token: what was requested, or all that the installation has, `with_metadata`.

    Raises `ApiError`: 422 where more is requested than was granted.
    """
    if requested is None or requested == {}:
        return with_metadata(installation.permissions)
    if not isinstance(requested, dict):
        raise ApiError(422, "Invalid request.\n\nFor 'properties/permissions', it is not an object.", **_DOCUMENTED)
    granted = {**installation.permissions, "metadata": installation.permissions.get("metadata", "read")}
    for name, level in requested.items():
        if _LEVELS.get(str(level), len(_LEVELS) + 1) > _LEVELS.get(granted.get(name, ""), 0):
            raise ApiError(422, NOT_GRANTED, **_DOCUMENTED)
    return with_metadata(requested)


def with_metadata(permissions: Mapping[str, str]) -> dict[str, str]:
    """What GitHub makes of permissions: with one on repositories comes `metadata: read`, and not with others."""
    of_repositories = [name for name in permissions if not name.startswith(_BEYOND_REPOSITORIES)]
    return {**({"metadata": "read"} if of_repositories else {}), **permissions}


def _narrowed_repositories(state: State, installation: Installation, body: dict[str, Any]) -> list[Repository] | None:
    names, ids = body.get("repositories") or [], body.get("repository_ids") or []
    if not isinstance(names, list) or not isinstance(ids, list):
        raise ApiError(422, "Invalid request.\n\nFor 'properties/repositories', it is not an array.", **_DOCUMENTED)
    if not names and not ids:
        return None
    if len(names) + len(ids) > MAX_REPOSITORIES:
        raise ApiError(422, f"{TOO_MANY_REPOSITORIES} {installation.id}", **_DOCUMENTED)
    reachable = state.repositories_of(installation)
    by_name = {repository.name.lower(): repository for repository in reachable}
    by_id = {repository.id: repository for repository in reachable}
    wanted = [by_name.get(str(name).lower()) for name in names]
    wanted += [by_id.get(id_) if isinstance(id_, int) else None for id_ in ids]
    found = {repository.id: repository for repository in wanted if repository is not None}
    if None in wanted:
        raise ApiError(422, NOT_ACCESSIBLE, **_DOCUMENTED)
    return list(found.values())


_DOCUMENTED: dict[str, Any] = {"documentation_url": MINT_DOCUMENTATION}
