"""What owners of Apps and accounts do: create Apps and keys, install, suspend, grant, rename."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from github_simulator.control_client.connection import Connection
from github_simulator.control_client.values import App, Installation

if TYPE_CHECKING:
    from collections.abc import Sequence


class Owners(Connection):
    """Apps, installations, and the names of repositories and accounts."""

    def create_app(
        self, slug: str, *, token_life: float | None = None, user_token_life: float | None = None, **settings: object
    ) -> App:
        """A new App.

        Args:
            slug: Its name; must be new.
            token_life: Seconds that an installation token lives (default 3600).
            user_token_life: Seconds that a user token lives (default 28800).
            settings: `owner`, `kind` (`github-app`, `oauth-app`), `key=False`, `private_key` (PEM, instead of a
                generated one), `permissions`, `tokens_expire`,
                `device_flow`, `refresh_token_life`, `device_code_life`, `device_interval`, `stale_device_polls`,
                `user_token_prefix`, `user_token_tail`.
        """
        lives = {"installation_token_life": token_life, "user_token_life": user_token_life}
        given = {name: value for name, value in lives.items() if value is not None}
        document = self.call("POST", "/apps", {"slug": slug, **given, **settings})
        return App(**{name: document[name] for name in App.__slots__})

    def change_app(self, app: App, **settings: object) -> None:
        """Change an App's settings: those of `create_app`, with `installation_token_life` in full."""
        self.call("PATCH", f"/apps/{app.id}", settings)

    def add_key(self, app: App, *, keep_old: bool = True) -> tuple[str, str]:
        """Generate another private key; returns its id and its PEM. `keep_old=False` rotates."""
        document = self.call("POST", f"/apps/{app.id}/keys", {"keep_old": keep_old})
        return document["key_id"], document["private_key"]

    def delete_key(self, app: App, key_id: str | None = None) -> None:
        """Delete one of the App's keys, or all of them."""
        self.call("DELETE", f"/apps/{app.id}/keys" + (f"/{key_id}" if key_id else ""))

    def rotate_client_secret(self, app: App, *, keep_old: bool = False) -> str:
        """A new client secret; the old one stops working unless it is kept."""
        secret: str = self.call("POST", f"/apps/{app.id}/client-secrets", {"keep_old": keep_old})["client_secret"]
        return secret

    def install(
        self,
        app: App,
        account: str,
        *,
        repositories: Sequence[str] | None = None,
        permissions: dict[str, str] | None = None,
        repository_selection: str | None = None,
        account_type: str = "Organization",
    ) -> Installation:
        """Install the App on an account; account and repositories (names without owner) are made where they are new.

        Named repositories make the selection `selected`, unless `repository_selection="all"`.
        """
        body = {
            "app": app.id,
            "account": account,
            "account_type": account_type,
            "repositories": None if repositories is None else list(repositories),
            "permissions": permissions,
            "repository_selection": repository_selection,
        }
        return _installation(self.call("POST", "/installations", body))

    def change_installation(self, installation: Installation, **changes: object) -> Installation:
        """Change `permissions`, `repositories`, `repository_selection` or `suspended`."""
        return _installation(self.call("PATCH", f"/installations/{installation.id}", changes))

    def suspend(self, installation: Installation) -> None:
        """Suspend the installation: its tokens answer 403, no new one is minted."""
        self.change_installation(installation, suspended=True)

    def unsuspend(self, installation: Installation) -> None:
        """Take the suspension back; tokens that have not expired work again."""
        self.change_installation(installation, suspended=False)

    def uninstall(self, installation: Installation) -> None:
        """Remove the installation; its tokens are dead and it is unknown."""
        self.call("DELETE", f"/installations/{installation.id}")

    def reinstall(self, installation: Installation) -> Installation:
        """Uninstall the App and install it again with the same choices: another id, and the old tokens are dead."""
        return _installation(self.call("POST", f"/installations/{installation.id}/reinstall"))

    def rename_repository(self, full_name: str, name: str) -> None:
        """Call `owner/name` otherwise. Its old name is redirected, and refused where a token is minted for it."""
        self.call("PATCH", f"/repositories/{full_name}", {"name": name})

    def transfer_repository(self, full_name: str, owner: str) -> None:
        """Give `owner/name` to another owner: installations that had selected it have it no more."""
        self.call("PATCH", f"/repositories/{full_name}", {"owner": owner})

    def rename_account(self, login: str, new_login: str) -> None:
        """Call a user or an organization otherwise. Its repositories are redirected, its old login is unknown."""
        self.call("PATCH", f"/accounts/{login}", {"login": new_login})


def _installation(document: dict[str, Any]) -> Installation:
    renamed = {"app_id": document["app"], **{name: value for name, value in document.items() if name != "app"}}
    return Installation(**renamed)
