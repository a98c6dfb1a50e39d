"""Apps, installations, and the names of repositories and accounts, as the control API changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from github_simulator import tokens
from github_simulator.control.bodies import text
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
    from collections.abc import Mapping

    from github_simulator.control.bodies import Document, Route
    from github_simulator.simulation import Simulation


class Owners:
    """What owners of Apps and accounts do."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """What it answers."""
        return [
            ("GET", "/apps", self._apps),
            ("POST", "/apps", self._create_app),
            ("PATCH", "/apps/{app}", self._change_app),
            ("POST", "/apps/{app}/keys", self._add_key),
            ("DELETE", "/apps/{app}/keys/{key}", self._delete_key),
            ("DELETE", "/apps/{app}/keys", self._delete_all_keys),
            ("POST", "/apps/{app}/client-secrets", self._rotate_client_secret),
            ("POST", "/installations", self._install),
            ("PATCH", "/installations/{installation}", self._change_installation),
            ("DELETE", "/installations/{installation}", self._uninstall),
            ("POST", "/installations/{installation}/reinstall", self._reinstall),
            ("PATCH", "/repositories/{owner}/{name}", self._change_repository),
            ("PATCH", "/accounts/{login}", self._rename_account),
        ]

    def _apps(self, _body: Document, _parameters: Mapping[str, str]) -> list[Document]:
        return [app_document(app) for app in self._simulation.state.apps.values()]

    def _create_app(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        return create_app(self._simulation, body)

    def _change_app(self, body: Document, parameters: Mapping[str, str]) -> Document:
        app = find_app(self._simulation, parameters["app"])
        change_app(app, body)
        return app_document(app)

    def _add_key(self, body: Document, parameters: Mapping[str, str]) -> Document:
        app = find_app(self._simulation, parameters["app"])
        if not body.get("keep_old", True):
            app.keys.clear()
        return add_key(app)

    def _delete_key(self, _body: Document, parameters: Mapping[str, str]) -> None:
        app = find_app(self._simulation, parameters["app"])
        if app.keys.pop(parameters["key"], None) is None:
            raise ControlError("`key` must be the id of one of the App's keys", status=404)

    def _delete_all_keys(self, _body: Document, parameters: Mapping[str, str]) -> None:
        find_app(self._simulation, parameters["app"]).keys.clear()

    def _rotate_client_secret(self, body: Document, parameters: Mapping[str, str]) -> Document:
        app = find_app(self._simulation, parameters["app"])
        if not body.get("keep_old", False):
            app.client_secrets.clear()
        app.client_secrets.append(tokens.client_secret())
        return {"client_secret": app.client_secrets[-1]}

    def _install(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        return installation_document(self._simulation, install(self._simulation, body))

    def _change_installation(self, body: Document, parameters: Mapping[str, str]) -> Document:
        installation = find_installation(self._simulation, parameters["installation"])
        change_installation(self._simulation, installation, body)
        return installation_document(self._simulation, installation)

    def _uninstall(self, _body: Document, parameters: Mapping[str, str]) -> None:
        installation = find_installation(self._simulation, parameters["installation"])
        self._simulation.state.uninstall(installation, now=self._simulation.clock.now())

    def _reinstall(self, _body: Document, parameters: Mapping[str, str]) -> Document:
        installation = find_installation(self._simulation, parameters["installation"])
        return installation_document(self._simulation, reinstall(self._simulation, installation))

    def _change_repository(self, body: Document, parameters: Mapping[str, str]) -> Document:
        repository = change_repository(self._simulation, parameters["owner"], parameters["name"], body)
        return {"id": repository.id, "full_name": repository.full_name}

    def _rename_account(self, body: Document, parameters: Mapping[str, str]) -> None:
        rename_account(self._simulation, parameters["login"], text(body, "login"))
