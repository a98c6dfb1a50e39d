"""Apps, installations, and the names of repositories and accounts, as the control API changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from github_simulator import tokens
from github_simulator.errors import ControlError
from github_simulator.owners import (
    add_key,
    app_document,
    change_app,
    change_installation,
    change_repository,
    create_app,
    find_app,
    find_installation,
    install,
    installation_document,
    reinstall,
    rename_account,
)

if TYPE_CHECKING:
    from github_simulator.control.asking import Asked, Document, Route


def _apps(asked: Asked) -> list[Document]:
    return [app_document(app) for app in asked.simulation.state.apps.values()]


def _create_app(asked: Asked) -> Document:
    return create_app(asked.simulation, asked.body)


def _change_app(asked: Asked) -> Document:
    app = find_app(asked.simulation, asked.path["app"])
    change_app(app, asked.body)
    return app_document(app)


def _add_key(asked: Asked) -> Document:
    app = find_app(asked.simulation, asked.path["app"])
    if not asked.body.get("keep_old", True):
        app.keys.clear()
    return add_key(app)


def _delete_key(asked: Asked) -> None:
    app = find_app(asked.simulation, asked.path["app"])
    if app.keys.pop(asked.path["key"], None) is None:
        raise ControlError("`key` must be the id of one of the App's keys", status=404)


def _delete_all_keys(asked: Asked) -> None:
    find_app(asked.simulation, asked.path["app"]).keys.clear()


def _rotate_client_secret(asked: Asked) -> Document:
    app = find_app(asked.simulation, asked.path["app"])
    if not asked.body.get("keep_old", False):
        app.client_secrets.clear()
    app.client_secrets.append(tokens.client_secret())
    return {"client_secret": app.client_secrets[-1]}


def _install(asked: Asked) -> Document:
    return installation_document(asked.simulation, install(asked.simulation, asked.body))


def _change_installation(asked: Asked) -> Document:
    installation = find_installation(asked.simulation, asked.path["installation"])
    change_installation(asked.simulation, installation, asked.body)
    return installation_document(asked.simulation, installation)


def _uninstall(asked: Asked) -> None:
    installation = find_installation(asked.simulation, asked.path["installation"])
    asked.simulation.state.uninstall(installation, now=asked.now)


def _reinstall(asked: Asked) -> Document:
    installation = find_installation(asked.simulation, asked.path["installation"])
    return installation_document(asked.simulation, reinstall(asked.simulation, installation))


def _change_repository(asked: Asked) -> Document:
    repository = change_repository(asked.simulation, asked.path["owner"], asked.path["name"], asked.body)
    return {"id": repository.id, "full_name": repository.full_name}


def _rename_account(asked: Asked) -> None:
    rename_account(asked.simulation, asked.path["login"], asked.text("login"))


ROUTES: list[Route] = [
    ("GET", "/apps", _apps),
    ("POST", "/apps", _create_app),
    ("PATCH", "/apps/{app}", _change_app),
    ("POST", "/apps/{app}/keys", _add_key),
    ("DELETE", "/apps/{app}/keys/{key}", _delete_key),
    ("DELETE", "/apps/{app}/keys", _delete_all_keys),
    ("POST", "/apps/{app}/client-secrets", _rotate_client_secret),
    ("POST", "/installations", _install),
    ("PATCH", "/installations/{installation}", _change_installation),
    ("DELETE", "/installations/{installation}", _uninstall),
    ("POST", "/installations/{installation}/reinstall", _reinstall),
    ("PATCH", "/repositories/{owner}/{name}", _change_repository),
    ("PATCH", "/accounts/{login}", _rename_account),
]
"""What it answers."""
