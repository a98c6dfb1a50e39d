from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from github_simulator import oauth
from github_simulator.model import App, Installation
from github_simulator.state import State
from github_simulator.tokens import sha256

if TYPE_CHECKING:
    from github_simulator.model import AppKind

START = 1_700_000_000.0


@dataclass
class World:
    """A small GitHub, and the moves that tests make in it. Time stands still unless `now` is moved."""

    state: State = field(default_factory=State)
    now: float = START

    def app(self, slug: str = "acme-bot", *, kind: AppKind = "github-app", **settings: object) -> App:
        owner = self.state.account("acme", now=self.now)
        app = self.state.create_app(slug, owner=owner, now=self.now, keys={}, kind=kind)
        app.permissions = {"contents": "write", "metadata": "read"}
        for name, value in settings.items():
            setattr(app, name, value)
        return app

    def install(
        self, app: App, account: str = "acme", repositories: tuple[str, ...] | None = ("website",)
    ) -> Installation:
        owner = self.state.account(account, now=self.now)
        installation = self.state.install(
            app,
            owner,
            permissions=app.permissions,
            selection="all" if repositories is None else "selected",
            now=self.now,
        )
        for name in repositories or ():
            installation.selected.add(self.state.repository(owner, name, now=self.now).id)
        return installation

    def sign_in(self, app: App, *, flow: str = "web", scopes: tuple[str, ...] = ()) -> oauth.Issued:
        alice = self.state.account("alice", now=self.now, type_="User")
        return oauth.sign_in(
            self.state, app, alice, flow="device" if flow == "device" else "web", scopes=scopes, now=self.now
        )

    def refresh(self, app: App, refresh_token: str | None, **fields: str | None) -> oauth.Issued:
        sent = {
            "client_id": app.client_id,
            "client_secret": app.client_secrets[0],
            "refresh_token": refresh_token,
            **fields,
        }
        return oauth.refresh(
            self.state, {name: value for name, value in sent.items() if value is not None}, now=self.now
        )

    def is_live(self, value: str | None) -> bool:
        digest = sha256(value or "")
        token = self.state.access_tokens.get(digest) or self.state.refresh_tokens.get(digest)
        return token is not None and token.is_live(self.now)


@pytest.fixture
def world() -> World:
    return World()
