"""Everything that exists on the simulated GitHub, and how it comes to be and goes.

One `State` belongs to one simulator and is touched from its event loop only, so each method is atomic. Names of
accounts and repositories are compared without regard to case, as GitHub does.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from github_simulator import tokens
from github_simulator.model import (
    AccessToken,
    Account,
    App,
    DeviceCode,
    Installation,
    PersonalToken,
    RefreshToken,
    Repository,
    SignIn,
    WebCode,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from github_simulator.model import AccountType, AppKind, Flow, PersonalKind, Selection

AnyToken = AccessToken | PersonalToken


class State:
    """Accounts, repositories, Apps, installations, sign-ins, codes and tokens.

    Attributes:
        moved: Repositories by the full names that they had before, until another is made under that name.
        stateless_tokens: Whether installation tokens have github.com's long format rather than the classic one of GHES.
    """

    def __init__(self, *, stateless_tokens: bool = True) -> None:
        self.stateless_tokens = stateless_tokens
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.moved: dict[str, Repository] = {}
        self.apps: dict[int, App] = {}
        self.installations: dict[int, Installation] = {}
        self.sign_ins: list[SignIn] = []
        self.access_tokens: dict[str, AccessToken] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}
        self.personal_tokens: dict[str, PersonalToken] = {}
        self.device_codes: dict[str, DeviceCode] = {}
        self.web_codes: dict[str, WebCode] = {}
        self._ids = itertools.count(1001)
        self._apps_by_client_id: dict[str, App] = {}

    def account(self, login: str, *, now: float, type_: AccountType = "Organization") -> Account:
        """The account of that name, made where there is none yet. An enterprise's slug may be another's login."""
        key = _key(login, type_)
        if key not in self.accounts:
            self.accounts[key] = Account(id=next(self._ids), login=login, type=type_, created_at=now)
        return self.accounts[key]

    def repository(self, owner: Account, name: str, *, now: float, private: bool = True) -> Repository:
        """The repository of that name, made where there is none yet."""
        key = f"{owner.login}/{name}".lower()
        if key not in self.repositories:
            self.repositories[key] = Repository(next(self._ids), name, owner, now, private)
            self.moved.pop(key, None)
        return self.repositories[key]

    def find_repository(self, owner: str, name: str) -> Repository | None:
        """The repository `owner/name`, or None."""
        return self.repositories.get(f"{owner}/{name}".lower())

    def find_moved(self, owner: str, name: str) -> Repository | None:
        """The repository that was called `owner/name` before, or None."""
        return self.moved.get(f"{owner}/{name}".lower())

    def repository_by_id(self, number: int) -> Repository | None:
        """The repository of that number, whatever it is called."""
        return next((each for each in self.repositories.values() if each.id == number), None)

    def move_repository(self, repository: Repository, *, name: str, owner: Account) -> None:
        """Rename it, give it to another owner, or both. What it was called leads to it; selections do not follow it.

        Raises `ValueError`: there is a repository of the new name.
        """
        before, after = repository.full_name.lower(), f"{owner.login}/{name}".lower()
        if after != before and after in self.repositories:
            raise ValueError(f"there is a repository `{owner.login}/{name}`")
        if owner is not repository.owner:
            for installation in self.installations.values():
                installation.selected.discard(repository.id)
        repository.name, repository.owner = name, owner
        self._renamed({before: repository})

    def rename_account(self, account: Account, login: str) -> None:
        """Call it otherwise. Its repositories are led to, its own old login is free for anybody.

        Raises `ValueError`: there is an account of the new login.
        """
        former, key = _key(account.login, account.type), _key(login, account.type)
        if key != former and key in self.accounts:
            raise ValueError(f"there is an account `{login}`")
        before = {key: each for key, each in self.repositories.items() if each.owner is account}
        del self.accounts[former]
        account.login = login
        self.accounts[key] = account
        self._renamed(before)

    def _renamed(self, before: Mapping[str, Repository]) -> None:
        """Files repositories, which were known by these keys, under their present names."""
        for key in before:
            del self.repositories[key]
        self.moved |= before
        for repository in before.values():
            self.repositories[repository.full_name.lower()] = repository
            self.moved.pop(repository.full_name.lower(), None)

    def create_app(
        self,
        slug: str,
        *,
        owner: Account,
        now: float,
        keys: Mapping[str, RSAPublicKey],
        kind: AppKind = "github-app",
        number: int | None = None,
    ) -> App:
        """A new App with a client secret and these keys, and with this id if one is given."""
        app = App(
            id=next(self._ids) if number is None else number,
            slug=slug,
            owner=owner,
            client_id=tokens.client_id(),
            created_at=now,
            kind=kind,
            client_secrets=[tokens.client_secret()],
            keys=dict(keys),
            tokens_expire=kind == "github-app",
        )
        self.apps[app.id] = app
        self._apps_by_client_id[app.client_id] = app
        return app

    def app_by_client_id(self, client_id: str) -> App | None:
        """The App with that client id, or None."""
        return self._apps_by_client_id.get(client_id)

    def app_by_issuer(self, issuer: str) -> App | None:
        """The App that a JWT's `iss` names: by app id or client id."""
        app = self.apps.get(int(issuer)) if issuer.isascii() and issuer.isdigit() else self.app_by_client_id(issuer)
        return app if app is not None and app.kind == "github-app" else None

    def install(
        self, app: App, account: Account, *, permissions: Mapping[str, str], selection: Selection, now: float
    ) -> Installation:
        """Install the App on the account; `selected` is filled by the caller."""
        installation = Installation(
            id=next(self._ids),
            app=app,
            account=account,
            permissions=dict(permissions),
            repository_selection=selection,
            created_at=now,
            updated_at=now,
        )
        self.installations[installation.id] = installation
        return installation

    def uninstall(self, installation: Installation, *, now: float) -> None:
        """Remove the installation; its tokens are dead."""
        del self.installations[installation.id]
        for token in self.access_tokens.values():
            if token.installation is installation:
                revoke(token, now)

    def repositories_of(self, installation: Installation) -> list[Repository]:
        """What the installation reaches, oldest first."""
        everything = installation.repository_selection == "all"
        return [
            repository
            for repository in self.repositories.values()
            if repository.owner is installation.account and (everything or repository.id in installation.selected)
        ]

    def installations_of(self, app: App) -> list[Installation]:
        """The App's installations, oldest first."""
        return [installation for installation in self.installations.values() if installation.app is app]

    def keep_access_token(
        self,
        value: str,
        *,
        app: App,
        now: float,
        life: float | None,
        installation: Installation | None = None,
        sign_in: SignIn | None = None,
        permissions: Mapping[str, str] | None = None,
        repository_ids: Iterable[int] | None = None,
        narrowed: bool = False,
    ) -> AccessToken:
        """Remember that `value` was issued, for `life` seconds (None: for ever)."""
        token = AccessToken(
            sha256=tokens.sha256(value),
            prefix=value.partition("_")[0],
            last_eight=value[-8:],
            id=next(self._ids),
            app=app,
            created_at=now,
            expires_at=None if life is None else now + life,
            installation=installation,
            sign_in=sign_in,
            permissions=dict(permissions or {}),
            repository_ids=None if repository_ids is None else frozenset(repository_ids),
            narrowed=narrowed,
        )
        self.access_tokens[token.sha256] = token
        return token

    def keep_refresh_token(self, value: str, *, sign_in: SignIn, now: float) -> RefreshToken:
        """Remember that `value` was issued as the sign-in's refresh token."""
        token = RefreshToken(tokens.sha256(value), sign_in, now, now + sign_in.app.refresh_token_life)
        self.refresh_tokens[token.sha256] = token
        return token

    def create_personal_token(
        self,
        user: Account,
        *,
        kind: PersonalKind,
        now: float,
        life: float | None,
        scopes: tuple[str, ...] = (),
        utc_offset: int = 0,
    ) -> str:
        """A new personal token that lives `life` seconds (None: for ever). Returns its value."""
        value = tokens.personal(kind)
        self.personal_tokens[tokens.sha256(value)] = PersonalToken(
            sha256=tokens.sha256(value),
            kind=kind,
            user=user,
            created_at=now,
            expires_at=None if life is None else now + life,
            scopes=scopes,
            utc_offset=utc_offset,
        )
        return value

    def find_token(self, value: str) -> AnyToken | None:
        """The access or personal token of that value, live or not."""
        sha256 = tokens.sha256(value)
        return self.access_tokens.get(sha256) or self.personal_tokens.get(sha256)

    def begin_sign_in(self, app: App, user: Account, *, flow: Flow, scopes: tuple[str, ...], expiring: bool) -> SignIn:
        """A new chain of pairs, still without its first."""
        sign_in = SignIn(next(self._ids), app, user, flow, scopes, expiring)
        self.sign_ins.append(sign_in)
        return sign_in

    def revoke_grant(self, app: App, user: Account, *, now: float) -> int:
        """Take the user's authorization of the App back: all its tokens die. Returns how many sign-ins it had."""
        found = [sign_in for sign_in in self.sign_ins if sign_in.app is app and sign_in.user is user]
        for sign_in in found:
            for token in self.access_tokens.values():
                if token.sign_in is sign_in:
                    revoke(token, now)
            if sign_in.refresh is not None:
                revoke(sign_in.refresh, now)
        return len(found)

    def revoke_credential(self, value: str, *, now: float) -> None:
        """Kill one token of a user: access, refresh or personal; an installation's token stays."""
        token = self.find_token(value) or self.refresh_tokens.get(tokens.sha256(value))
        if token is not None and not (isinstance(token, AccessToken) and token.installation is not None):
            revoke(token, now)


def revoke(token: AnyToken | RefreshToken, now: float) -> None:
    """Kill a token; the first time counts."""
    if token.revoked_at is None:
        token.revoked_at = now


def _key(login: str, type_: AccountType) -> str:
    """Under which an account is filed: an enterprise's slug may be another's login."""
    return f"enterprises/{login}".lower() if type_ == "Enterprise" else login.lower()
